"""What a template may use, by name: the programme in words, in the reader's language and on the reader's clock.

Decides nothing and renders nothing. templates/README.md lists the same names for those who edit the texts, and a test
compares the two. Every text that people typed passes through `markup.literal` here, so a template can't forget it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from beklijf.ical.last import last_meeting
from beklijf.letters import markup
from beklijf.mime.links import Links, Replies
from beklijf.model import words
from beklijf.model.canonical import clock
from beklijf.model.domain import Contact, Kind, Role

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime
    from zoneinfo import ZoneInfo

    from beklijf.model.conversation import Offer
    from beklijf.model.domain import Event, Item, Letter, Override, Person, Programme, Track, Training, Wish

Value: TypeAlias = "str | int | Sequence[Value] | Mapping[str, Value]"
Values: TypeAlias = dict[str, Value]

GOALS = "goals"
"""The template of the one letter whose answers come to us."""


def common(programme: Programme, language: str) -> Values:
    return {
        "language": language,
        "organisation": markup.literal(programme.organisation.name),
        "programme": markup.literal(programme.organizer.name),
        "coordinator": contact(programme.organisation.coordinator),
        **ways(programme),
    }


def ways(programme: Programme) -> Values:
    """Return what decides how a meeting can be moved, and who reads answers."""
    return {
        "organized_by": programme.organized_by,
        "hears": programme.hears or programme.reads_mail,
        "reads_mail": programme.reads_mail,
        "mentee_proposal": programme.mentee_proposal,
        "mentor_proposal": programme.mentor_proposal,
    }


def contact(who: Contact | Person) -> Values:
    return {"name": markup.literal(who.name), "first": markup.literal(who.name.split()[0]), "email": markup.address(who.email)}


def by_reader(programme: Programme) -> dict[str, list[Track]]:
    """Return everybody's tracks, by the key of the person: looked through once, not once a letter."""
    tracks: dict[str, list[Track]] = {}
    for track in programme.tracks.values():
        for person in (track.mentorship.mentee, track.mentorship.mentor):
            tracks.setdefault(person.key, []).append(track)
    return tracks


def letter(letter: Letter, programme: Programme, mine: Sequence[Track], links: Links, offers: Sequence[Offer] = ()) -> Values:
    """Return the values of a letter: a mentor's has ``pairs``, one for each mentee; in a mentee's the only pair lies open.

    *mine* are all tracks of the reader; *offers* are other hours for the whole series, which only a mentee can choose.
    """
    wish = letter.wishes[0]
    reader, language = wish.person, wish.person.language
    training = programme.trainings[wish.training]
    replies = Replies(links, wish.mentorship, reader)
    to_come = _letters(letter, training, mine, language)
    values = common(programme, language) | {
        "reader": contact(reader),
        "you": str(wish.rule.role),
        "training": of_training(training, language),
        "answer": contact(reply_to(letter, programme, links)) | {"read": _answered_to_us(letter, links)},
        "pause": pausing(replies, still=bool(to_come["letters"])),
        **to_come,
    }
    if wish.session:
        values["session"] = words.days(block(training, wish.session), language)
    pairs = [_pair(programme.tracks[each.mentorship], each, letter.at, mine) for each in letter.wishes]
    if wish.rule.role is Role.MENTOR:
        return values | {"pairs": pairs, "mentees": words.listed([_first(pair["mentee"]) for pair in pairs], language)}
    return values | pairs[0] | {"goal_link": replies.goal(), "hours": offered(offers, reader, replies.hour) if links.works else []}


def pausing(replies: Replies, *, still: bool) -> Values:
    """Return the links of the line on pausing; *still*: there are letters to come, so that the line makes sense."""
    return {
        "still": still,
        "letters": replies.pause("letters"),
        "reminders": replies.pause("reminders"),
        "meetings": replies.pause("meetings"),
    }


def offered(offers: Sequence[Offer], reader: Person, link: Callable[[Offer], str]) -> list[Value]:
    zone, language = reader.zone, reader.language
    return [
        {
            "when": words.moment(each.start, zone, language),
            "hour": words.weekly(each.start, zone, language),
            "day": words.day(each.start.astimezone(zone).date(), language),
            "link": link(each),
        }
        for each in offers
    ]


def _answered_to_us(letter: Letter, links: Links) -> bool:
    return links.works and letter.wishes[0].rule.template == GOALS


def reply_to(letter: Letter, programme: Programme, links: Links | None = None) -> Contact:
    """Return who gets an answer: the mentor for a mentee's letters, the coordinator for a mentor's.

    An answer to the goals letter comes to the mailbox of *links*, where there is one that is read.
    """
    wish = letter.wishes[0]
    if links and _answered_to_us(letter, links):
        return Contact(programme.organizer.name, links.address)
    if wish.rule.role is Role.MENTOR:
        return programme.organisation.coordinator
    mentor = programme.tracks[wish.mentorship].mentorship.mentor
    return Contact(mentor.name, mentor.email)


def meeting(item: Item, programme: Programme, language: str, *, brief: bool) -> Values:
    """Return the values of an event's text; a calendar shows plain text, so nothing here is made literal for Markdown."""
    pair = programme.tracks[item.mentorships[0]].mentorship
    return {
        "language": language,
        **ways(programme),
        "you": "both",
        "organisation": programme.organisation.name,
        "programme": programme.organizer.name,
        "coordinator": _plain(programme.organisation.coordinator),
        "mentee": _plain(pair.mentee),
        "mentor": _plain(pair.mentor),
        "mentees": words.listed([programme.tracks[key].mentorship.mentee.first_name for key in item.mentorships], language),
        "trainings": words.listed([programme.trainings[key].name for key in trainings_of(item)], language),
        "series": item.every > 0,
        "rhythm": words.rhythm(item.every, language),
        "length": words.length(item.minutes, language),
        "brief": brief,
        "instead_of": words.day(item.instead_of, language) if item.instead_of else "",
        "left_out": [
            {
                "day": words.day(each.day, language),
                "why": words.reason(each.why, language),
                "stand_in": words.day(each.stand_in, language) if each.stand_in else "",
            }
            for each in item.left_out
        ],
        "days": [words.day(start.date(), language) for start in item.starts],
    }


def invitation(event: Event, item: Item | None, override: Override | None, reader: Person, programme: Programme) -> Values:
    """Return the values of the mail around an invitation; what the calendar holds counts, not what planning wanted."""
    language, zone = reader.language, reader.zone
    pair = programme.tracks.get(item.mentorships[0]) if item else None
    here = clock(event.start, pair.mentorship.zone if pair else programme.organisation.zone)
    start = event.start.astimezone(here)
    values: Values = common(programme, language) | {
        "reader": contact(reader),
        "you": _side(item, reader),
        "title": markup.literal(event.title),
        "place": markup.literal(event.location),
        "others": words.listed(
            [markup.literal(who.name) for who in event.people if who.email.casefold() != reader.email.casefold()], language
        ),
        "training": words.listed([markup.literal(programme.trainings[key].name) for key in trainings_of(item)], language) if item else "",
        "reminder": event.free,
        "series": event.recurrence is not None and override is None,
        "single": override is not None,
        "start": words.moment(start, zone, language),
        "when": words.span(start, event.minutes, zone, language),
        "rhythm": "",
        "last": "",
        "was": "",
    }
    if override:
        values["was"] = words.span(override.at.astimezone(here), event.minutes, zone, language)
        values["start"] = words.moment((override.start or override.at).astimezone(here), zone, language)
        if override.start:
            values["when"] = words.span(override.start.astimezone(here), override.minutes or event.minutes, zone, language)
    elif event.recurrence:
        # A human's own rhythm (recurrence.other) is not put into words: the dates are true, "every two weeks" would not be.
        every = event.recurrence.every
        values["rhythm"] = "" if event.recurrence.other else words.rhythm(every, language)
        last = last_meeting(event)
        values["last"] = words.day(last.astimezone(zone).date(), language, year=True) if last else ""
    return values


def _side(item: Item | None, reader: Person) -> str:
    """Return which of the two the reader is, empty where nobody knows: a mail about what planning has forgotten."""
    keys = [person.key for person in item.people] if item else []
    return dict(zip(keys, (Role.MENTEE, Role.MENTOR), strict=False)).get(reader.key, "") if len(keys) > 1 else ""


def trainings_of(item: Item) -> tuple[str, ...]:
    """Return the trainings that an event serves: its own, and another one's of the same pair."""
    others = {topic.training for topics in item.topics.values() for topic in topics} - {item.training}
    return (item.training, *sorted(others))


def block(training: Training, session: date) -> list[date]:
    """Return the session days that end on *session* and that people know as one: two days in a row, say."""
    found = [session]
    for each in reversed(training.sessions):
        if 0 < (found[0] - each.date).days < training.method.limits.block_gap:
            found.insert(0, each.date)
    return found


def of_training(training: Training, language: str) -> Values:
    dates = [each.date for each in training.sessions]
    return {
        "name": markup.literal(training.name),
        "purpose": markup.literal(training.purpose),
        "days": words.days(dates, language),
        "first": words.day(dates[0], language),
        "last": words.day(dates[-1], language),
        "count": words.number(len(dates), language),
    }


def _letters(letter: Letter, training: Training, mine: Sequence[Track], language: str) -> Values:
    """Return how many letters the reader is still to get, how many a week at most, and until when something comes."""
    reader = letter.person
    today = letter.at.astimezone(reader.zone).date()
    tracks = [track for track in mine if track.mentorship.training == training.id]
    wishes = {(wish.rule.id, wish.due) for track in tracks for wish in track.wishes if wish.person.key == reader.key and wish.due > today}
    reminders = [
        start.astimezone(reader.zone).date()
        for track in tracks
        for item in track.items
        if item.kind is Kind.REMINDER and any(person.key == reader.key for person in item.people)
        for start in item.starts
    ]
    ends = [due for _, due in wishes] + reminders
    return {
        "letters": len(wishes),
        "a_week": words.number(training.method.limits.letters_per_week, language),
        "end": words.day(max(ends), language, year=True) if ends else "",
        "reminders": len(reminders),
    }


def _pair(track: Track, wish: Wish, at: datetime, mine: Sequence[Track]) -> Values:
    pair, zone, language = track.mentorship, wish.person.zone, wish.person.language
    ours = [item for each in mine for item in each.items if item.people == (pair.mentee, pair.mentor) and item.starts[-1] > at]
    ahead = [words.moment(start, zone, language) for start in track.meetings if start > at]
    return {
        "mentee": contact(pair.mentee),
        "mentor": contact(pair.mentor),
        "goals": [markup.literal(goal) for goal in pair.goals],
        "next": ahead[0] if ahead else "",
        "ahead": ahead,
        "hour": _hour(track, at, zone, language),
        "proposed": track.proposed,
        **_meetings(ours, pair.training, at, zone, language),
    }


def _hour(track: Track, at: datetime, zone: ZoneInfo, language: str) -> str:
    """Return the pair's weekday and hour in the zone that it is kept in; elsewhere it shifts with the clocks."""
    if track.meets is None:
        return ""
    meets = track.meets
    first = at.astimezone(meets.zone).replace(hour=meets.at.hour, minute=meets.at.minute)
    first += timedelta(days=(meets.weekday - first.weekday()) % 7)
    return words.weekly(first, zone, language)


def _meetings(ahead: Sequence[Item], training: str, at: datetime, zone: ZoneInfo, language: str) -> Values:
    """Return what the welcome letters say of the pair's meetings to come: the goals meeting, and the series in outline.

    A pair in two trainings has one series, which another training may carry.
    """
    goals = next((item for item in ahead if item.questions == "goals" and training in trainings_of(item)), None)
    series = next((item for item in ahead if item.kind is Kind.SERIES), None)
    starts = [start for start in series.starts if start > at] if series else []
    return {
        "goals_meeting": words.moment(goals.starts[0], zone, language) if goals else "",
        "rhythm": words.rhythm(series.every, language) if series else "",
        "length": words.length(series.minutes, language) if series else "",
        "from": words.day(starts[0].astimezone(zone).date(), language) if starts else "",
        "until": words.day(starts[-1].astimezone(zone).date(), language) if starts else "",
    }


def _plain(who: Contact | Person) -> Values:
    return {"name": who.name, "first": who.name.split()[0], "email": who.email}


def _first(person: Value) -> str:
    assert isinstance(person, Mapping)
    return str(person["first"])

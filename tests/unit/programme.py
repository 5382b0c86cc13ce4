"""A programme small enough to check with a calendar in hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.config.method import load_method
from beklijf.model.domain import (
    Contact,
    Meets,
    Mentorship,
    MentorshipKey,
    OfficeHours,
    Organisation,
    Person,
    Session,
    Span,
    Topic,
    Training,
)
from beklijf.model.facts import Facts
from beklijf.planning import plan_tracks

if TYPE_CHECKING:
    from beklijf.model.domain import Item, Method, Track

METHOD, _ = load_method("default", Path())
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
WEEKDAYS = frozenset(range(5))
MON, TUE, WED, THU, FRI = range(5)
SOMEBODY = Contact("Marieke Smit", "opleidingen@voorbeeld.example")
ORGANISATION = Organisation(
    name="Gemeente Voorbeeld",
    zone=AMSTERDAM,
    language="nl",
    holidays="NL",
    closed=(),
    open=frozenset(),
    office_hours=OfficeHours(start=time(9), end=time(17), days=WEEKDAYS),
    letter_hour=time(9),
    coordinator=SOMEBODY,
    administrator=SOMEBODY,
)
NOTHING = Facts(joined={}, chosen={}, moved={}, kept={}, begun={}, generations={})


def person(name: str, *, works: frozenset[int] = WEEKDAYS, away: tuple[Span, ...] = (), zone: str = "Europe/Amsterdam") -> Person:
    email = f"{name.lower()}@voorbeeld.example"
    return Person(key=email, name=name, email=email, language="nl", zone=ZoneInfo(zone), works=works, away=away)


SANNE, KARIM, NOOR = person("Sanne"), person("Karim"), person("Noor")
THURSDAY = Meets(weekday=THU, at=time(15), minutes=60, zone=AMSTERDAM)
KEY = MentorshipKey("coachen/sanne@voorbeeld.example")


def day(text: str) -> date:
    """Read ``12 Jan``; the year is 2027, or 2026 from September on."""
    found = datetime.strptime(f"{text} 2027", "%d %b %Y").replace(tzinfo=UTC).date()
    return found.replace(year=2026) if found.month >= 9 else found


def days(*texts: str) -> list[date]:
    return [day(text) for text in texts]


def pair(mentee: Person = SANNE, mentor: Person = KARIM, meets: Meets | None = THURSDAY) -> Mentorship:
    return Mentorship(key=MentorshipKey(""), training="", mentee=mentee, mentor=mentor, meets=meets, goals=())


def training(
    *sessions: str,
    pairs: tuple[Mentorship, ...] = (),
    name: str = "coachen",
    method: Method = METHOD,
    more_sessions: bool = False,
) -> Training:
    found = tuple(Session(date=day(text), key=day(text)) for text in sessions)
    mentorships = tuple(
        replace(mentorship, key=MentorshipKey(f"{name}/{mentorship.mentee.key}"), training=name) for mentorship in pairs or (pair(),)
    )
    return Training(
        id=name,
        name=name.title(),
        purpose="",
        sessions=found,
        more_sessions=more_sessions,
        live=True,
        method=method,
        location="Kamer 1",
        online="",
        mentorships=mentorships,
    )


def plan(*trainings: Training, facts: Facts = NOTHING, off: tuple[str, ...] = ()) -> dict[MentorshipKey, Track]:
    """Plan with *off* as the public holidays."""
    return plan_tracks(ORGANISATION, trainings, facts, frozenset(days(*off)))


def item(track: Track, part: str) -> Item:
    [found] = [item for item in track.items if item.ref.rpartition("/")[2] == part]
    return found


def parts(track: Track) -> list[str]:
    return sorted(item.ref.rpartition("/")[2] for item in track.items)


def dates(item: Item) -> list[date]:
    return [start.date() for start in item.starts]


def joined(text: str, key: MentorshipKey = KEY) -> Facts:
    return replace(NOTHING, joined={key: datetime.combine(day(text), time(12), AMSTERDAM)})


def look_back_on(text: str) -> Topic:
    return Topic(questions="look-back", training="coachen", session=day(text))


GOALS = Topic(questions="goals", training="coachen")
NO_HOUR = pair(meets=None)

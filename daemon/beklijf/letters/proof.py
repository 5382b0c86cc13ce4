"""A proof print: every template with made-up people, before a real one gets a letter.

Sends nothing and reads no config: what it needs of one is the method of each training.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from beklijf.letters import TOO_LARGE, Letters
from beklijf.letters.specimens import CASES, offers, responses
from beklijf.mime.messages import Rendered
from beklijf.model.domain import (
    Contact,
    Item,
    Kind,
    LeftOut,
    Letter,
    Meets,
    Mentorship,
    MentorshipKey,
    OfficeHours,
    Organisation,
    Override,
    Person,
    Programme,
    Ref,
    Role,
    Session,
    Topic,
    Track,
    Training,
    Wish,
)
from beklijf.model.errors import ConfigError, Problem
from beklijf.model.words import LANGUAGES
from beklijf.planning.events import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from beklijf.letters import Around
    from beklijf.letters.pages import Page
    from beklijf.letters.specimens import Setting
    from beklijf.model.domain import LetterRule, Method

ZONE: Final = ZoneInfo("Europe/Amsterdam")
SESSIONS: Final = (date(2026, 12, 8), date(2027, 1, 12), date(2027, 1, 13), date(2027, 2, 9))
GOALS: Final = (
    "In elk werkoverleg eerst twee vragen stellen",
    "Na een gesprek *opschrijven* wat ik hoorde",
    "<Vaker> iets uit handen geven & laten",
)
MEETS: Final = Meets(weekday=3, at=time(15), minutes=60, zone=ZONE)
NAMES: Final = ("Sanne de Vries", "Noor van den Berg", "Sem Öztürk")


Hour = Literal["own", "proposed", "none"]

SPECIMENS: Final[tuple[tuple[int, int, Hour], ...]] = ((0, 1, "none"), (1, 1, "proposed"), (3, 1, "own"), (0, 3, "own"))
"""Goals, mentees, and where the pair's hour comes from."""

AROUND: Final[tuple[Around, ...]] = ("invitation", "update", "cancelled", "left")


def check(letters: Letters, methods: Iterable[Method], cases: Sequence[tuple[Setting, int]] = CASES) -> list[Problem]:
    """Render all that these methods can ask for, in both languages, and return what is wrong, in the order of the files.

    *cases* are the ways of moving and answering to go through; an installation has one, but may change it any day.
    """
    found = set(strangers(letters))
    for method, language in product({each.digest: each for each in methods}.values(), LANGUAGES):
        for goals, mentees, hour in SPECIMENS:
            made = programme(method, language=language, goals=goals, mentees=mentees, hour=hour)
            for letter in all_letters(letters, made):
                found |= set(_problems(partial(letters.page, letter, made)))
        made = programme(method, language=language, goals=3, mentees=3)
        for mail in all_mail(letters, made):
            found |= set(_problems(mail))
        for setting, count in cases:
            for page in answering(letters, programme(method, language=language), setting, count):
                found |= set(_problems(page))
    # one mistake is told once, though the values that it could have used differ from letter to letter
    return list({(each.file, each.line, each.where, each.what): each for each in sorted(found)}.values())


def strangers(letters: Letters) -> Iterator[Problem]:
    """Name files among the organisation's own templates that stand in for none of ours: a misspelt name changes nothing."""
    *own, bundled = letters.folders
    for folder in own:
        for path in sorted(folder.rglob("*.j2")):
            name = path.relative_to(folder)
            if not (bundled / name).exists() and not (bundled / name.parent / "1.md.j2").exists():
                yield Problem(
                    file=str(path),
                    what="takes the place of no template of ours",
                    hint="a rule may still name it; see templates/README.md for the names",
                    warning=True,
                )


def _problems(render: Callable[[], Rendered | Page | tuple[str, str]]) -> Iterator[Problem]:
    try:
        made = render()
    except ConfigError as error:
        yield from error.problems
    else:
        if isinstance(made, Rendered) and len(made.html.encode()) > TOO_LARGE:
            yield Problem(where=made.subject, what=f"a mail of more than {TOO_LARGE // 1000} kB, which Gmail cuts off")


def all_mail(letters: Letters, made: Programme) -> Iterator[Callable[[], Rendered | tuple[str, str]]]:
    """Yield how to render one letter of each template, each event, the mails around one event of each kind, and a notice."""
    track = next(iter(made.tracks.values()))
    for letter in all_letters(letters, made):
        if letter.wishes[0].variant == 1:  # the page of every variant has been proved; what is left is the layout
            yield partial(letters.letter, letter, made)
    for item in track.items:
        yield partial(letters.event, item, made)
    for item, kind in product({item.kind: item for item in track.items}.values(), AROUND):
        yield partial(_around, letters, made, item, kind)
    for kind in AROUND[1:3]:
        yield partial(_around, letters, made, track.items[0], kind, one=True)
    yield partial(letters.notice, made, made.organisation.coordinator, "5 changes are held", ["..."], "beklijf apply --approve 1a2b3c")


def answering(letters: Letters, made: Programme, setting: Setting, count: int) -> Iterator[Callable[[], Page | tuple[str, str]]]:
    """Yield how to render what depends on how people move and answer, with *count* times to choose from."""
    made = setting.of(made)
    times = offers(count, ZONE)
    for response in responses(made, count):
        yield partial(letters.page, response, made, setting.links())
    for letter in all_letters(letters, made):
        if letter.wishes[0].variant == 1:
            yield partial(letters.page, letter, made, setting.links(), offers=times)
    for item in next(iter(made.tracks.values())).items:
        yield partial(letters.event, item, made)


def _around(letters: Letters, made: Programme, item: Item, kind: Around, *, one: bool = False) -> Rendered:
    event = Writer(installation="specimen", programme=made, texts=letters).event(item)
    override = Override(event.start, event.start + timedelta(days=1) if kind == "update" else None, event.minutes) if one else None
    return letters.around(kind, event, item.people[-1], made, item=item, override=override)


def all_letters(letters: Letters, made: Programme) -> Iterator[Letter]:
    """Yield each letter of the programme's first pair, every variant of it once, a mentor's with all mentees in one."""
    tracks = list(made.tracks.values())
    seen: set[str] = set()
    for index, wish in enumerate(tracks[0].wishes):
        if wish.rule.template in seen:
            continue
        seen.add(wish.rule.template)
        merged = tuple(track.wishes[index] for track in tracks) if wish.rule.merge else (wish,)
        at = datetime.combine(wish.due, time(9), ZONE)
        for variant in range(1, letters.variants(wish.rule, wish.person.language) + 1):
            yield Letter(wishes=tuple(replace(each, variant=variant) for each in merged), at=at)


def programme(method: Method, *, language: str = "nl", goals: int = 1, mentees: int = 1, hour: Hour = "own") -> Programme:
    """Return a training of three blocks with one mentor, as planning would make it."""
    mentor = person("Karim Bakker", language)
    pairs = [
        Mentorship(
            key=MentorshipKey(f"specimen/{name.split()[0].casefold()}@voorbeeld.example"),
            training="specimen",
            mentee=person(name, language),
            mentor=mentor,
            meets=MEETS if hour == "own" else None,
            goals=GOALS[:goals],
        )
        for name in NAMES[:mentees]
    ]
    training = Training(
        id="specimen",
        name="Coachend leidinggeven",
        purpose="Leidinggevenden die vragen stellen voor zij antwoorden geven" if goals else "",
        sessions=tuple(Session(date=each, key=each) for each in SESSIONS),
        more_sessions=False,
        live=True,
        method=method,
        location="Kies samen een plek",
        online="",
        mentorships=tuple(pairs),
    )
    return Programme(
        organisation=organisation(language),
        organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
        trainings={training.id: training},
        tracks={pair.key: track(training, pair, hour) for pair in pairs},
    )


def organisation(language: str) -> Organisation:
    return Organisation(
        name="Gemeente Voorbeeld",
        zone=ZONE,
        language=language,
        holidays="NL",
        closed=(),
        open=frozenset(),
        office_hours=OfficeHours(start=time(9), end=time(17), days=frozenset(range(5))),
        letter_hour=time(9),
        coordinator=Contact("Marieke Smit", "opleidingen@voorbeeld.example"),
        administrator=Contact("Servicedesk", "servicedesk@voorbeeld.example"),
    )


def person(name: str, language: str = "nl", zone: ZoneInfo = ZONE) -> Person:
    email = f"{name.split(maxsplit=1)[0].casefold()}@voorbeeld.example"
    return Person(key=email, name=name, email=email, language=language, zone=zone, works=frozenset(range(5)))


def track(training: Training, pair: Mentorship, hour: Hour = "own") -> Track:
    """Return what a pair has: the goals meeting, the series with look-backs and a day off, a stand-in, reminders, letters."""
    method = training.method
    occurrences = [datetime(2026, 12, 17, 15, tzinfo=ZONE) + timedelta(weeks=2 * index) for index in range(7)]
    starts = tuple(start for start in occurrences if start.date() != date(2026, 12, 31))
    goals = datetime(2026, 12, 3, 15, tzinfo=ZONE)
    stand_in = datetime(2026, 12, 29, 15, tzinfo=ZONE)
    left_out = (
        LeftOut(day=date(2026, 12, 31), why="closed", stand_in=stand_in.date()),
        LeftOut(day=date(2027, 3, 4), why="Sanne is away", stand_in=None),
    )
    topics = {
        start: (Topic(questions=rule.questions, training=training.id, session=session),)
        for rule in method.meetings
        if rule.anchor == "block"
        for start, session in ((starts[0], SESSIONS[0]), (starts[1], SESSIONS[2]))
    }
    first = Item(
        ref=Ref(f"{pair.key}/series"),
        kind=Kind.SERIES,
        rule=method.series.id,
        training=training.id,
        mentorships=(pair.key,),
        people=(pair.mentee, pair.mentor),
        starts=starts,
        without=tuple(start for start in occurrences if start not in starts),
        every=method.series.every,
        minutes=method.series.minutes,
        location=training.location,
        online=training.online,
        opens=datetime(2026, 11, 10, 9, tzinfo=ZONE),
        topics=topics,
        left_out=left_out,
        instead_of=None,
        questions=method.series.questions,
        generation=1,
        why=method.series.why,
    )
    single = replace(first, kind=Kind.MEETING, starts=(goals,), without=(), every=0, topics={}, left_out=())
    instead = replace(single, ref=Ref(f"{pair.key}/stand-in:2026-12-31"), starts=(stand_in,), instead_of=date(2026, 12, 31))
    meetings = [
        replace(single, ref=Ref(f"{pair.key}/{rule.id}"), rule=rule.id, minutes=rule.minutes, questions=rule.questions)
        for rule in method.meetings
    ]
    reminders = [
        replace(
            single,
            ref=Ref(f"{pair.mentor.key}/{rule.id}"),
            kind=Kind.REMINDER,
            rule=rule.id,
            people=(pair.mentor,),
            mentorships=tuple(each.key for each in training.mentorships),
            starts=tuple(datetime(2027, 4, 22, 9, tzinfo=ZONE) + timedelta(weeks=rule.every * index) for index in range(rule.count)),
            every=rule.every,
            minutes=rule.minutes,
            questions=rule.questions,
        )
        for rule in method.reminders
    ]
    return Track(
        mentorship=pair,
        meets=None if hour == "none" else MEETS,
        proposed=hour == "proposed",
        items=tuple(reminders) if hour == "none" else (first, instead, *meetings, *reminders),
        wishes=tuple(wishes(method.letters, pair)),
        meetings=() if hour == "none" else tuple(sorted((goals, stand_in, *starts))),
        notices=(),
    )


def wishes(rules: Sequence[LetterRule], pair: Mentorship) -> Iterator[Wish]:
    for rule in rules:
        session = SESSIONS[0] if rule.anchor == "block" else None
        yield Wish(
            ref=Ref(f"{pair.key}/letter:{rule.id}"),
            rule=rule,
            training=pair.training,
            mentorship=pair.key,
            person=pair.mentor if rule.role is Role.MENTOR else pair.mentee,
            due=(date(2026, 12, 8) if rule.anchor == "first" or session else SESSIONS[-1]) + timedelta(days=rule.at.days),
            session=session,
            variant=1,
        )

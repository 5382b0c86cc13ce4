"""Programmes by lot: people, sessions, absences and hours as they come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from beklijf.config.method import load_method
from beklijf.model.conversation import Busy
from beklijf.model.domain import Contact, Kind, Meets, Mentorship, MentorshipKey, OfficeHours, Organisation, Person, Session, Span, Training
from beklijf.model.facts import Facts
from beklijf.planning import plan_tracks
from beklijf.planning.days import public_holidays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hypothesis.vendor.pretty import RepresentationPrinter

    from beklijf.model.domain import Item, Track

METHOD, _ = load_method("default", Path())
HOLIDAYS = public_holidays("NL", range(2026, 2030))
AMSTERDAM, LONDON, NEW_YORK = ZoneInfo("Europe/Amsterdam"), ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
DAY = timedelta(days=1)
NOBODY = Contact("Mentorprogramma", "mentor@voorbeeld.example")
EMPTY = Facts(joined={}, chosen={}, moved={}, kept={}, begun={}, generations={})


@dataclass(frozen=True)
class World:
    organisation: Organisation
    trainings: tuple[Training, ...]
    facts: Facts

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: bool) -> None:
        """Say what matters of a failing example; the method alone would fill a screen."""
        lines = [f"closed {self.organisation.closed}", *(f"{key} joined {at}" for key, at in self.facts.joined.items())]
        for training in self.trainings:
            lines.append(f"{training.id}: {[str(session.date) for session in training.sessions]} more={training.more_sessions}")
            for m in training.mentorships:
                who = [f"{p.name} {p.zone} works {sorted(p.works)} away {p.away}" for p in (m.mentee, m.mentor)]
                lines.append(f"    {who[0]} with {who[1]} meets {m.meets}")
        printer.text("\n".join(lines))

    def tracks(self, facts: Facts | None = None) -> dict[MentorshipKey, Track]:
        return plan_tracks(self.organisation, self.trainings, facts or self.facts, HOLIDAYS)


days = st.dates(date(2026, 9, 1), date(2027, 8, 31))
spans = st.builds(lambda first, length: Span(first, first + DAY * length), days, st.integers(0, 20))
weekdays = st.frozensets(st.integers(0, 4), min_size=1)


@st.composite
def people(draw: st.DrawFn) -> list[Person]:
    zones = st.sampled_from([AMSTERDAM] * 6 + [LONDON, NEW_YORK])
    return [
        Person(
            key=f"{name}@voorbeeld.example",
            name=name,
            email=f"{name}@voorbeeld.example",
            language="nl",
            zone=draw(zones),
            works=draw(st.one_of(st.just(frozenset(range(5))), weekdays)),
            away=tuple(draw(st.lists(spans, max_size=2))),
        )
        for name in ("Sanne", "Karim", "Noor", "Tim", "Eva")[: draw(st.integers(2, 5))]
    ]


def session(day: date) -> Session:
    return Session(date=day, key=day)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    everybody = draw(people())
    couples = [(one, other) for one in everybody for other in everybody if one is not other]
    # Hours that people wrote never clash: check refuses those. So each couple has an hour of its own to draw.
    shift = draw(st.integers(0, 39))
    hours = {(a.key, b.key): divmod((number * 7 + shift) % 40, 8) for number, (a, b) in enumerate(couples)}
    trainings, joined = [], {}
    for name in ("alpha", "beta", "gamma")[: draw(st.integers(1, 3))]:
        day, sessions = draw(days), []
        for gap in draw(st.lists(st.sampled_from([1, 2, 5, 6, 7, 14, 21, 35, 49]), max_size=7)):
            sessions.append(session(day))
            day += DAY * gap
        sessions.append(session(day))
        mentorships = {}
        for mentee, mentor in draw(st.lists(st.sampled_from(couples), min_size=1, max_size=4, unique=True)):
            key = MentorshipKey(f"{name}/{mentee.key}")
            weekday, hour = hours[mentee.key, mentor.key]
            meets = Meets(weekday=weekday, at=time(9 + hour), minutes=60, zone=AMSTERDAM) if draw(st.booleans()) else None
            mentorships[key] = Mentorship(key=key, training=name, mentee=mentee, mentor=mentor, meets=meets, goals=())
            if draw(st.booleans()):
                late = draw(st.integers(-60, 100))
                joined[key] = datetime.combine(sessions[0].date + DAY * late, draw(st.times()), UTC)
        trainings.append(
            Training(
                id=name,
                name=name.title(),
                purpose="",
                sessions=tuple(sessions),
                more_sessions=draw(st.integers(0, 5)) == 0,
                live=True,
                method=METHOD,
                location="",
                online="",
                mentorships=tuple(mentorships.values()),
            )
        )
    organisation = Organisation(
        name="Gemeente Voorbeeld",
        zone=AMSTERDAM,
        language="nl",
        holidays="NL",
        closed=tuple(draw(st.lists(spans, max_size=2))),
        open=frozenset(),
        office_hours=OfficeHours(start=time(9), end=time(17), days=frozenset(range(5))),
        letter_hour=time(9),
        coordinator=NOBODY,
        administrator=NOBODY,
    )
    return World(organisation, tuple(trainings), replace(EMPTY, joined=joined))


SLOW = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def items(tracks: Mapping[MentorshipKey, Track], *kinds: Kind) -> list[Item]:
    return [item for track in tracks.values() for item in track.items if item.kind in (kinds or tuple(Kind))]


def fed_back(facts: Facts, tracks: Mapping[MentorshipKey, Track], now: datetime) -> Facts:
    """Return what the ledger would say after everything that opens by *now* was written."""
    written = [item for item in items(tracks) if item.opens <= now]
    return replace(
        facts,
        chosen={key: track.meets for key, track in tracks.items() if track.meets and track.proposed},
        kept={item.ref: item.starts[0].astimezone(UTC) for item in written if item.kind is Kind.MEETING},
        begun={item.ref: item.starts[0].date() for item in written if item.every and item.starts[0] <= now},
    )


@st.composite
def busy_worlds(draw: st.DrawFn) -> World:
    """Return a world in which some people's servers told when they are busy: the same mornings and afternoons every week."""
    world = draw(worlds())
    everybody = sorted({person.key for t in world.trainings for m in t.mentorships for person in (m.mentee, m.mentor)})
    told = {}
    for key in draw(st.lists(st.sampled_from(everybody), unique=True, min_size=1)):
        halves = draw(st.frozensets(st.tuples(st.integers(0, 4), st.sampled_from([9, 13])), max_size=9))
        mondays = (date(2026, 8, 31) + DAY * 7 * week for week in range(draw(st.integers(4, 70))))
        starts = (datetime.combine(monday + DAY * weekday, time(hour), AMSTERDAM) for monday in mondays for weekday, hour in sorted(halves))
        told[key] = tuple(Busy(at, at + timedelta(hours=4)) for at in starts)
    return replace(world, facts=replace(world.facts, busy=told))

"""Moving into another calendar in the middle of a track: between real servers, with what people moved, took out, deleted and answered.

Neither Radicale nor Xandikos sends invitations, so beklijf does, by mail, on both sides: the invitation that people have goes on
under its UID, and nobody is to hear anything of the move. That is what the tests count.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.fakes.dav import dav_server
from tests.relocate.moves import Cut, Hearing, Line, override, place
from tests.town import INVITED, KARIM, NOOR, QUIET, SANNE, WELCOME, Town, caldav_town, folder_town

from beklijf import config
from beklijf.model import canonical
from beklijf.model.conversation import Heard, Said
from beklijf.model.domain import Kind, Ref
from beklijf.model.errors import Down, Held, StateError, UsageError
from beklijf.model.stored import NO_STAMP, NOTHING, Agent
from beklijf.relocate.decide import How
from beklijf.relocate.relocation import Removal, check_origin, origin_of
from beklijf.tick.wiring import beside, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.caldav_servers import Server

    from beklijf.contracts.calendar import Calendar
    from beklijf.model.conversation import Busy, Waiting
    from beklijf.model.domain import Event, Person
    from beklijf.model.errors import Problem
    from beklijf.model.stored import Changes, Stored
    from beklijf.relocate.relocation import Looked
    from beklijf.tick.engine import Engine

DIRECTIONS = [("radicale", "xandikos"), ("xandikos", "radicale"), ("radicale", "radicale"), ("radicale", "folder"), ("folder", "folder")]
FATIMA = "fatima@voorbeeld.example"
HOUSE_STEPS = 200
"""More calls than any move in here makes."""


@dataclass
class Houses:
    """A town, and the calendar that it will move into."""

    town: Town
    other: Town

    def change(self) -> None:
        """Write the other calendar into the config; the one as it was stays beside it."""
        self.town.stop()
        shutil.copy(self.town.folder / "config.toml", self.town.folder / "before.toml")
        for name in ("calendar", "read", "write", "remove"):
            setattr(self.town, name, getattr(self.other, name))
        self.town.start()

    @contextmanager
    def removal(self, *, leave_old: bool = False) -> Iterator[Removal]:
        town = self.town
        before = config.load(town.folder / "before.toml")
        origin = origin_of(town.engine)
        assert origin is not None
        with ExitStack() as stack:
            check_origin(origin, before.calendar, town.engine)
            old = None if leave_old else stack.enter_context(beside(town.engine, before))
            yield Removal(town.engine, old, origin)

    def look(self, *, leave_old: bool = False) -> Looked:
        with self.removal(leave_old=leave_old) as removal:
            return removal.look(self.town.now)

    def move(self, *, leave_old: bool = False) -> list[Problem]:
        with self.removal(leave_old=leave_old) as removal:
            return removal.do(removal.look(self.town.now), stop=lambda: False, done=lambda: None)

    def left(self) -> dict[str, Event]:
        """Return what the old calendar still holds."""
        with beside(self.town.engine, config.load(self.town.folder / "before.toml")) as old:
            return {stored.event.uid: stored.event for stored in old.calendar.changes(None).changed}

    def there(self) -> dict[str, Event]:
        return {stored.event.uid: stored.event for stored in self.town.engine.calendar.changes(None).changed}


def _town(kind: str, folder: Path, request: pytest.FixtureRequest) -> Town:
    folder.mkdir(exist_ok=True)
    return folder_town(folder) if kind == "folder" else caldav_town(folder, request.getfixturevalue(kind))


@pytest.fixture(params=DIRECTIONS, ids="-".join)
def houses(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Houses]:
    old, new = request.param
    town, other = _town(old, tmp_path, request), _town(new, tmp_path / "other", request)
    town.words = Hearing()
    if new == "folder":
        other.calendar = 'kind = "folder"\npath = "other/calendars"'
    made = Houses(town, other)
    yield made
    made.town.stop()


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Houses]:
    town, other = folder_town(tmp_path), folder_town(tmp_path / "other")
    other.calendar = 'kind = "folder"\npath = "other/calendars"'
    town.words = Hearing()
    made = Houses(town, other)
    yield made
    made.town.stop()


def lived(town: Town) -> None:
    """Bring the town to the day after its first meeting, with people who moved, took out, deleted and declined; all of it told."""
    town.invited()
    series = town.event("series")
    town.edit("series", r"PARTSTAT=NEEDS-ACTION([^\r]*sanne@)", r"PARTSTAT=ACCEPTED\1")
    town.edit("series", "END:VCALENDAR", override(series, place(series, 3), place(series, 3).replace(hour=9)))
    town.edit("series", r"(RRULE:FREQ=WEEKLY[^\r]*\r\n)", rf"\1EXDATE;TZID=Europe/Amsterdam:{place(series, 4):%Y%m%dT%H%M%S}\r\n")
    town.tick()
    town.tick(QUIET)
    town.at(series.start + timedelta(days=1))
    with town.engine.ledger.write():
        declined = Heard(
            at=town.now, said=Said.DECLINED, uid=series.uid, ref=Ref(""), recurrence_id=place(series, 5).astimezone(UTC), who=KARIM
        )
        town.engine.conversation.note(replace(declined, source="mail"))
    town.start()
    town.tick()
    town.tick()
    town.mails()


def answers(town: Town) -> list[tuple[str, str, str, datetime]]:
    """Return who answered what to which event when."""
    return [
        (heard.uid, heard.said, heard.who, heard.at)
        for history in town.engine.conversation.histories(town.engine.config.addresses).values()
        for heard in history.heard
        if heard.who
    ]


def standing(engine: Engine, now: datetime) -> dict[str, Event]:
    """Return what the ledger says stands in the calendar and is not over."""
    rows = engine.ledger.rows().values()
    seen = {row.uid: canonical.load(row.seen) for row in rows if row.state == "live"}
    return {uid: event for uid, event in seen.items() if max(canonical.meetings(event)) > now}


# -- another calendar in the config ------------------------------------------------------------------------------------


def test_another_calendar_in_the_config_stops_before_anything_is_taken_for_deleted(houses: Houses) -> None:
    town = houses.town
    town.invited()
    before = town.engine.ledger.rows()

    houses.change()
    outcome = town.tick()
    town.tick(QUIET)

    assert isinstance(outcome.calendar, Down)
    assert "another calendar" in str(outcome.calendar)
    assert "beklijf move-calendar" in outcome.calendar.hint
    assert town.engine.ledger.rows() == before
    assert houses.there() == {}
    assert [str(mail["To"].addresses[0].addr_spec) for mail in town.mails()] == ["servicedesk@voorbeeld.example"]
    with pytest.raises(Down, match="another calendar"):
        town.plan()


def test_the_config_put_back_goes_on_at_once(folders: Houses) -> None:
    town = folders.town
    town.invited()
    calendar, read = town.calendar, town.read
    folders.change()
    town.tick()
    town.mails()

    town.calendar, town.read = calendar, read
    town.start()
    outcome = town.tick(timedelta(seconds=30))

    assert outcome.calendar is None
    assert outcome.plan is not None
    assert outcome.plan.changes == ()
    assert town.engine.ledger.outages() == {}


def test_letters_go_out_while_the_config_leads_elsewhere(folders: Houses) -> None:
    town = folders.town
    town.invited()
    folders.change()

    town.at(datetime(2027, 1, 20, 9, tzinfo=UTC))

    receivers = {str(mail["To"].addresses[0].addr_spec) for mail in town.mails()}
    assert SANNE in receivers
    assert folders.there() == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('password = { file = "password" }', 'password = { env = "PATH" }'),
        ("voorbeeld.example/dav/", "voorbeeld.example/dav"),
        ("https://dav", "https://DAV"),
        ('user = "mentor"', 'user = "Mentor"'),
        ("voorbeeld.example/", "voorbeeld.example:443/"),
    ],
)
def test_another_spelling_of_the_same_calendar_is_no_move(tmp_path: Path, old: str, new: str) -> None:
    town = folder_town(tmp_path)
    (tmp_path / "password").write_text("secret", encoding="utf-8")
    words = 'kind = "caldav"\nurl = "https://dav.voorbeeld.example/dav/"\nuser = "mentor"\npassword = { file = "password" }'
    found = []
    for text in (words, words.replace(old, new)):
        town.calendar = text
        town.start()
        found.append(town.engine.reader.whereabouts.here)
    town.stop()

    assert words.replace(old, new) != words
    assert found[0] == found[1]


@pytest.mark.parametrize("more", ['url = "https://dav.voorbeeld.example/other/"', 'name = "Mentoren"', 'user = "somebody"'])
def test_another_url_account_or_name_is_a_move(tmp_path: Path, more: str) -> None:
    town = folder_town(tmp_path)
    words = {"kind": '"caldav"', "url": '"https://dav.voorbeeld.example/dav/"', "user": '"mentor"', "password": '{ env = "PATH" }'}
    found = []
    for extra in ("", more):
        key, _, value = extra.partition(" = ")
        town.calendar = "\n".join(f"{k} = {v}" for k, v in ({**words, key: value} if key else words).items())
        town.start()
        found.append(town.engine.reader.whereabouts.here)
    town.stop()

    assert found[0] != found[1]


def test_a_folder_that_was_copied_to_another_place_together_with_its_ledger_is_the_same(tmp_path: Path) -> None:
    town = folder_town(tmp_path / "here")
    town.folder.mkdir()
    town.invited()
    town.stop()
    shutil.copytree(tmp_path / "here", tmp_path / "there")

    with opened(config.load(tmp_path / "there" / "config.toml")) as engine:
        assert engine.plan(town.now).changes == ()


def test_a_ledger_from_before_takes_the_calendar_that_the_config_leads_to(folders: Houses) -> None:
    town = folders.town
    town.invited()
    with town.engine.ledger.write():
        town.engine.ledger.db.execute("DELETE FROM meta WHERE name = 'calendar'")

    town.start()
    town.tick()

    assert town.engine.reader.whereabouts.moves.address() == town.engine.reader.whereabouts.here


def test_without_any_event_another_calendar_is_simply_taken(folders: Houses) -> None:
    town = folders.town
    town.start()
    town.at(WELCOME)

    folders.change()

    assert origin_of(town.engine) is None
    assert town.at(INVITED).calendar is None
    assert len(folders.there()) == 2


def test_a_trial_on_a_folder_never_becomes_the_real_thing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    houses = Houses(folder_town(tmp_path), _town("radicale", tmp_path / "other", request))
    shutil.copy(tmp_path / "other" / "password", tmp_path / "password")
    town = houses.town
    town.invited()

    houses.change()

    for attempt in (town.tick, town.plan, lambda: origin_of(town.engine)):
        with pytest.raises(StateError, match="trial") as raised:
            attempt()
        assert "new state file" in raised.value.hint
    assert houses.there() == {}
    assert town.mails() == []
    town.stop()


# -- moving ------------------------------------------------------------------------------------------------------------


def test_a_move_in_the_middle_of_a_track_takes_everything_along_and_mails_nobody(houses: Houses) -> None:
    town = houses.town
    lived(town)
    before, said = standing(town.engine, town.now), answers(town)
    assert {(what, who) for _, what, who, _ in said} == {("accepted", SANNE), ("declined", KARIM)}
    past = {row.uid for row in town.engine.ledger.rows().values() if row.uid not in before and row.state == "live"}

    houses.change()
    looked = houses.look()
    untouched = houses.there()
    problems = houses.move()
    town.start()

    assert untouched == {}
    assert problems == []
    assert {step.how for step in looked.steps} == {How.COPIED, *([How.STAYS] if past else [])}
    assert houses.there() == before == standing(town.engine, town.now)
    assert houses.left().keys() == past
    series = town.event("series")
    assert {override.at: override.start for override in series.overrides} == {
        place(series, 3).astimezone(UTC): place(series, 3).replace(hour=9),
        place(series, 4).astimezone(UTC): None,
    }
    assert answers(town) == said
    assert town.mails() == []
    assert town.plan().changes == ()
    town.tick()
    town.tick(QUIET)
    assert town.tick().done == []
    assert town.mails() == []


def test_after_a_move_people_move_and_answer_as_before(houses: Houses) -> None:
    town = houses.town
    lived(town)
    houses.change()
    houses.move()
    town.start()
    town.tick()
    said, series = answers(town), town.event("series")

    town.edit("series", "END:VCALENDAR", override(series, place(series, 6), place(series, 6).replace(hour=10)))
    town.tick()
    town.tick(QUIET)

    day = f"{place(series, 6):%Y%m%d}"
    assert town.told() == [(KARIM, "REQUEST", day), (SANNE, "REQUEST", day)]
    assert answers(town) == said
    assert town.plan().changes == ()


def test_the_next_change_of_ours_is_one_update_each_of_the_meeting_that_they_have(houses: Houses) -> None:
    town = houses.town
    lived(town)
    uids = {row.uid for row in town.engine.ledger.rows().values() if row.kind is Kind.SERIES}
    houses.change()
    houses.move()

    town.words.place = "Zaal 2"
    town.changed()

    assert {row.uid for row in town.engine.ledger.rows().values() if row.kind is Kind.SERIES} == uids
    told = town.told()
    assert {(who, method) for who, method, _ in told} == {(SANNE, "REQUEST"), (KARIM, "REQUEST")}
    assert town.plan().changes == ()


def test_what_people_did_just_before_the_move_comes_along_and_is_told_afterwards(houses: Houses) -> None:
    town = houses.town
    lived(town)
    series = town.event("series")
    town.edit("series", "END:VCALENDAR", override(series, place(series, 6), place(series, 6).replace(hour=10)))
    town.now += timedelta(minutes=1)

    houses.change()
    houses.move()
    town.start()
    early = town.mails()
    town.tick(QUIET)
    town.tick(QUIET)

    day = f"{place(series, 6):%Y%m%d}"
    assert early == []
    assert town.told() == [(KARIM, "REQUEST", day), (SANNE, "REQUEST", day)]
    assert place(series, 6).astimezone(UTC) in [override.at for override in town.event("series").overrides]


def test_what_people_deleted_stays_deleted(houses: Houses) -> None:
    town = houses.town
    town.invited()
    town.remove(town.row("goals").href)
    town.tick()
    town.tick(QUIET)
    town.mails()

    houses.change()
    houses.move()
    town.start()
    town.tick()
    town.tick(timedelta(days=1))

    assert town.row("goals").state == "deleted"
    assert [uid for uid in houses.there() if uid == town.row("goals").uid] == []
    assert town.told() == []


def test_what_is_there_already_is_adopted_and_not_written_again(houses: Houses) -> None:
    town = houses.town
    town.invited()
    goals = town.row("goals")
    wrote = town.event("goals")
    houses.change()
    town.engine.calendar.create(wrote, sequence=goals.sequence, agent=Agent.CLIENT)

    looked = houses.look()
    problems = houses.move()
    town.start()

    assert {(step.row.ref.rpartition("/")[2], step.how) for step in looked.steps} == {("goals", How.ADOPTED), ("series", How.COPIED)}
    assert problems == []
    assert len(houses.there()) == 2
    assert town.mails() == []
    assert town.plan().changes == ()


def test_the_old_calendar_is_left_alone_when_it_cannot_be_reached(houses: Houses) -> None:
    town = houses.town
    lived(town)
    before, old = standing(town.engine, town.now), town.engine.calendar.changes(None).changed

    houses.change()
    houses.move(leave_old=True)
    town.start()

    assert houses.there() == before
    assert houses.left().keys() == {stored.event.uid for stored in old}
    assert town.mails() == []
    assert town.plan().changes == ()


def test_a_move_back_finds_its_own_again(houses: Houses) -> None:
    town = houses.town
    lived(town)
    before = standing(town.engine, town.now)
    back = Houses(town, replace(town))
    houses.change()
    if houses.other.calendar.startswith('kind = "folder"') and "caldav" not in back.other.calendar:
        back.other.calendar = 'kind = "folder"\npath = "calendars"'
    houses.move(leave_old=True)
    town.start()

    back.change()
    looked = back.look()
    back.move()
    town.start()

    assert {step.how for step in looked.steps} <= {How.ADOPTED, How.STAYS}
    assert {uid: event for uid, event in back.there().items() if uid in before} == before
    assert town.mails() == []
    assert town.plan().changes == ()


def test_what_has_been_stays_in_the_old_calendar_and_counts_as_held(houses: Houses) -> None:
    town = houses.town
    town.invited()
    goals = town.event("goals")
    town.at(goals.start + timedelta(days=1))
    town.mails()

    houses.change()
    houses.move()
    town.start()
    town.tick()
    town.tick(timedelta(days=1))

    assert town.row("goals").state == "live"
    assert goals.uid not in houses.there()
    assert goals.uid in houses.left()
    assert not [
        heard
        for history in town.engine.taker.facts(town.now).heard.values()
        for heard in history.heard
        if heard.uid == goals.uid and heard.said is Said.CANCELLED
    ]
    assert not [change for change in town.plan().changes if change.kind != "letter"]


def test_a_series_that_was_over_when_the_calendar_moved_goes_on_as_a_new_one_when_it_is_lengthened(folders: Houses) -> None:
    town = folders.town
    town.invited()
    over = max(canonical.meetings(town.event("series")))
    old = town.row("series").uid
    town.at(over + timedelta(days=1))
    folders.change()
    folders.move()
    town.mails()

    town.words.sessions = f"2027-01-12, {{ date = {over:%Y-%m-%d}, was = 2027-03-16 }}"
    town.words.withdrawals = 50
    town.start()
    town.tick()
    plan = town.engine.plan(town.now)
    if plan.held:
        town.engine.tick(town.now, approve=[plan.id])

    assert town.row("series").uid != old
    assert min(canonical.meetings(town.event("series"))) > town.now
    assert old not in folders.there()
    assert (SANNE, "CANCEL", "") not in town.told()
    assert town.tick().problems == []


def test_what_was_being_withdrawn_when_the_power_failed_is_finished_and_not_brought_over(houses: Houses) -> None:
    town = houses.town
    town.invited()
    goals = town.row("goals")
    with town.engine.ledger.write():
        town.engine.ledger.put(replace(goals, state="withdrawing"))
    town.words.pairs = ((SANNE, KARIM),)
    houses.change()

    looked = houses.look()
    houses.move()
    town.start()
    town.tick()

    assert {step.how for step in looked.steps} == {How.ENDS, How.COPIED}
    assert goals.uid not in houses.left()
    assert goals.uid not in houses.there()
    assert town.told()[:2] == [(KARIM, "CANCEL", ""), (KARIM, "REQUEST", "")]  # it is wanted after all, as the next generation
    assert town.row("goals").generation == 2


def test_another_organizer_gets_a_new_invitation_and_the_old_one_ends(folders: Houses) -> None:
    town = folders.town
    lived(town)
    before = town.event("series")
    folders.other.calendar += f'\norganized_by = "mentee"\npeople = "{town.folder}/people/{{local}}"'
    folders.change()

    looked = folders.look()
    folders.move()
    town.start()
    town.tick()

    assert {step.how for step in looked.steps} == {How.ANEW, How.STAYS}
    [href] = [row.href for row in town.engine.ledger.rows().values() if row.kind is Kind.SERIES and row.state == "live"]
    assert href.startswith(f"{SANNE}|")
    assert town.event("series").organizer.email == SANNE
    assert canonical.meetings(folders.left()[before.uid]) == canonical.meetings(before)[:1]
    assert town.told() == [(KARIM, "REQUEST", "")] * 2 + [(SANNE, "REQUEST", "")]  # the old one ends for both; the mentor is invited
    assert [change.ref for change in town.plan().changes if change.kind != "letter"] == []


def test_another_pattern_for_peoples_own_calendars_is_a_move_too(folders: Houses) -> None:
    town = folders.town
    own = 'kind = "folder"\npath = "calendars"\norganized_by = "mentee"\npeople = "{folder}/{local}"'
    town.calendar = own.replace("{folder}", str(town.folder / "people"))
    folders.other.calendar = own.replace("{folder}", str(town.folder / "moved"))
    town.invited()
    before = standing(town.engine, town.now)

    folders.change()
    assert "another calendar" in str(town.tick().calendar)
    town.mails()
    folders.move()
    town.start()
    town.tick()

    assert folders.there() == before
    assert folders.left() == {}
    assert len([*(town.folder / "moved" / "sanne").glob("*.ics")]) == 2
    assert town.mails() == []
    assert town.plan().changes == ()


def test_another_pattern_that_only_tells_where_to_look_for_free_time_is_no_move(folders: Houses) -> None:
    town = folders.town
    town.invited()

    town.calendar += f'\npeople = "{town.folder}/people/{{local}}"'
    town.start()

    assert town.tick().calendar is None


def test_a_fault_of_the_old_calendar_stops_the_move(folders: Houses) -> None:
    town = folders.town
    town.invited()
    for item in ("goals", "series"):
        town.remove(town.row(item).href)
    folders.change()

    with pytest.raises(Held, match="vanished"):
        folders.move()

    assert folders.there() == {}


def test_a_third_calendar_is_not_the_old_one(folders: Houses) -> None:
    town = folders.town
    town.invited()
    folders.change()
    path = town.folder / "before.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('path = "calendars"', 'path = "elsewhere"'), encoding="utf-8")

    with pytest.raises(UsageError, match="the old config leads to"):
        folders.move()


@pytest.mark.parametrize("invitations", ["auto", "mail"])
def test_of_a_calendar_that_takes_nothing_the_way_back_is_the_old_config(tmp_path: Path, radicale: Server, invitations: str) -> None:
    town = caldav_town(tmp_path, radicale)
    houses, town.words = Houses(town, folder_town(tmp_path)), Hearing()
    town.words.invitations = invitations
    lived(town)
    before, sender = standing(town.engine, town.now), town.engine.applier.sender
    with dav_server() as dav:  # it makes no calendars (405)
        words = f'kind = "caldav"\nurl = "{dav.url}"\nuser = "mentor"\nname = "Another"\npassword = {{ file = "password" }}'
        there, houses.other.calendar = town.calendar, words
        houses.change()
        with pytest.raises(Down, match="could not be made"):
            houses.move()
        assert "putting [calendar] back is enough" in town.tick().calendar.hint  # type: ignore[union-attr]  # it can't be read

        town.calendar = there
        town.start()

        assert town.plan().changes == ()
        outcome = town.tick()
        assert (outcome.calendar, outcome.problems, town.told()) == (None, [], [])
        assert (standing(town.engine, town.now), town.engine.applier.sender) == (before, sender)
        assert origin_of(town.engine) is None
        assert town.plan().changes == ()
        town.stop()


# -- killed at every step ----------------------------------------------------------------------------------------------


class Cutting:
    """A calendar on that line."""

    def __init__(self, real: Calendar, line: Line) -> None:
        self.real, self.line, self.target = real, line, real.target

    @property
    def may_schedule(self) -> bool | None:
        return self.real.may_schedule

    def check(self) -> str:
        return self.real.check()

    def changes(self, token: object, known: Mapping[str, str] = NOTHING) -> Changes:
        return self.real.changes(token, known)

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP) -> Stored:
        found = self.line.around(lambda: self.real.create(event, sequence=sequence, agent=agent, stamp=stamp))
        assert found is not None
        return found

    def fetch(self, href: str) -> Stored:
        return self.real.fetch(href)

    def seek(self, hrefs: Iterable[str]) -> Changes:
        return self.real.seek(hrefs)

    def update(
        self, stored: Stored, wanted: Event, fields: frozenset[str], *, sequence: int, agent: Agent, stamp: datetime = NO_STAMP
    ) -> Stored:
        found = self.line.around(lambda: self.real.update(stored, wanted, fields, sequence=sequence, agent=agent, stamp=stamp))
        assert found is not None
        return found

    def delete(self, stored: Stored) -> None:
        self.line.around(lambda: self.real.delete(stored))

    def waiting(self) -> tuple[Waiting, ...]:
        return self.real.waiting()

    def take(self, waiting: Waiting) -> None:
        self.real.take(waiting)

    def busy(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        return self.real.busy(people, start, end)

    def close(self) -> None:
        self.real.close()


def cut_off(houses: Houses, at: int, *, after: bool) -> bool:
    """Move with the power cut around one write; False when there are fewer."""
    engine = houses.town.engine
    line, real = Line(at, after), engine.calendar
    with houses.removal() as removal:
        assert removal.old is not None
        old = removal.old
        beyond, applier = old.calendar, engine.applier
        engine.calendar, old.calendar = Cutting(real, line), Cutting(beyond, line)
        engine.applier = replace(applier, calendar=engine.calendar)
        try:
            removal.do(removal.look(houses.town.now), stop=lambda: False, done=lambda: None)
        except Cut:
            return True
        finally:
            engine.calendar, old.calendar, engine.applier = real, beyond, applier
    return False


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_around_any_write_the_next_run_goes_on_with_nothing_doubled_and_nothing_lost(tmp_path: Path, after: bool) -> None:
    cuts = 0
    for at in range(1, HOUSE_STEPS):
        home = tmp_path / str(at)
        home.mkdir()
        town, other = folder_town(home), folder_town(home / "other")
        other.calendar = 'kind = "folder"\npath = "other/calendars"'
        houses = Houses(town, other)
        town.words = Hearing(pairs=((SANNE, KARIM), (NOOR, FATIMA)))
        town.words.persons[FATIMA] = ("Fatima el Amrani", "")
        lived(town)
        before = standing(town.engine, town.now)
        houses.change()

        was_cut = cut_off(houses, at, after=after)
        town.start()
        if was_cut:
            cuts += 1
            meanwhile = town.tick()
            assert "not finished" in str(meanwhile.calendar)
            assert houses.move() == []
            town.start()

        assert houses.there() == before == standing(town.engine, town.now), at
        assert not houses.left().keys() & before.keys(), at
        assert town.told() == []
        assert town.plan().changes == ()
        assert town.tick().problems == []
        town.stop()
        if not was_cut:
            break
    assert cuts >= 5

"""Nobody hears that a meeting is off because a calendar can't be listed for a time; and everybody does when somebody deleted it."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.fakes.dav import CALENDAR, OUTBOX, XMLNS, Asked, Dav, dav_server
from tests.town import KARIM, NOOR, QUIET, SANNE, Own, Town, folder_town

from beklijf.commands.check import look
from beklijf.model.errors import Down, Transient
from beklijf.tick.stages import CALENDAR as READING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAY = timedelta(days=1)


@dataclass
class Hearing(Own):
    organizer: str = "service"
    persons: dict[str, tuple[str, str]] = field(
        default_factory=lambda: {SANNE: ("Sanne de Vries", ""), KARIM: ("Karim Bakker", ""), NOOR: ("Noor Jansen", "")}
    )


@contextmanager
def dav_town(tmp_path: Path) -> Iterator[tuple[Town, Dav]]:
    (tmp_path / "password").write_text("mentorpw", encoding="utf-8")
    with dav_server() as dav:
        words = f'kind = "caldav"\nurl = "{dav.url}"\nuser = "mentor"\nname = "Track"\npassword = {{ file = "password" }}'
        town = Town(folder=tmp_path, calendar=words, read=dav.objects.__getitem__, write=dav.put, remove=dav.remove, words=Hearing())
        yield town, dav
        town.stop()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Town, Dav]]:
    with dav_town(tmp_path) as made:
        yield made


@pytest.fixture
def town(served: tuple[Town, Dav]) -> Town:
    """Return a town with one event to come, of which both know."""
    town = served[0]
    town.invited()
    town.remove(town.row("goals").href)
    town.tick()
    town.tick(QUIET)
    assert town.told() == [(KARIM, "CANCEL", ""), (SANNE, "CANCEL", "")]
    return town


@pytest.fixture
def dav(served: tuple[Town, Dav]) -> Dav:
    return served[1]


def nothing_in_a_first_sync(asked: Asked) -> bool:
    return asked.wants("sync-collection") and asked.wants("<d:sync-token></d:sync-token>") and asked.multistatus(token="http://sync/9")


def nothing_in_a_listing(asked: Asked) -> bool:
    if asked.command != "PROPFIND" or asked.headers.get("Depth") != "1" or asked.path != CALENDAR:
        return nothing_in_a_first_sync(asked)
    return asked.multistatus(asked.server.desk.response(CALENDAR, "d:resourcetype"))


def heard(town: Town) -> list[str]:
    """Return of which events the ledger believes that people cancelled them."""
    return [row["uid"] for row in town.engine.ledger.db.execute("SELECT uid FROM heard WHERE said = 'cancelled'")]


def test_a_first_sync_that_lists_nothing_deletes_nothing(town: Town, dav: Dav) -> None:
    before = heard(town)
    dav.moods.append(nothing_in_a_first_sync)
    town.start()

    outcomes = [town.tick() for _ in range(4)]
    dav.moods.clear()
    town.start()
    outcomes.append(town.tick())

    assert [outcome.calendar for outcome in outcomes] == [None] * 5
    assert (town.told(), heard(town), town.row("series").state) == ([], before, "live")
    assert town.plan().changes == ()


def test_a_calendar_that_lists_nothing_while_an_event_is_there_is_down_and_the_administrator_hears(town: Town, dav: Dav) -> None:
    before = heard(town)
    dav.moods.append(nothing_in_a_listing)
    town.start()

    outcome = town.tick()
    with pytest.raises(Transient, match="lists nothing"):
        town.plan()
    town.tick(timedelta(minutes=70))
    mails = town.mails()
    dav.moods.clear()
    town.tick(DAY)

    assert isinstance(outcome.calendar, Transient)
    assert len(mails) == 1
    assert "lists nothing" in re.sub(r"\s+", " ", mails[0].get_body(("plain",)).get_content())  # type: ignore[union-attr]  # it has a text
    assert (READING in town.engine.outages.now(), town.told(), heard(town)) == (False, [], before)
    assert (town.row("series").state, town.plan().changes) == ("live", ())


@pytest.mark.parametrize("fresh", [True, False], ids=["restarted", "running"])
def test_a_calendar_that_was_deleted_is_nobodys_deletion_and_the_administrator_hears_at_once(town: Town, dav: Dav, *, fresh: bool) -> None:
    before, kept, props = heard(town), dict(dav.objects), dict(dav.props)
    for path in kept:
        dav.remove(path)
    del dav.props[CALENDAR, "d:resourcetype"], dav.props[CALENDAR, "d:displayname"]
    if fresh:
        town.start()

    outcome = town.tick()
    for _ in range(3):
        town.tick(timedelta(hours=5))
    assert isinstance(outcome.calendar, Down)
    assert (heard(town), town.row("series").state, len(town.mails())) == (before, "live", 1)
    dav.props |= props
    for path, data in kept.items():
        dav.put(path, data)
    town.tick(DAY)

    assert (town.told(), town.plan().changes) == ([], ())


def test_a_calendar_made_anew_and_empty_is_what_people_wanted(town: Town, dav: Dav) -> None:
    dav.remove(town.row("series").href)
    town.start()

    town.tick()
    town.tick(QUIET)

    assert town.told() == [(KARIM, "CANCEL", ""), (SANNE, "CANCEL", "")]
    assert town.row("series").state == "deleted"


@pytest.mark.parametrize("status", [403, 500, 503])
def test_what_is_missing_and_can_not_be_asked_for_counts_as_unchanged_until_it_can(served: tuple[Town, Dav], status: int) -> None:
    town, dav = served
    town.invited()
    goals, series = town.row("goals").href, town.row("series").href

    def left_out(asked: Asked) -> bool:
        return asked.wants("sync-collection") and asked.multistatus(dav.response(goals, "d:getetag"), token="http://sync/1")

    dav.moods.append(left_out)
    dav.whole[series] = status
    town.start()
    town.tick()
    town.tick(QUIET)
    assert (town.told(), heard(town), town.row("series").state) == ([], [], "live")
    dav.moods.clear()
    dav.whole.clear()
    dav.remove(series)

    town.tick()
    town.tick(QUIET)

    assert town.told() == [(KARIM, "CANCEL", ""), (SANNE, "CANCEL", "")]


def unmounted(place: Path) -> None:
    shutil.move(place, place.with_name("kept"))


def emptied(place: Path) -> None:
    unmounted(place)
    place.mkdir()


@pytest.mark.parametrize("happens", [unmounted, emptied])
@pytest.mark.parametrize("fresh", [True, False], ids=["restarted", "running"])
def test_a_disk_that_is_not_mounted_deletes_nothing(tmp_path: Path, happens: Callable[[Path], None], *, fresh: bool) -> None:
    town = folder_town(tmp_path)
    town.words = Hearing()
    town.invited()
    place = tmp_path / "calendars" / "mentor@voorbeeld.example"
    happens(place)
    if fresh:
        town.start()

    outcome = town.tick()
    town.tick(QUIET)
    for _ in range(3):
        town.tick(timedelta(hours=5))
    shutil.rmtree(place, ignore_errors=True)
    shutil.move(place.with_name("kept"), place)
    town.tick(DAY)

    assert isinstance(outcome.calendar, Down)
    assert "mounted" in outcome.calendar.hint
    assert (town.told(), heard(town), town.row("series").state) == ([], [], "live")
    assert town.plan().changes == ()
    town.stop()


# -- what check says of such a server ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("town")
def test_check_says_whose_busy_times_a_caldav_server_tells(served: tuple[Town, Dav]) -> None:
    town, dav = served
    period = "BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n"
    response = (
        f"<c:response><c:recipient>mailto:{SANNE}</c:recipient><c:request-status>2.0;Success</c:request-status>"
        f"<c:calendar-data>{period}</c:calendar-data></c:response>"
    )
    dav.moods.append(
        lambda asked: asked.path == OUTBOX and asked.say(200, f"<c:schedule-response {XMLNS}>{response}</c:schedule-response>")
    )

    said = [line for looked in look(town.engine.config, town.now) for line in looked.lines if line.startswith("busy times")]

    assert said == [f"busy times: seen of 1 of 3 persons; not of {KARIM}, {NOOR}"]

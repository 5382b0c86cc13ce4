"""CalDAV servers that say the same in other ways: how they list, spell and number objects, and say that they can't do something."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.backends.caldav.track import FIRST, ONE, ORGANIZER, SECOND, TWO, read, written
from tests.fakes.dav import CALENDAR, Asked, Dav, dav_server

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.errors import Down, Missing, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar


@pytest.fixture
def dav() -> Iterator[Dav]:
    with dav_server() as server:
        server.put(FIRST, written(ONE))
        server.put(SECOND, written(TWO))
        yield server


@pytest.fixture
def settings(tmp_path: Path, dav: Dav) -> CalendarSettings:
    password = tmp_path / "password"
    password.write_text("mentorpw\n", encoding="utf-8")
    maker = CalendarByCaldav(url=dav.url, user="mentor", password=Secret("file", str(password)))
    return CalendarSettings(maker=maker, organizer=ORGANIZER, organized_by="service", invitations="auto", name="Track")


@pytest.fixture
def calendar(settings: CalendarSettings) -> Iterator[Calendar]:
    with closing(open_calendar(settings, ORGANIZER.email)) as opened:
        yield opened


def first_sync_lists_nothing(asked: Asked) -> bool:
    """Answer as Stalwart may: the token is good, the members are left out."""
    return asked.wants("sync-collection") and asked.wants("<d:sync-token></d:sync-token>") and asked.multistatus(token="http://sync/2")


def listing_has_nothing(asked: Asked) -> bool:
    """Answer as if the calendar were empty, itself among what is there."""
    if asked.headers.get("Depth") != "1" or asked.path != CALENDAR or asked.command != "PROPFIND":
        return False
    return asked.multistatus(asked.server.desk.response(CALENDAR, "d:resourcetype"))


# -- listings that leave out what is there -----------------------------------------------------------------------------


def test_a_first_sync_that_lists_nothing_is_asked_again_in_another_way(dav: Dav, calendar: Calendar) -> None:
    dav.moods.append(first_sync_lists_nothing)

    token, stored = read(calendar)
    dav.remove(FIRST)

    assert {each.href for each in stored} == {FIRST, SECOND}
    assert calendar.changes(token).gone == (FIRST,)


def test_a_calendar_that_is_empty_in_both_ways_is_asked_by_token_from_then_on(dav: Dav, calendar: Calendar) -> None:
    dav.objects.clear()
    token, stored = read(calendar)
    before = len(dav.asked)

    assert (stored, calendar.changes(token).full, len(dav.asked) - before) == ((), False, 1)


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("fresh", [True, False], ids=["another-process", "same-process"])
def test_of_a_calendar_that_was_deleted_nothing_is_said_to_be_gone(
    dav: Dav, settings: CalendarSettings, status: int, *, fresh: bool
) -> None:
    with closing(open_calendar(settings, ORGANIZER.email)) as calendar:
        token, _ = read(calendar)
        if fresh:
            calendar.close()
        for path in (FIRST, SECOND):
            dav.remove(path)
        dav.moods.append(lambda asked: asked.path.startswith(CALENDAR) and asked.say(status))
        del dav.props[CALENDAR, "d:resourcetype"], dav.props[CALENDAR, "d:displayname"]

        if not fresh:
            with pytest.raises(Down, match=str(status)):
                calendar.changes(token)
        with pytest.raises(Down, match="not there any more"):
            calendar.seek([FIRST, SECOND])

    assert "MKCALENDAR" not in {method for method, _ in dav.asked}


def test_what_multiget_passes_over_in_silence_is_asked_for_at_its_own_url(dav: Dav, calendar: Calendar) -> None:
    """Answer about what is there alone, as some do, and as RFC 4791 doesn't have it."""
    dav.remove(FIRST)
    dav.silent |= {FIRST, SECOND}
    dav.moods.append(lambda asked: asked.command == "PROPFIND" and asked.path == FIRST and asked.say(404))

    found = calendar.seek([FIRST, SECOND])

    assert (found.gone, [*found.unreadable]) == ((FIRST,), [SECOND])


@pytest.mark.parametrize("status", [403, 500, 503])
def test_what_is_refused_by_its_own_name_is_not_gone(dav: Dav, calendar: Calendar, status: int) -> None:
    dav.whole[FIRST] = status

    found = calendar.seek([FIRST, SECOND])

    assert (found.gone, [*found.unreadable], [each.href for each in found.changed]) == ((), [FIRST], [SECOND])


# -- what can't be done ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 404, 405, 415, 500, 501])
def test_a_server_that_knows_no_sync_collection_is_read_by_etags_whatever_it_says(dav: Dav, calendar: Calendar, status: int) -> None:
    dav.moods.append(lambda asked: asked.wants("sync-collection") and asked.say(status))

    token, stored = read(calendar)
    dav.put(FIRST, written(ONE, "Zaal 2"))
    dav.remove(SECOND)
    changes = calendar.changes(token)

    assert {each.href for each in stored} == {FIRST, SECOND}
    assert ([(s.href, s.event.location) for s in changes.changed], changes.gone) == ([(FIRST, "Zaal 2")], (SECOND,))
    assert len([asked for asked in dav.asked if asked == ("REPORT", CALENDAR)]) == 3  # it is asked for that once: the others are multiget


@pytest.mark.parametrize("status", [500, 501, 503])
def test_a_server_that_says_no_to_everything_is_down(dav: Dav, calendar: Calendar, status: int) -> None:
    token, _ = read(calendar)
    dav.moods.append(lambda asked: asked.say(status))

    with pytest.raises(Transient):
        calendar.changes(token)

    dav.moods.clear()
    assert not calendar.changes(token).full


# -- how objects are spelt ---------------------------------------------------------------------------------------------


def spelt(dav: Dav) -> None:
    """Let the server know each object by ``%40`` alone, whatever it is called in a PUT (Stalwart)."""

    def by_its_own_name(asked: Asked) -> bool:
        if asked.command == "PUT":
            asked.path = asked.path.replace("@", "%40")
        return asked.command == "DELETE" and asked.path not in dav.objects and asked.say(404)

    for path in (FIRST, SECOND):
        dav.put(path.replace("@", "%40"), dav.objects[path])
        dav.remove(path)
    dav.moods.append(by_its_own_name)


@pytest.mark.parametrize("syncs", [True, False], ids=["sync-collection", "propfind"])
def test_an_object_is_asked_for_as_the_server_spells_it_and_known_by_one_name(dav: Dav, calendar: Calendar, *, syncs: bool) -> None:
    dav.syncs = syncs
    spelt(dav)

    token, stored = read(calendar)
    [first] = [each for each in stored if each.event.uid == ONE.uid]
    changed = calendar.update(first, replace(ONE, location="Zaal 2"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT)
    calendar.delete(next(each for each in stored if each.event.uid == TWO.uid))

    assert {each.href for each in stored} == {FIRST, SECOND}
    assert calendar.fetch(FIRST) == changed
    assert [*dav.objects] == [FIRST.replace("@", "%40")]
    assert calendar.changes(token).gone == (SECOND,)


def test_what_was_just_written_is_found_under_the_name_that_the_server_gave_it(dav: Dav, calendar: Calendar) -> None:
    spelt(dav)
    read(calendar)
    three = replace(ONE, uid="three-12345678@beklijf")

    stored = calendar.create(three, sequence=0, agent=Agent.CLIENT)

    assert stored.href == f"{CALENDAR}{three.uid}.ics"
    assert calendar.fetch(stored.href).event == three
    assert calendar.seek([stored.href]).gone == ()
    with pytest.raises(Missing):
        calendar.fetch(f"{CALENDAR}four-12345678@beklijf.ics")


# -- ETags that prove nothing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("syncs", [True, False], ids=["sync-collection", "propfind"])
@pytest.mark.parametrize("alone", [True, False], ids=["one-event", "two-events"])
def test_an_event_that_was_put_anew_under_the_same_etag_is_read_in_a_full_reading(
    dav: Dav, calendar: Calendar, *, syncs: bool, alone: bool
) -> None:
    dav.syncs, dav.counts = syncs, True
    if alone:
        dav.remove(SECOND)
    known = {stored.href: stored.etag for stored in read(calendar)[1]}
    dav.remove(FIRST)
    dav.put(FIRST, written(ONE, "Zaal 2"))

    changes = calendar.changes(None, known)

    assert (changes.full, changes.unchanged) == (True, frozenset())
    assert "Zaal 2" in {stored.event.location for stored in changes.changed}


def test_an_etag_that_two_objects_have_is_no_proof_for_either(dav: Dav, calendar: Calendar) -> None:
    def always_the_same(asked: Asked) -> bool:
        said = "<d:propstat><d:prop><d:getetag>&quot;a5f8d1e7c3&quot;</d:getetag></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
        found = [f"<d:response><d:href>{path}</d:href>{said}</d:response>" for path in dav.objects]
        return asked.wants("sync-collection") and asked.multistatus(*found, token="http://sync/9")

    dav.moods.append(always_the_same)

    assert calendar.changes(None, dict.fromkeys([FIRST, SECOND], '"a5f8d1e7c3"')).unchanged == frozenset()

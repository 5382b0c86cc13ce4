"""Ticks against Exchange Online: what people hear of a track that Exchange sends the invitations of, whatever interrupts it."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.fakes import programs
from tests.fakes.graph import Mood
from tests.fakes.tokens import CLIENT, TENANT
from tests.town import INVITED, KARIM, NOOR, QUIET, SANNE, WELCOME, Town

from beklijf.model.canonical import occurrences
from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.company import Company, Entry
    from tests.fakes.graph import Graph
    from tests.fakes.tokens import TokenServer


OURS = "mentor@voorbeeld.example"


@pytest.fixture
def town(tmp_path: Path, graph: Graph, desk: TokenServer, company: Company) -> Iterator[Town]:
    desk.graph()  # which keeps the secret in a file
    login = f'tenant = "{TENANT}", client = "{CLIENT}", secret = {{ file = "secret" }}, url = "{graph.url}", authority = "{desk.url}"'
    made = Town(
        folder=tmp_path,
        calendar=f'kind = "graph"\nname = "Mentorprogramma"\ngraph = {{ {login} }}',
        read=lambda href: programs.read(company, href),
        write=lambda href, data: programs.write(company, OURS, "folder1", href, data),
        remove=lambda href: programs.delete(company, href),
    )
    yield made
    made.stop()


def heard(company: Company, *people: str) -> list[list[str]]:
    """Return what the server brought to each of *people* since the last look."""
    found = [list(company.mailboxes[person].news) for person in people]
    for person in people:
        company.mailboxes[person].news.clear()
    return found


def events(company: Company) -> dict[str, Entry]:
    """Return our events by the beginning of their titles."""
    return {entry.title: entry for entry in company.inside(OURS, "folder1")}


def test_exchange_invites_once_to_each_event_and_we_mail_nothing_but_letters(town: Town, company: Company) -> None:
    town.start()
    town.at(WELCOME)
    town.mails()

    town.at(INVITED)

    assert heard(company, SANNE, KARIM) == [["REQUEST", "REQUEST"]] * 2
    assert town.told() == []
    assert town.plan().changes == ()
    assert town.row("series").icaluid == company.entries[town.row("series").href].uid


def test_a_quiet_tick_is_one_request(town: Town, graph: Graph) -> None:
    town.invited()
    town.tick()
    town.tick()
    before = len(graph.requests)

    assert town.tick().plan is None
    assert len(graph.requests) - before == 1


def test_a_restart_reads_nothing_again_that_is_known(town: Town, graph: Graph) -> None:
    town.invited()
    town.tick()
    town.start()
    graph.parts.clear()

    town.tick()

    assert [part.rpartition("/")[2] for part in graph.parts] == ["calendars", "delta", "events"]


def test_days_off_are_cut_before_anybody_hears_of_the_series(town: Town, company: Company) -> None:
    town.words.closed = "2027-02-04, 2027-03-18"
    town.start()
    town.at(WELCOME)
    town.at(INVITED)

    series = company.entries[town.row("series").href]
    assert [single.start for single in series.singles.values()].count(None) >= 1
    assert all(news == "REQUEST" for news in heard(company, SANNE)[0])
    [copy] = [entry for entry in company.inside(SANNE, "main") if entry.original == series.id]
    assert [start for _, start, _ in copy.meetings()] == [start for _, start, _ in series.meetings()]


def test_a_new_place_is_one_update_to_each_and_a_new_text_rides_along(town: Town, company: Company) -> None:
    town.invited()
    heard(company, SANNE, KARIM)

    town.words.place = "Zaal 2"
    town.changed()

    assert heard(company, SANNE, KARIM) == [["REQUEST", "REQUEST"]] * 2
    assert town.event("series").location == "Zaal 2"
    assert town.plan().changes == ()


def test_what_the_organizer_moved_in_outlook_stays_and_nobody_is_told_by_us(town: Town, company: Company) -> None:
    town.invited()
    town.edit("goals", r"T150000", "T110000")
    town.edit("goals", r"T160000", "T120000")
    heard(company, SANNE)

    town.tick()
    town.tick(QUIET)

    assert town.event("goals").start.hour == 11
    assert heard(company, SANNE) == [[]]
    assert town.told() == []
    assert town.plan().changes == ()


def test_one_meeting_cancelled_in_outlook_stays_cancelled_when_ours_changes(town: Town, company: Company) -> None:
    town.invited()
    series = company.entries[town.row("series").href]
    recurrence_id = occurrences(town.event("series"))[2]
    company.take_out(series, recurrence_id, send="all")
    town.tick()
    town.tick(QUIET)

    town.words.place = "Zaal 2"
    town.changed()

    assert series.singles[recurrence_id].start is None
    assert series.place == "Zaal 2"
    assert town.plan().changes == ()


def test_a_decline_is_no_edit_and_changes_nothing(town: Town, company: Company) -> None:
    town.invited()
    before = town.event("series")
    href = town.row("series").href
    [copy] = [entry for entry in company.inside(SANNE, "main") if entry.original == href]
    company.respond(copy, "DECLINED")

    town.tick()
    town.tick(QUIET)

    assert town.event("series") == before
    assert town.plan().changes == ()
    assert [guest.answer for guest in company.entries[href].guests if guest.address == SANNE] == ["DECLINED"]


def test_a_mentorship_that_ends_is_cancelled_once(town: Town, company: Company) -> None:
    town.invited()
    heard(company, SANNE, KARIM)

    town.words.pairs = ()
    town.changed()

    assert heard(company, SANNE, KARIM) == [["CANCEL", "CANCEL"]] * 2
    assert company.inside(OURS, "folder1") == []


def test_another_mentor_takes_the_place_of_the_first(town: Town, company: Company) -> None:
    town.invited()
    heard(company, SANNE, KARIM, NOOR)

    town.words.pairs = ((SANNE, NOOR),)
    town.changed()

    told = dict(zip(("mentee", "before", "now"), heard(company, SANNE, KARIM, NOOR), strict=True))
    assert (told["before"], told["now"]) == (["CANCEL", "CANCEL"], ["REQUEST", "REQUEST"])
    assert town.plan().changes == ()


@pytest.mark.parametrize("drop", ["before", "after"])
@pytest.mark.parametrize("parts", [False, True], ids=["request", "part"])
def test_whichever_request_of_a_tick_breaks_off_nothing_is_written_or_told_twice(
    town: Town, company: Company, graph: Graph, drop: str, parts: bool
) -> None:
    """The tick that writes two events and the ticks after it, with one more request let through each time."""
    town.words.closed = "2027-02-04, 2027-03-18"
    town.start()
    town.at(WELCOME)
    moods: list[Mood | None] = []
    town.now = INVITED
    for number in range(12):
        moods[:] = [*[None] * number, Mood(drop=drop)]  # type: ignore[arg-type]  # one of the two words
        graph.moods, graph.part_moods = ([], moods) if parts else (moods, [])
        town.start()
        with suppress(Transient):  # the calendar could not be read: the tick ends, and the next one begins anew
            town.tick(timedelta(hours=1))
        graph.moods, graph.part_moods = [], []

    town.start()
    town.tick(timedelta(hours=1))

    assert town.plan().changes == ()
    assert len(company.inside(OURS, "folder1")) == 2
    assert heard(company, SANNE, KARIM) == [["REQUEST", "REQUEST"]] * 2

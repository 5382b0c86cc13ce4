"""The product on an Exchange server, by config alone: what people get, and what a power cut at any request leaves of it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.fakes import programs
from tests.fakes.company import Company
from tests.fakes.ews.server import Drop, running
from tests.fakes.ews.site import entry_of, served
from tests.town import INVITED, KARIM, PASSWORD, SANNE, WELCOME, Town, Wording

from beklijf.model.conversation import Said
from beklijf.model.domain import Override

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.fakes.ews.server import EwsServer

SERVICE = "mentor@voorbeeld.example"


class Hearing(Wording):
    """A config that lets answers be heard."""

    def toml(self, calendar: str) -> str:
        return f"{super().toml(calendar)}\n[answers]\nread = true\n"


@contextmanager
def installed(folder: Path, company: Company) -> Iterator[tuple[Town, EwsServer]]:
    folder.mkdir(exist_ok=True)
    with running(served(company)) as server, ExitStack() as stack:
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        words = f'url = "{server.url}", user = "{SERVICE}", auth = "basic", password = {{ file = "password" }}'
        town = Town(
            folder=folder,
            calendar=f'kind = "exchange"\nexchange = {{ {words} }}',
            read=lambda href: programs.read(company, entry_of(href)),
            write=lambda href, data: programs.write(company, SERVICE, "main", entry_of(href), data),
            remove=lambda href: programs.delete(company, entry_of(href)),
            words=Hearing(),
        )
        stack.callback(town.stop)
        yield town, server
        town.stop()
        assert server.illegal == []


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Town, EwsServer]]:
    with installed(tmp_path, Company()) as made:
        yield made


@pytest.fixture
def town(both: tuple[Town, EwsServer]) -> Town:
    return both[0]


@pytest.fixture
def server(both: tuple[Town, EwsServer]) -> EwsServer:
    return both[1]


def news(server: EwsServer, who: str) -> list[str]:
    return server.company.mailboxes[who].news


def test_the_server_invites_once_and_we_mail_no_invitation(town: Town, server: EwsServer) -> None:
    town.start()
    town.at(WELCOME)
    town.mails()

    town.at(INVITED)

    assert news(server, SANNE) == news(server, KARIM) == ["REQUEST", "REQUEST"]
    assert town.told() == []
    assert town.plan().changes == ()
    assert town.tick().done == []


def test_a_quiet_tick_asks_once_as_soon_as_answers_are_seen_to_be_worked_in(town: Town, server: EwsServer) -> None:
    town.invited()
    copy = next(e for e in server.company.entries.values() if e.mailbox == SANNE)
    server.company.respond(copy, "ACCEPTED")
    town.tick()
    town.tick()
    server.requests.clear()

    assert town.tick().plan is None

    assert server.requests == ["SyncFolderItems"]


def test_another_place_is_told_by_the_server_once(town: Town, server: EwsServer) -> None:
    town.invited()
    before = len(news(server, SANNE))
    town.words.place = "Zaal 9"

    town.changed()

    assert {town.event(item).location for item in ("series", "goals")} == {"Zaal 9"}
    assert news(server, SANNE)[before:] == ["REQUEST", "REQUEST"]
    assert town.told() == []
    assert town.tick().done == []


def test_what_a_person_moves_stays(town: Town, server: EwsServer) -> None:
    town.invited()
    entry = server.company.entries[entry_of(town.row("series").href)]
    recurrence_id = next(at for at, start, _ in entry.meetings() if start)
    server.company.single(entry, recurrence_id, send="all", start=entry.start + timedelta(days=1), minutes=30)

    town.tick()
    town.tick(timedelta(minutes=20))  # our words about it follow

    assert town.tick().done == []
    assert Override(recurrence_id, recurrence_id + timedelta(days=1), 30) in town.event("series").overrides


def test_a_decline_is_heard_and_answered(town: Town, server: EwsServer) -> None:
    town.invited()
    entry = server.company.entries[entry_of(town.row("goals").href)]
    copy = next(e for e in server.company.entries.values() if e.original == entry.id and e.mailbox == KARIM)
    server.company.respond(copy, "DECLINED")

    town.tick()
    town.tick()

    assert town.engine.conversation.told_by_calendar()[entry.uid, None, KARIM] is Said.DECLINED
    assert any(mail["To"].addresses[0].addr_spec == SANNE for mail in town.mails())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_power_cut_at_any_request_of_the_first_write_leaves_one_invitation_of_each(tmp_path: Path, after: bool) -> None:
    for number in range(40):
        with installed(tmp_path / str(number), Company()) as (town, server):
            town.start()
            town.at(WELCOME)
            server.mood = [*([None] * number), Drop(after)]
            town.at(INVITED)
            if server.mood:
                break
            town.start()
            town.now = settled(town, INVITED)
            assert news(server, SANNE) == news(server, KARIM) == ["REQUEST", "REQUEST"]
            assert len([entry for entry in server.company.entries.values() if entry.mine]) == 2
    assert number > 5


def settled(town: Town, now: datetime) -> datetime:
    """Tick until nothing is left to be done, as the service would after its back-off."""
    for _ in range(6):
        now += timedelta(minutes=30)
        town.at(now)
    assert town.tick().done == []
    return now

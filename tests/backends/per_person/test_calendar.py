"""Many people's calendars as one, when some of them give no answer: nobody waits for all of them, and nobody starves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import pytest

from beklijf.backends.per_person.calendar import IN_A_ROW, Owners
from beklijf.model.domain import Person
from beklijf.model.errors import Transient
from beklijf.model.stored import NOTHING, Changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.backends.per_person.calendar import Service

OURS = "mentor@voorbeeld.example"


@dataclass
class Server:
    """A calendar server of which mailboxes hang."""

    hanging: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)


@dataclass
class Mailbox:
    server: Server
    owner: str = OURS
    target: str = "a server"
    may_schedule: bool | None = True

    def of(self, email: str, _: str = "") -> Mailbox:
        return Mailbox(self.server, email)

    def changes(self, token: object, _: Mapping[str, str] = NOTHING) -> Changes:
        self.server.asked.append(self.owner)
        if self.owner in self.server.hanging:
            raise Transient(f"{self.owner} gives no answer")
        return Changes(token=token or "1", full=token is None, changed=())


def people(number: int) -> list[Person]:
    emails = [f"mentee{n:02}@voorbeeld.example" for n in range(number)]
    return [Person(key=e, name=e, email=e, language="nl", zone=ZoneInfo("Europe/Amsterdam"), works=frozenset(range(5))) for e in emails]


def opened(server: Server, number: int) -> Owners:
    return Owners(cast("Service", Mailbox(server)), OURS, people(number))


def test_after_some_without_an_answer_nobody_else_is_asked_and_all_of_them_count_as_unchanged() -> None:
    server = Server()
    calendar = opened(server, 60)
    token = calendar.changes(None).token
    server.hanging = {person.email for person in people(60)}
    server.asked.clear()

    changes = calendar.changes(token)

    assert len(changes.away) == 60
    assert (changes.changed, changes.gone) == ((), ())
    assert len(server.asked) == 2 + IN_A_ROW  # the service's own, and once more to see that the server is up


def test_who_gave_no_answer_is_asked_last_and_each_in_turn() -> None:
    server = Server(hanging={person.email for person in people(5)})
    calendar = opened(server, 8)

    first, second = calendar.changes(None), calendar.changes(None)

    assert first.away.keys() == {person.email for person in people(8)}
    server.asked.clear()
    assert second.away.keys() == {person.email for person in people(5)}
    assert calendar.changes(None).away.keys() == {person.email for person in people(5)}
    assert [owner for owner in server.asked if owner in server.hanging] == [f"mentee{n:02}@voorbeeld.example" for n in (3, 4, 0)]


def test_a_server_that_is_down_for_itself_is_everybodys_trouble() -> None:
    server = Server(hanging={OURS})

    with pytest.raises(Transient):
        opened(server, 3).changes(None)

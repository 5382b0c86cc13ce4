"""Many people's calendars as one, when some of them give no answer: nobody waits for all of them, and nobody starves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import pytest

from beklijf.backends.per_person.calendar import IN_A_ROW, Owners
from beklijf.model.domain import Contact, Event, Person
from beklijf.model.errors import Down, Refused, Theirs, Transient
from beklijf.model.stored import NOTHING, Agent, Changes, Stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.backends.per_person.calendar import Service

OURS = "mentor@voorbeeld.example"


@dataclass
class Server:
    """A calendar server of which mailboxes hang."""

    hanging: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    sore: dict[str, Exception] = field(default_factory=dict)
    """Whose takes no event, and what it says."""
    tried: list[str] = field(default_factory=list)


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

    def create(self, event: Event, *, sequence: int, agent: Agent, stamp: datetime) -> Stored:
        self.server.tried.append(self.owner)
        if self.owner in self.server.sore:
            raise self.server.sore[self.owner]
        return Stored(event=event, href=event.uid, etag=f"{agent} {stamp}", sequence=sequence)


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


# -- writing -----------------------------------------------------------------------------------------------------------

NOW = datetime(2026, 12, 15, 9, tzinfo=UTC)
EVENT = Event(
    uid="one@beklijf",
    start=NOW,
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Gesprek",
    text="",
    location="",
    organizer=Contact("", ""),
    people=(),
    alarms=(),
    free=False,
)


def write(calendar: Owners, number: int) -> Exception | None:
    """Have an event made in one person's calendar, and return what comes of it."""
    organizer = Contact("", people(number + 1)[number].email)
    try:
        calendar.create(replace(EVENT, organizer=organizer), sequence=0, agent=Agent.SERVER, stamp=NOW)
    except (Refused, Transient, Down) as error:
        return error
    return None


@pytest.mark.parametrize(
    ("said", "calls"),
    [
        (Transient("503", failing=True), 2),  # perhaps over the one event only
        (Transient("no answer in time"), 1),
        (Transient("403 quotaExceeded", retry_after=3600), 1),
        (Down("the mailbox is full"), 2),
    ],
)
def test_what_one_persons_calendar_says_to_a_write_is_that_persons(said: Exception, calls: int) -> None:
    server = Server(sore={people(1)[0].email: said})
    calendar = opened(server, 3)
    token = calendar.changes(None).token

    first, again, other = write(calendar, 0), write(calendar, 0), write(calendar, 1)

    assert (type(first), type(again), other) == (Theirs, Theirs, None)
    assert isinstance(first, Theirs)
    assert first.retry_after == (3600 if "quota" in str(said) else None)
    assert server.tried.count(people(1)[0].email) == calls, "who doesn't answer is asked once, until all are read again"
    server.sore.clear()
    calendar.changes(token)
    assert write(calendar, 0) is None


def test_after_some_that_take_nothing_and_say_nothing_nobody_else_waits_for_theirs() -> None:
    server = Server(sore={person.email: Transient("no answer in time") for person in people(5)})
    calendar = opened(server, 6)
    calendar.changes(None)

    said = [write(calendar, number) for number in range(6)]

    assert [type(error) for error in said] == [Theirs] * IN_A_ROW + [Transient] * 3
    assert len(server.tried) == IN_A_ROW


def test_a_write_that_meets_silence_on_a_server_that_is_down_is_everybodys() -> None:
    server = Server(sore={people(1)[0].email: Transient("no answer in time")})
    calendar = opened(server, 3)
    calendar.changes(None)
    server.hanging.add(OURS)

    assert type(write(calendar, 0)) is Transient


def test_after_a_login_that_was_refused_nobody_elses_calendar_tries_it() -> None:
    server = Server(sore={people(1)[0].email: Down("401", login=True)})
    calendar = opened(server, 3)
    calendar.changes(None)

    said = [write(calendar, number) for number in range(3)]

    assert [type(error) for error in said] == [Theirs, Transient, Transient]
    assert server.tried == [people(1)[0].email]

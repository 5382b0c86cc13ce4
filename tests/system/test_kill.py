"""SIGKILL at random points of each tick, some thirty times: what remains is finished, and nothing is there, or heard, twice.

A tick runs in a child of a process that has everything loaded, so that a kill lands in the work and not in imports. Every
town is compared with one that nobody disturbed. A thousand kills, wherever they land, are tests/thorough/test_kills.py.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.system.story import PAIRS, PAIRS_ON_SERVERS, Nursery, Town, itip_of, letter_of, maildir, story

from beklijf import config
from beklijf.mime.messages import parse
from beklijf.model import canonical
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from beklijf.model.conversation import Pause

    class Taken(Protocol):
        recipient: str
        content: bytes
        message_id: str

    class Post(Protocol):
        taken: list[Taken]

    class Office(Protocol):
        """A mail server as ``conftest`` starts it."""

        toml: str
        post: Post


KILLS = 35
"""Five a tick: among writes to the ledger and to the calendar, mails that are handed over, and what was heard."""
KILLS_ON_SERVERS = 12


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    yield made
    made.say.close()
    made.process.wait(10)
    made.hear.close()


Pace = list[tuple[float, float]]
"""What each tick of the story takes: with all its work, and with nothing to do."""


def undisturbed(town: Town, nursery: Nursery) -> Pace:
    pace = []
    for chapter in town.story:
        town.begin(chapter)
        _, whole = nursery.tick(town)
        pace.append((whole, town.finish(nursery)))
    return pace


def disturbed(town: Town, nursery: Nursery, pace: Pace, dice: random.Random, *, kills: int) -> list[int]:
    """Live through the story with kills all over each tick, and return how many: each child gets on with a few times its share."""
    share = -(-kills // len(town.story))
    landed = []
    for chapter, (whole, quiet) in zip(town.story, pace, strict=True):
        town.begin(chapter)
        before = town.kills
        for _ in range(share):
            code, _ = nursery.tick(town, kill_after=dice.uniform(0.5 * quiet, quiet + 3 * (whole - quiet) / share))
            if code >= 0:
                break
            town.kills += 1
        landed.append(town.kills - before)
        town.finish(nursery)
    return landed


@dataclass(frozen=True)
class End:
    """What a town comes to: events as people see them, letters, what was told to whom, and what was heard of whom."""

    events: dict[str, str]
    letters: Counter[tuple[str, str, str]]
    """Receiver, subject, text without its links: the secret behind their tokens is each town's own."""
    told: Counter[tuple[str, str, str, str]]
    """Method, UID, meeting, receiver."""
    heard: Counter[tuple[str, ...]]
    hours: frozenset[tuple[str, ...]]
    pauses: tuple[Pause, ...]


def end_of(town: Town, mails: list[EmailMessage]) -> End:
    with opened(config.load(town.folder / "config.toml")) as engine:
        stored = engine.calendar.changes(None).changed
        assert engine.plan(town.now).changes == ()
        refs = Counter(row.ref for row in engine.ledger.rows().values() if row.state == "live")
        uids = {row.uid for row in engine.ledger.rows().values()}
        assert set(refs.values()) == {1}
        assert engine.ledger.db.execute("SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'dropped')").fetchone()[0] == 0
        assert engine.conversation.proposals() == ()
        heard = Counter(map(tuple, engine.ledger.db.execute("SELECT said, uid, recurrence_id, who, source FROM heard")))
        hours = frozenset(map(tuple, engine.ledger.db.execute("SELECT mentorship, kind, weekday, at, first FROM slot")))
        pauses = engine.conversation.pauses()
    assert [*(town.folder / "inbox" / "new").iterdir(), *(town.folder / "inbox" / "cur").iterdir()] == []
    assert len([*(town.folder / "inbox" / ".beklijf").rglob("*.client*")]) == town.said
    events = {s.event.uid: canonical.dump(s.event) for s in stored}
    assert len(events) == len(stored)
    assert events.keys() == uids
    told = [said for mail in mails if (said := itip_of(mail))]
    letters = Counter(letter_of(mail) for mail in mails if not itip_of(mail))
    return End(events=events, letters=letters, told=Counter(told), heard=heard, hours=hours, pauses=pauses)


def repeated(town: Town) -> list[str]:
    """Return the rows that the log says were found ``sending``."""
    return re.findall(r"sending once more under the same Message-ID, since it may have arrived: (.*)", town.log())


def test_kills_all_over_each_tick_leave_each_event_and_each_mail_once(
    tmp_path: Path, nursery: Nursery, record_property: Callable[[str, object], None]
) -> None:
    calm, town = (Town(folder=tmp_path / name, story=story(PAIRS)) for name in ("calm", "town"))
    pace = undisturbed(calm, nursery)
    wanted = end_of(calm, maildir(calm))

    landed = disturbed(town, nursery, pace, random.Random(40), kills=KILLS)  # noqa: S311  # a search, not a secret

    mails = maildir(town)
    end = end_of(town, mails)
    assert end.events == wanted.events
    assert end.letters == wanted.letters
    assert end.told == wanted.told
    assert end.heard == wanted.heard
    assert end == wanted
    names = [str(mail["Message-ID"]) for mail in mails]
    assert len(names) == len(set(names))
    assert len(repeated(town)) <= town.kills
    assert all(landed), landed
    record_property("kills", landed)
    record_property("rows found sending", len(repeated(town)))


def test_kills_between_real_servers_send_at_most_the_one_mail_twice_that_was_on_its_way(
    tmp_path: Path, nursery: Nursery, radicale: str, office: Office
) -> None:
    def on_servers(name: str) -> Town:
        login = f'url = "{radicale}{name}/"\nuser = "{name}"\npassword = {{ file = "password" }}\nname = "Mentorprogramma"'
        organizer = 'organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }'
        town = Town(
            folder=tmp_path / name,
            backends=f'[calendar]\nkind = "caldav"\n{login}\n{organizer}\n{office.toml}',
            story=story(PAIRS_ON_SERVERS),
        )
        town.folder.mkdir()
        (town.folder / "password").write_text("any\n", encoding="utf-8")
        return town

    calm, town = on_servers("calm"), on_servers("town")
    pace = undisturbed(calm, nursery)
    wanted = end_of(calm, [parse(taken.content) for taken in office.post.taken])
    office.post.taken.clear()

    disturbed(town, nursery, pace, random.Random(40), kills=KILLS_ON_SERVERS)  # noqa: S311  # as above

    first = {taken.message_id: taken for taken in reversed(office.post.taken)}
    end = end_of(town, [parse(taken.content) for taken in first.values()])
    twice = Counter(taken.message_id for taken in office.post.taken) - Counter(first.keys())
    assert end == wanted
    assert town.kills > 0
    assert sum(twice.values()) <= len(repeated(town)) <= town.kills
    for name in twice:
        assert len({taken.content for taken in office.post.taken if taken.message_id == name}) == 1

"""A hundred thousand mails that went through bad hands: whatever comes in, the rest of the tick is as if it hadn't."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.system.story import WELCOME, Town, maildir, story
from tests.thorough.garbling import garbled_mail

from beklijf import config
from beklijf.model import canonical
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from random import Random

    from tests.thorough.campaign import Begin
    from tests.thorough.children import Nursery

pytestmark = pytest.mark.thorough

CORPUS = Path(__file__).parents[1] / "corpus"
PAIRS = 4
AT_ONCE = 50
LOOKS = 4
"""Ticks after which what failed by itself at three of them is set aside."""
IN_CORPUS = {
    b"0d7f6c1a-5a1b-4c0e-9d55-3b1f6a0f2c11-1a2b3c4d@beklijf": "series",
    b"7b0e4a52-19c3-4f0b-8a77-c2d4e6f80a13-1a2b3c4d@beklijf": "goals",
}


@dataclass(frozen=True)
class Seen:
    """What a town shows: the meetings, and who got letters that begin how."""

    events: dict[str, str]
    letters: Counter[tuple[str, str]]
    spoken_of: frozenset[str]
    """The people of pairs of whom anything was heard."""
    moved: frozenset[str]
    """The events that a mentee moved, or seems to have moved, by a proposal that our server vouched for."""


def seen(town: Town) -> Seen:
    with opened(config.load(town.folder / "config.toml")) as engine:
        stored = [each.event for each in engine.calendar.changes(None).changed]
        said = [*engine.ledger.db.execute("SELECT uid, said FROM heard WHERE said != 'invited'")]
    letters = Counter((mail["To"].addresses[0].addr_spec, " ".join(str(mail["Subject"]).split()[:3])) for mail in maildir(town))
    return Seen(
        events={event.uid: canonical.dump(event) for event in stored},
        letters=letters,
        spoken_of=frozenset(person.email for event in stored if event.uid in {uid for uid, _ in said} for person in event.people),
        moved=frozenset(uid for uid, what in said if what == "moved"),
    )


def of_people(letters: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    return Counter({(who, words): n for (who, words), n in letters.items() if who.startswith(("mentee", "mentor"))})


def copied(calm: Town, folder: Path) -> Town:
    shutil.copytree(calm.folder, folder)
    return Town(folder=folder, story=calm.story, now=calm.now)


def at_home(mail: bytes, uids: dict[str, list[str]], number: int) -> bytes:
    """Return a mail of the corpus as one about a pair of this town."""
    for uid, item in IN_CORPUS.items():
        mail = mail.replace(uid, uids[item][number].encode())
    for name, person in {b"karim": b"mentee%d", b"sanne": b"mentor%d"}.items():
        mail = re.sub(rb"(?:\r?\n )?".join(name[n : n + 1] for n in range(len(name))) + b"@", (person % number) + b"@", mail)  # folded too
    return mail


def looked_at(town: Town, mails: list[bytes], nursery: Nursery) -> Seen:
    """Let mails come in at the same time as another place in the config, and tick until all of it is done with."""
    moved = replace(town.story[0][1], place="Zaal 2")
    (town.folder / "config.toml").write_text(moved.toml(town.backends), encoding="utf-8")
    for number, mail in enumerate(mails):
        path = town.folder / "inbox" / "new" / f"{number:03}.client"
        path.write_bytes(mail)
        os.utime(path, (town.now.timestamp(), town.now.timestamp()))
    for _ in range(LOOKS):
        town.now += timedelta(minutes=11)
        nursery.tick(town.folder, town.now)
    return seen(town)


def mails_of(dice: Random, corpus: list[bytes], uids: dict[str, list[str]]) -> list[bytes]:
    def one() -> bytes:
        return at_home(dice.choice(corpus), uids, dice.randrange(PAIRS))

    return [garbled_mail(one(), one(), dice) for _ in range(AT_ONCE)]


def test_no_mail_stops_or_changes_what_is_not_its_own(tmp_path: Path, nursery: Nursery, begin: Begin) -> None:
    campaign = begin("mails", wanted=100_000, minutes=20)
    corpus = [path.read_bytes() for path in sorted(CORPUS.glob("*.eml"))]
    calm = Town(folder=tmp_path / "calm", story=story(PAIRS))
    for chapter in calm.story[:2]:
        calm.begin(chapter)
        while nursery.tick(calm.folder, calm.now).did:
            calm.now += timedelta(minutes=11)
    calm.now = WELCOME + timedelta(days=2)
    with opened(config.load(calm.folder / "config.toml")) as engine:
        rows = sorted(engine.ledger.rows().values(), key=lambda row: row.mentorships)
        uids = {item: [row.uid for row in rows if row.ref.rpartition("/")[2] == item] for item in ("series", "goals")}
    undisturbed = looked_at(copied(calm, tmp_path / "undisturbed"), [], nursery)

    for dice in campaign.cases():
        town = copied(calm, tmp_path / "town")
        result = looked_at(town, mails_of(dice, corpus, uids), nursery)

        assert result.events.keys() == undisturbed.events.keys(), campaign
        assert {uid for uid, event in result.events.items() if event != undisturbed.events[uid]} <= result.moved, campaign
        assert not undisturbed.letters - result.letters, campaign
        more = of_people(result.letters - undisturbed.letters)
        assert {who for who, _ in more} <= result.spoken_of, campaign  # whatever it was made to say, it says of its own pair
        assert sum(more.values()) <= AT_ONCE, campaign
        campaign.count(
            AT_ONCE, letters=sum(more.values()), to_staff=sum((result.letters - undisturbed.letters).values()) - sum(more.values())
        )
        shutil.rmtree(town.folder)

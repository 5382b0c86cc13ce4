"""The first write of some hundred events to a real server: through our backend, and as bare PUTs of the same bytes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import servers
import town
from measure import Cost, median_cost, timed
from servers import PASSWORD, Wire

from beklijf import config as configs
from beklijf.backends.registry import open_calendar
from beklijf.ical import ics
from beklijf.ledger import Ledger
from beklijf.ledger.conversation import Conversation
from beklijf.ledger.outbox import Outbox
from beklijf.letters import Letters
from beklijf.model.stored import Agent
from beklijf.planning import events
from beklijf.tick.take import Taker

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.contracts.settings import Config
    from beklijf.model.domain import Event

BLOCK = 10
"""Events in a row on one side, before the other has its turn: both meet the same server in the same mood."""


@dataclass(frozen=True, slots=True)
class Written:
    server: str
    events: int
    ours: tuple[Cost, ...]
    """A round each."""
    bare: tuple[Cost, ...]

    @property
    def ratio(self) -> float:
        """Return our speed as a share of the bare PUTs'."""
        return median_cost(self.bare).wall / median_cost(self.ours).wall


def measure(name: str, folder: Path, *, count: int, rounds: int) -> Written:
    """Write *count* events each way, in calendars of their own for each round: a full one would be slower than an empty one."""
    ours, bare = [], []
    with servers.SERVERS[name](folder / "server") as server:
        for number in range(rounds):
            place = folder / f"round{number}"
            config = configs.load(town.build(place, count // 2, calendar=server.settings(f"ours{number}")))
            (place / "password").write_text(PASSWORD, encoding="utf-8")
            written = _round(server, config, _events(config)[:count], number)
            ours.append(written[0])
            bare.append(written[1])
    return Written(server.name, count, tuple(ours), tuple(bare))


def _events(config: Config) -> list[Event]:
    with closing(Ledger(None)) as ledger:
        taker = Taker(config=config, ledger=ledger, outbox=Outbox(ledger), conversation=Conversation(ledger), texts=Letters())
        programme = taker.programme(town.JOINING)
        writer = events.Writer(installation=config.service.installation, programme=programme, texts=taker.texts)
        return [writer.event(item) for track in programme.tracks.values() for item in track.items]


def _round(server: servers.Server, config: Config, wanted: list[Event], number: int) -> tuple[Cost, Cost]:
    server.make_calendar(f"ours{number}")
    path = server.make_calendar(f"bare{number}")
    bodies = [(f"{path}{event.uid}.ics", ics.build(event, sequence=0, stamp=town.JOINING, agent=Agent.CLIENT)) for event in wanted]
    headers = {"Content-Type": "text/calendar; charset=utf-8", "If-None-Match": "*"}
    ours, bare = Cost(0, 0), Cost(0, 0)
    with closing(open_calendar(config.calendar, config.calendar.organizer.email)) as calendar, Wire(server) as wire:
        calendar.changes(None)  # connects and looks around, once
        wire.request("PROPFIND", path, b"", {"Depth": "0"})

        def write(block: slice) -> None:
            for event in wanted[block]:
                calendar.create(event, sequence=0, agent=Agent.CLIENT, stamp=town.JOINING)

        def put(block: slice) -> None:
            for href, body in bodies[block]:
                wire.request("PUT", href, body, headers)

        for first in range(0, len(wanted), BLOCK):
            block = slice(first, first + BLOCK)
            turns = (write, put) if first // BLOCK % 2 else (put, write)
            for turn in turns:
                _, cost = timed(partial(turn, block))
                if turn is write:
                    ours += cost
                else:
                    bare += cost
    return ours, bare

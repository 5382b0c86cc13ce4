"""Prints the measured claims of CONTRIBUTING as tables: ``make bench``, or ``python bench/run.py scale --sizes 100 1000``.

Wall time is what a neighbour on the machine can double; CPU time is our own, and the ratios compare two things of one run.
"""

from __future__ import annotations

import argparse
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import commands
import makers
import scale
import side_by_side
import town
import writing
from measure import median_cost, print_table
from tests.fakes.makers import MAKERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scale import Scale

PARTS = ("scale", "writing", "makers", "commands", "whole")
"""Of the default; ``ticks`` is run by its name, since it takes an hour for each shape at the largest size."""
PATIENT = 1_000
"""Radicale reads a calendar that it doesn't know yet at some fifty events a second: beyond this size only Xandikos is asked."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"{', '.join(PARTS)}: these by default; or ticks")
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 1_000, 10_000], metavar="N", help="mentorships")
    parser.add_argument("--servers", nargs="*", default=["radicale", "xandikos"], help="default: both")
    parser.add_argument("--events", type=int, default=300, help="of a first write")
    parser.add_argument("--rounds", type=int, default=5, help="of a first write")
    parser.add_argument("--shapes", nargs="+", default=list(town.SHAPES), choices=town.SHAPES, help="of ticks; default: all")
    chosen = parser.parse_args()
    machine = f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs"
    print(f"Python {platform.python_version()} on {machine}, load {os.getloadavg()[0]:.1f}", flush=True)
    with TemporaryDirectory(prefix="beklijf-bench-") as name:
        folder = Path(name)
        if "scale" in chosen.parts:
            _scale(folder, chosen.sizes, chosen.servers)
        if "writing" in chosen.parts:
            _writing(folder, chosen.servers, count=chosen.events, rounds=chosen.rounds)
        if "makers" in chosen.parts:
            _makers(folder, [size for size in chosen.sizes if size <= PATIENT])
        if "commands" in chosen.parts:
            _commands(folder / "example")
        if "ticks" in chosen.parts:
            side_by_side.ticks(folder / "ticks", chosen.sizes, chosen.shapes)
        if "whole" in chosen.parts:
            side_by_side.whole(folder / "whole", chosen.sizes)


def _scale(folder: Path, sizes: Sequence[int], servers: Sequence[str]) -> None:
    found = [_alone(folder / str(size), size, [name for name in servers if name != "radicale" or size <= PATIENT]) for size in sizes]
    names = {
        "load": "load the config",
        "load, one error": "load it with one error",
        "tracks": "plan all tracks",
        "letters": "schedule all letters",
        "plan": "`plan`, all to be welcomed and invited",
        "plan of a full calendar": "`plan`, full calendar, nothing to do",
    }
    rows: list[list[object]] = [[name, *(each.costs[key] for each in found)] for key, name in names.items()]
    rows.append(["most memory until the first plan", *(f"{each.memory['plan']} MB" for each in found)])
    rows.append(["most memory in all of this", *(f"{each.memory['ticks']} MB" for each in found)])
    if len(found) > 1:
        for row, key in zip(rows, names, strict=False):
            row.append(f"x {found[-1].costs[key].cpu / found[-2].costs[key].cpu:.1f}")
        for row in rows[len(names) :]:
            row.append("")
    last = found[-1]
    growth = [f"CPU, {sizes[-2]:,} to {sizes[-1]:,}"] if len(found) > 1 else []
    print_table(
        "Planning",
        ["mentorships", *(f"{size:,}" for size in sizes), *growth],
        rows,
        f"At {last.size:,}: {last.counts['items']:,} events on the tracks, {last.counts['letters']:,} letters; "
        f"the first plan has {last.counts['changes']:,} changes.",
        f"The error: `{last.said}`",
    )
    print_table(
        "A quiet tick",
        ["calendar", "mentorships", "events in it", "quiet tick", "requests", "first tick of a process"],
        [
            [quiet.calendar, f"{each.size:,}", f"{quiet.events:,}", quiet.cost, f"{quiet.requests:g}", quiet.start]
            for each in found
            for quiet in each.quiet
        ],
        f"Median of {scale.QUIET_TICKS}. The events stand on the server (put into its storage as files, not by PUT); "
        "requests are all that the HTTP library sent during a tick; the first tick of a process reads every event.",
    )


def _alone(folder: Path, size: int, servers: Sequence[str]) -> Scale:
    """Measure in a process of its own; a fresh one, since a fork would begin with our memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(scale.measure, size, folder, servers).result()


def _writing(folder: Path, servers: Sequence[str], *, count: int, rounds: int) -> None:
    found = [writing.measure(name, folder / f"writing-{name}", count=count, rounds=rounds) for name in servers]
    print_table(
        "First write",
        ["server", "events", "ours, median round", "bare PUTs, median round", "share of bare speed", "by round"],
        [
            [
                each.server,
                each.events,
                median_cost(each.ours),
                median_cost(each.bare),
                f"{each.ratio:.2f}",
                " ".join(f"{bare.wall / ours.wall:.2f}" for ours, bare in zip(each.ours, each.bare, strict=True)),
            ]
            for each in found
        ],
        f"{rounds} rounds, each into two empty calendars, ten events in turn; the bare PUTs carry the same bytes on one keep-alive "
        "connection of http.client, with the same login and If-None-Match. The calendars are made before.",
    )


def _makers(folder: Path, sizes: Sequence[int]) -> None:
    found = [makers.measure(name, size, folder / f"{name}-{size}") for name in MAKERS for size in sizes]
    print_table(
        "Requests to Exchange, Graph and Google",
        ["backend", "mentorships", "events", "first write", "an event", "quiet tick", "first tick of a process"],
        [[e.maker, f"{e.size:,}", f"{e.events:,}", f"{e.first:,}", f"{e.first / e.events:.2f}", e.quiet, e.start] for e in found],
        "On the fakes of the tests. The first write is all requests until every event stands there and everybody is invited; "
        f"illegal by the maker's own description: {sum(e.illegal for e in found)}.",
    )


def _commands(folder: Path) -> None:
    commands.init(folder)
    check = commands.measure(folder, "check")
    rehearse = commands.measure(folder, "rehearse", "--into", str(folder / "rehearsal"), rounds=3)
    print_table(
        "Commands on the example, from start to exit",
        ["command", "time", "modules imported", "of vendors"],
        [
            ["`beklijf check`", check.cost, check.modules, ", ".join(check.vendors) or "none"],
            ["`beklijf rehearse`", rehearse.cost, rehearse.modules, ", ".join(rehearse.vendors) or "none"],
        ],
        f"The rehearsal: {rehearse.said.splitlines()[-2] if rehearse.said.count(chr(10)) else rehearse.said}",
    )


if __name__ == "__main__":
    main()

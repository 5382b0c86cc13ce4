#!/usr/bin/env python3
"""Draw one pair's track from a rehearsal of the example: docs/track.py > docs/track.svg. The same code draws the same bytes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import date, datetime, timedelta
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from beklijf import config
from beklijf.ical import ics
from beklijf.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EXAMPLE = Path(__file__).parents[1] / "config.example.toml"
PAIR = "coachend-leidinggeven/emily.clarke@voorbeeld.example"

WIDTH, LEFT, RIGHT = 1000, 20, 20
ROW, TOP = 66, 86
LABELS = {
    "welcome-mentee": "welcome",
    "goals": "goals",
    "session-mentee": "session",
    "repetition-2": "repeat",
    "progress": "what works?",
    "closing-mentee": "closing",
    "welcome-mentor": "welcome",
    "session-mentor": "session",
    "closing-mentor": "thanks",
}
STYLE = """
.back { fill: #ffffff; stroke: #d0d7de } text { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #57606a }
.title { font-size: 16px; font-weight: 600; fill: #1f2328 } .row { font-weight: 600; fill: #1f2328 } .label { font-size: 11px }
.line { stroke: #d0d7de } .session { fill: #bc4c00 } .meeting { fill: #0969da }
.look-back { fill: #ffffff; stroke: #0969da; stroke-width: 3.5 }
.goals { fill: #8250df } .letter { fill: #1a7f37 } .flap { fill: none; stroke: #ffffff } .reminder { fill: #9a6700 }
@media (prefers-color-scheme: dark) {
.back { fill: #0d1117; stroke: #30363d } text { fill: #9198a1 } .title, .row { fill: #f0f6fc } .line { stroke: #30363d }
.session { fill: #f0883e } .meeting { fill: #4493f8 } .look-back { fill: #0d1117; stroke: #4493f8 } .goals { fill: #ab7df8 }
.letter { fill: #3fb950 } .flap { stroke: #0d1117 } .reminder { fill: #d29922 }
}"""


class Mark(NamedTuple):
    day: date
    kind: str
    label: str = ""


class Track(NamedTuple):
    sessions: list[Mark]
    meetings: list[Mark]
    mentee: list[Mark]
    mentor: list[Mark]
    reminders: list[Mark]


def rehearsed(into: Path) -> list[dict[str, Any]]:
    """Return every change that a rehearsal of the example makes, in order."""
    command = [sys.executable, "-m", "beklijf", "--config", str(EXAMPLE), "rehearse", "--into", str(into), "--json"]
    said = subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603 - our own command, our own arguments
    return [change for step in json.loads(said)["steps"] for change in step["changes"]]


def track(changes: list[dict[str, Any]], calendars: Path) -> Track:
    """Return the pair's days: letters as the rehearsal sent them, meetings as its calendar holds them."""
    training = next(t for t in config.load(EXAMPLE).trainings if t.id == PAIR.partition("/")[0])
    sessions = [Mark(session.date, "session", f"{session.date:%-d %b}") for session in training.sessions]
    letters = [c for c in changes if c["kind"] == "letter" and PAIR in c["mentorships"]]
    mentee, mentor = ([_letter(c) for c in letters if (c["to"] == [PAIR.partition("/")[2]]) is theirs] for theirs in (True, False))
    meetings: list[Mark] = []
    reminders: list[Mark] = []
    for change in changes:
        if change["action"] == "create" and PAIR in change["mentorships"]:
            [file] = calendars.rglob(f"{change['key']}*.ics")
            event = ics.stored(file.read_bytes(), href=file.name, etag="").event
            for at in canonical.meetings(event):
                day = at.astimezone(training.mentorships[0].mentee.zone).date()
                (reminders if event.free else meetings).append(_meeting(day, change, event.text))
    return Track(sessions, sorted(meetings), mentee, mentor, reminders)


def _letter(change: dict[str, Any]) -> Mark:
    rule = change["item"].rpartition("/")[2].split(":")[1]
    return Mark(datetime.fromisoformat(change["at"]).date(), "letter", LABELS.get(rule, ""))


def _meeting(day: date, change: dict[str, Any], text: str) -> Mark:
    """Tell what kind of meeting it is: a series says of which of its days look back."""
    if change["kind"] == "reminder":
        return Mark(day, "reminder")
    name = change["item"].rpartition("/")[2].partition(":")[0]
    if name == "goals":
        return Mark(day, "goals", "goals")
    if name == "extra" or f"{day:%A %-d %B}: look-back" in text:
        return Mark(day, "look-back", "look-back")
    return Mark(day, "meeting")


def draw(found: Track) -> Iterator[str]:
    """Yield the picture, line by line."""
    marks = [mark for row in found for mark in row]
    first = min(mark.day for mark in marks).replace(day=1)
    last = (max(mark.day for mark in marks).replace(day=1) + timedelta(days=32)).replace(day=1)

    def x(day: date) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (day - first).days / (last - first).days, 1)

    rows = (
        ("The training, three sessions", found.sessions),
        ("Meetings of the two: an hour every two weeks, until forty days after the last session", found.meetings),
        ("Letters to Emily, who learns", found.mentee),
        ("Letters to Grace, her mentor", found.mentor),
        ("A quarter of an hour in Grace's own calendar, shown as free: ask how it goes, set an example, give a push", found.reminders),
    )
    height = TOP + ROW * len(rows) + 6
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="t d">'
    yield f"<style>{STYLE}\n</style>"
    yield '<title id="t">What one training becomes</title>'
    yield f'<desc id="d">{escape("; ".join(_told(name, row) for name, row in rows))}</desc>'
    yield f'<rect class="back" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>'
    yield _text(LEFT, 30, "What one training becomes, for Emily and for Grace", "title")
    month = first
    while month < last:
        yield f'<line class="line" x1="{x(month)}" y1="44" x2="{x(month)}" y2="{height - 12}"/>'
        yield _text(x(month) + 6, 58, f"{month:%b}" + (f" {month.year}" if month in {first, month.replace(month=1)} else ""))
        month = (month + timedelta(days=32)).replace(day=1)
    for number, (name, row) in enumerate(rows):
        y = TOP + ROW * number
        yield _text(LEFT + 6, y, name, "row")
        for mark in row:
            yield from _mark(x(mark.day), y + 22, mark)


def _mark(x: float, y: int, mark: Mark) -> Iterator[str]:
    match mark.kind:
        case "letter":
            yield f'<rect class="letter" x="{x - 7:.1f}" y="{y - 5}" width="14" height="10" rx="1"/>'
            yield f'<path class="flap" d="M{x - 6:.1f} {y - 4}L{x} {y + 1}L{x + 6:.1f} {y - 4}"/>'
        case "session":
            yield f'<rect class="session" x="{x - 6:.1f}" y="{y - 6}" width="12" height="12" transform="rotate(45 {x} {y})"/>'
        case "reminder":
            yield f'<rect class="reminder" x="{x - 3:.1f}" y="{y - 7}" width="6" height="14" rx="2"/>'
        case kind:
            yield f'<circle class="{kind}" cx="{x}" cy="{y}" r="{5 if kind == "look-back" else 6.5}"/>'
    if mark.label:
        yield _text(x, y + 21, mark.label, "label", middle=True)


def _text(x: float, y: float, words: str, kind: str = "", *, middle: bool = False) -> str:
    extra = (f' class="{kind}"' if kind else "") + (' text-anchor="middle"' if middle else "")
    return f'<text x="{x}" y="{y}"{extra}>{escape(words)}</text>'


def _told(name: str, row: Iterable[Mark]) -> str:
    return f"{name}: {', '.join(f'{mark.day:%-d %b %Y}' for mark in row)}"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "rehearsal"
        found = track(rehearsed(into), into / "calendars")
    sys.stdout.write("\n".join(draw(found)) + "\n</svg>\n")


if __name__ == "__main__":
    main()

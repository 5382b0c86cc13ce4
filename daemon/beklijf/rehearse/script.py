"""What people will do in a rehearsal, read from a TOML file: every value checked, all problems at once, each with its line.

    [[answer]]
    at = 2026-11-12 10:00:00        on the virtual clock, in the organisation's zone unless it has an offset
    who = "sanne@voorbeeld.example"
    what = "decline"
    item = "sanne@voorbeeld.example/series"

Whether there is such an item at that moment shows only when it is played (``acting``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from beklijf.config.addresses import address
from beklijf.model.conversation import PAUSABLE
from beklijf.model.errors import ConfigError
from beklijf.toml.lines import lines_of
from beklijf.toml.reader import nearest_line, open_document
from beklijf.toml.values import Wrong, choice, day, did_you_mean, in_words, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from beklijf.contracts.settings import Config
    from beklijf.model.conversation import PausedKind
    from beklijf.model.domain import Person
    from beklijf.toml.reader import Table

What: TypeAlias = Literal[
    "accept", "tentative", "decline", "propose", "choose", "move", "delete", "away", "goal", "pause", "resume", "bounce"
]

_ABOUT = frozenset({"item", "meeting"})
KEYS: Mapping[What, tuple[frozenset[str], frozenset[str]]] = {
    "accept": (frozenset({"item"}), _ABOUT),
    "tentative": (frozenset({"item"}), _ABOUT),
    "decline": (frozenset({"item"}), _ABOUT),
    "propose": (frozenset({"item", "to"}), _ABOUT | {"to"}),
    "choose": (frozenset(), frozenset({"to"})),
    "move": (frozenset({"item", "to"}), _ABOUT | {"to"}),
    "delete": (frozenset({"item"}), _ABOUT),
    "away": (frozenset(), frozenset()),
    "goal": (frozenset({"text"}), frozenset({"text"})),
    "pause": (frozenset({"kind"}), frozenset({"kind"})),
    "resume": (frozenset({"kind"}), frozenset({"kind"})),
    "bounce": (frozenset(), frozenset()),
}
"""What each of them needs, and what it may have, beside ``at``, ``who`` and ``what``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that somebody does."""

    at: datetime
    person: Person
    address: str
    """From which of the person's addresses."""
    what: What
    item: str = ""
    """As plan and status name it; the end of the name is enough."""
    meeting: date | None = None
    """The day on which the rhythm has the one meeting that it is about."""
    to: datetime | None = None
    text: str = ""
    kind: PausedKind = "letters"
    file: str
    line: int
    where: str


def read(path: Path, config: Config) -> tuple[Act, ...]:
    """Return what people do, in order of time; raises ConfigError with all that is wrong in the file.

    An empty file is one in which everybody keeps silent.
    """
    document, _ = open_document(path, hint="--answers names a TOML file with [[answer]] tables")
    tables = document.root.tables_of("answer")
    persons = {each: person for person in config.persons for each in sorted(person.addresses)}
    lines = lines_of(document.text)
    found = [_act(table, persons, config.organisation.zone, document.name, lines) for table in tables]
    if wrong := document.problems():
        raise ConfigError(wrong)
    return tuple(sorted((act for act in found if act), key=lambda act: act.at))


def _act(table: Table, persons: Mapping[str, Person], zone: ZoneInfo, name: str, lines: Mapping[tuple[str | int, ...], int]) -> Act | None:
    at = table.need("at", _moment(zone), None)
    who = table.need("who", address, "")
    what: What | None = table.need("what", choice(*KEYS), None)
    item = table.get("item", text, "")
    meeting, to = table.get("meeting", day, None), table.get("to", _moment(zone), None)
    said = table.get("text", text, "")
    kind: PausedKind = table.get("kind", choice(*PAUSABLE), "letters")
    person = persons.get(who.casefold())
    if who and person is None:
        table.wrong("who", f'there is no person "{who}" in the config', did_you_mean(who, persons))
    if what is not None:
        _keys(table, what)
    if not table.sound or at is None or person is None or what is None:
        return None
    return Act(
        at=at,
        person=person,
        address=who,
        what=what,
        item=item,
        meeting=meeting,
        to=to,
        text=said,
        kind=kind,
        file=name,
        line=nearest_line(lines, table.path),
        where="".join(f"[{part}]" if isinstance(part, int) else part for part in table.path),
    )


def _keys(table: Table, what: What) -> None:
    needed, known = KEYS[what]
    for key in sorted(needed):
        if key not in table:
            table.wrong(None, f"{key} is missing", f'what = "{what}" needs it')
    for key in ("item", "meeting", "to", "text", "kind"):
        if key in table and key not in known:
            table.wrong(key, f'means nothing with what = "{what}"', "leave it out")


def _moment(zone: ZoneInfo) -> Callable[[object], datetime]:
    def parse(value: object) -> datetime:
        if not isinstance(value, datetime):
            hint = "leave out the quotes" if isinstance(value, str) else ""
            raise Wrong(f"must be a date with a time like 2027-01-19 10:00:00, not {in_words(value)}", hint)
        day(value.date())
        return value if value.tzinfo else value.replace(tzinfo=zone)

    return parse

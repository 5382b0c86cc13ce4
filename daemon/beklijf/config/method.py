"""Reads a method: the rules that turn a training into meetings, reminders and letters.

Holds no number of the practice itself; those stand in ``methods/*.toml``, each with its reason. Does not plan.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from beklijf.model.domain import Anchor, LetterRule, Limits, MeetingRule, Method, Offset, ReminderRule, Role, SeriesRule
from beklijf.model.errors import ConfigError
from beklijf.toml.reader import Document, Table, open_document
from beklijf.toml.values import Wrong, amount, choice, flag, in_words, text, weekdays, whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT = "default"
METHODS = Path(__file__).parent / "methods"

_DAYS = {"day": 1, "week": 7}
_LONGEST = 2 * 366
"""Days: a rule further from its anchor than two years is a slip of the pen."""
_WEEK = 7
_EMPTY_WINDOW = (0, 0)
_WORKING = {"working day": 1}
_DATED = [anchor for anchor in Anchor if anchor is not Anchor.SILENCE]


def locate_method(name: str, folder: Path) -> Path:
    """Return the file of a method: one of ours by its bare name, else a path from *folder*."""
    return folder / name if name.endswith(".toml") else METHODS / f"{name}.toml"


def load_method(name: str, folder: Path) -> tuple[Method, bytes]:
    """Return a method and the bytes of its file; raises ConfigError with all that is wrong with it."""
    document, data = open_document(locate_method(name, folder), hint="a method of your own is a copy of default.toml")
    method = read_method(document, name)
    if problems := document.problems():
        raise ConfigError(problems)
    return method, data


def read_method(document: Document, name: str) -> Method:
    """Read the rules; what is wrong with them is left in *document*."""
    root = document.root
    limits = _limits(root.table("limits"))
    series = [_series(table) for table in root.tables_of("series")]
    if len(series) != 1:
        root.wrong("series" if series else None, f"there must be one [[series]], not {len(series)}")
    meetings = [_meeting(table) for table in root.tables_of("meeting")]
    reminders = [_reminder(table) for table in root.tables_of("reminder")]
    letters = [_letter(table) for table in root.tables_of("letter")]
    _check_ids(
        root,
        {
            "series": [rule.id for rule in series],
            "meeting": [rule.id for rule in meetings],
            "reminder": [rule.id for rule in reminders],
        },
    )
    _check_ids(root, {"letter": [rule.id for rule in letters]})
    method = Method(
        name=name,
        series=series[0] if series else _series(Document("", "").root),
        meetings=tuple(meetings),
        reminders=tuple(reminders),
        letters=tuple(letters),
        limits=limits,
        digest="",
    )
    return replace(method, digest=_digest(method))


def _digest(method: Method) -> str:
    """Hash what the rules do; their names for people and their reasons may be worded better at any time."""
    values = {key: value for key, value in asdict(method).items() if key not in ("name", "digest")}
    for rule in (values["series"], *values["meetings"], *values["reminders"], *values["letters"]):
        del rule["why"]
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=sorted).encode()).hexdigest()


def _check_ids(root: Table, ids: Mapping[str, Sequence[str]]) -> None:
    """Refuse an id twice: ids name items in the ledger, and letters there too, apart from the items."""
    seen: set[str] = set()
    for key, names in ids.items():
        for number, name in enumerate(names):
            if name and name in seen:
                root.document.found((key, number, "id"), f'a second rule with the id "{name}"', "every rule needs an id of its own")
            seen.add(name)


# -- the tables --------------------------------------------------------------------------------------------------------


def _limits(table: Table) -> Limits:
    limits = Limits(
        block_gap=table.need("block_gap", amount(_DAYS, 1, 60), 1),
        stand_in=table.need("stand_in", amount(_DAYS, 0, 27), 0),
        apart=table.need("apart", amount(_DAYS, 0, 27), 0),
        gap=table.need("gap", amount(_DAYS, 1, 366), 1),
        ahead=table.need("ahead", amount(_DAYS, 1, 366), 1),
        letters_per_day=table.need("letters_per_day", whole(1, 20), 1),
        letters_per_week=table.need("letters_per_week", whole(1, 100), 1),
        off_share=table.need("off_share", _share, 1.0),
    )
    return replace(  # a method of before answers were heard doesn't say these
        limits,
        silent=table.get("silent", amount(_WORKING, 1, 260), limits.silent),
        absence=table.get("absence", amount(_DAYS, 1, 366), limits.absence),
        in_a_row=table.get("in_a_row", whole(1, 20), limits.in_a_row),
    )


def _series(table: Table) -> SeriesRule:
    return SeriesRule(
        id=_id(table),
        anchor=_anchor(table, Anchor.FIRST, Anchor.FIRST_BLOCK),
        window=_week(table),
        every=table.need("every", amount({"week": 1}, 1, 8), 1),
        until=table.need("until", amount(_DAYS, 0, _LONGEST), 0),
        minutes=_minutes(table),
        opens=table.need("opens", amount(_DAYS, -366, 0), 0),
        questions=table.need("questions", _slug, ""),
        why=table.need("why", text, ""),
    )


def _meeting(table: Table) -> MeetingRule:
    anchor = _anchor(table, *_DATED)
    by_block = anchor is Anchor.BLOCK
    extra, unless_within = None, 0
    if "extra" in table:
        if not by_block:
            table.wrong("extra", 'only goes with anchor = "block"')
        inner = table.table("extra")
        extra = _week(inner)
        unless_within = inner.need("unless_within", amount(_DAYS, 0, 366), 0)
    return MeetingRule(
        id=_id(table),
        anchor=anchor,
        window=_window(table) if by_block else _week(table),
        extra=extra,
        unless_within=unless_within,
        minutes=_minutes(table),
        opens=table.get("opens", amount(_DAYS, -366, _LONGEST), None),
        questions=table.need("questions", _slug, ""),
        enabled=table.get("enabled", flag, True),
        why=table.need("why", text, ""),
    )


def _reminder(table: Table) -> ReminderRule:
    first, last = _window(table)
    every = table.need("every", amount({"week": 1}, 1, 52), 1)
    count = table.need("count", whole(1, 52), 1)
    if table.sound and first + (count - 1) * every * _WEEK > last:
        table.wrong("count", f"{count} reminders {every} weeks apart do not fit between from and to")
    return ReminderRule(
        id=_id(table),
        role=Role(table.need("role", choice(*Role), Role.MENTOR)),
        anchor=_anchor(table, Anchor.FIRST, Anchor.FIRST_BLOCK, Anchor.LAST),
        window=(first, last),
        every=every,
        count=count,
        minutes=_minutes(table),
        questions=table.need("questions", _slug, ""),
        why=table.need("why", text, ""),
    )


def _letter(table: Table) -> LetterRule:
    role = Role(table.need("role", choice(*Role), Role.MENTEE))
    not_on = table.get("not_on", weekdays, frozenset[int]())
    if len(not_on) == _WEEK:
        table.wrong("not_on", "leaves no day to send it")
    merge = table.need("merge", flag, False)
    if merge and role is Role.MENTEE:
        table.wrong("merge", "a mentee's letters never become one", "merge = false")
    anchor, at = _anchor(table, *Anchor), table.need("at", _offset, None)
    on_joining = table.get("on_joining", flag, False)
    if anchor is Anchor.SILENCE:
        _check_silence(table, at, on_joining=on_joining)
    return LetterRule(
        id=_id(table),
        role=role,
        anchor=anchor,
        at=at or Offset(0),
        template=table.need("template", _slug, ""),
        order=table.need("order", whole(1, 99), 1),
        late=table.need("late", amount(_WORKING, 0, 260), 0),
        not_on=not_on,
        on_joining=on_joining,
        merge=merge,
        why=table.need("why", text, ""),
    )


def _check_silence(table: Table, at: Offset | None, *, on_joining: bool) -> None:
    """Refuse what makes no sense of a letter that counts from what did not happen."""
    if at and not at.working:
        table.wrong("at", 'silence is counted in working days of both, like "7 working days"')
    elif at and at.days < 0:
        table.wrong("at", "nobody is silent before the first invitation")
    if on_joining:
        table.wrong("on_joining", "silence never begins before joining", "leave it out")


# -- the values --------------------------------------------------------------------------------------------------------


def _id(table: Table) -> str:
    return table.need("id", _slug, "")


def _anchor(table: Table, *allowed: Anchor) -> Anchor:
    return Anchor(table.need("anchor", choice(*allowed), allowed[0]))


def _minutes(table: Table) -> int:
    return table.need("for", amount({"minute": 1, "hour": 60}, 5, 480), 60)


def _window(table: Table) -> tuple[int, int]:
    parse = amount(_DAYS, -_LONGEST, _LONGEST)
    first, last = table.need("from", parse, None), table.need("to", parse, None)
    if first is None or last is None:
        return _EMPTY_WINDOW
    if last < first:
        table.wrong("to", "lies before from")
    return first, last


def _week(table: Table) -> tuple[int, int]:
    """Read a window of exactly seven days: every weekday falls in it once, whichever the pair has."""
    first, last = _window(table)
    if table.sound and last - first + 1 != _WEEK:
        table.wrong("to", f"from and to must span seven days, not {last - first + 1}", "so that every weekday falls between them once")
    return first, last


def _offset(value: object) -> Offset:
    if isinstance(value, str) and "working" in value:
        return Offset(amount(_WORKING, -60, 60)(value), working=True)
    return Offset(amount(_DAYS, -_LONGEST, _LONGEST)(value))


def _share(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Wrong(f"must be a number from 0 to 1, not {in_words(value)}")
    if not 0 <= value <= 1:
        raise Wrong(f"must be 0 to 1, not {value}")
    return float(value)


def _slug(value: object) -> str:
    """Take a word that may name a file, an item and a template block."""
    given = text(value)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", given):
        raise Wrong(f'must be small letters, digits and hyphens, not "{given}"')
    return given

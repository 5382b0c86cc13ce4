"""Reads what [calendar], [mail] and [inbox] have in common: each is of one kind, whose maker reads it, and has nothing of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from beklijf.backends import registry
from beklijf.toml.values import choice, tabled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.backends.maker import Part, Section
    from beklijf.toml.reader import Table

P = TypeVar("P", bound="Part")

_STOPGAP = "folder"
"""The one kind that is always there: rehearsals and the example take place in folders."""


def part_of(table: Table, parts: Mapping[str, P]) -> P:
    """Return what the section's ``kind`` names."""
    return parts[table.need("kind", choice(*parts), _STOPGAP)]


def refuse_others(section: Section, part: Part, parts: Mapping[str, Part]) -> None:
    """Refuse what means something to another kind only: its keys, and logins that nothing here uses."""
    table, kind = section.table, part.kind.name
    theirs: dict[str, Part] = {}
    for other in parts.values():
        if other is not part:
            other.ask(section)
            for key in other.keys:
                theirs.setdefault(key, other)
    for key, other in theirs.items():
        if key not in table or key in part.keys:
            continue
        if kind in registry.LOGINS and not other.kind.on_disk:
            table.wrong(key, f'does not go with kind = "{kind}"', f"what the login needs stands in [{section.called(kind)}]")
        else:
            table.wrong(key, f'only goes with kind = "{other.kind.name}"')
    for name in registry.LOGINS:
        if name in table and name not in section.used:
            table.get(name, tabled, None)
            table.wrong(name, "is a login that nothing here uses", f"it goes with {_used_by(section, parts, name)}")


def _used_by(section: Section, parts: Mapping[str, Part], name: str) -> str:
    """Return what a login is for in this part of the config: its own kind, or another that takes its tokens."""
    by_kind = [f'kind = "{name}"'] if name in parts else []
    by_token = [f'auth = "{name}"'] if name in section.tokens else []
    return " or ".join([*by_kind, *by_token])

"""A pattern for where people's own calendars are, and names of files that are made of addresses. Opens nothing."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST_NAME = 200


def filled(pattern: str, email: str, written: Callable[[str], str]) -> str:
    """Return *pattern* with {email}, {local} and {domain} as they are *written* where it leads; empty for an empty one."""
    local, _, domain = email.casefold().rpartition("@")
    values = {"{email}": email.casefold(), "{local}": local, "{domain}": domain}
    for name, value in values.items():
        pattern = pattern.replace(name, written(value))
    return pattern


def safe_name(name: str) -> str:
    """Return *name* as a file name on any system: no separators, not hidden, not too long."""
    safe = quote(name, safe="@+ ")
    safe = f"%2E{safe[1:]}" if safe.startswith(".") else safe
    return safe if len(safe) <= _LONGEST_NAME else f"{safe[:100]}-{sha256(name.encode()).hexdigest()[:32]}"

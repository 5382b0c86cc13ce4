"""Where people's own calendars are, by `CalendarSettings.people`. Opens nothing."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

    from beklijf.contracts.settings import CalendarSettings

_LONGEST_NAME = 200


def url_of(settings: CalendarSettings, email: str, calendar: str = "") -> str:
    """Return the URL of a person's calendar: *calendar* if that is given, else by the pattern; empty where nothing says."""
    return calendar or _filled(settings.people, email, lambda value: quote(value, safe=""))


def folder_of(settings: CalendarSettings, email: str) -> Path:
    """Return the folder of a person's calendar: by the pattern, or beside the service's own."""
    assert settings.path is not None
    return Path(_filled(settings.people, email, safe_name)) if settings.people else settings.path / safe_name(email.casefold())


def safe_name(name: str) -> str:
    """Return *name* as a file name on any system: no separators, not hidden, not too long."""
    safe = quote(name, safe="@+ ")
    safe = f"%2E{safe[1:]}" if safe.startswith(".") else safe
    return safe if len(safe) <= _LONGEST_NAME else f"{safe[:100]}-{sha256(name.encode()).hexdigest()[:32]}"


def _filled(pattern: str, email: str, written: Callable[[str], str]) -> str:
    local, _, domain = email.casefold().rpartition("@")
    values = {"{email}": email.casefold(), "{local}": local, "{domain}": domain}
    for name, value in values.items():
        pattern = pattern.replace(name, written(value))
    return pattern

"""iCalendar (RFC 5545), iTIP (RFC 5546) and time zones: bytes and texts in, values out. Pure."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import icalendar as icalendar
else:

    class _Library:
        """Import icalendar when something of it is asked for, which who meets no event never does."""

        def __getattr__(self, name: str) -> object:  # importlib's LazyLoader imports twice what is imported by its own name first (3.11)
            self.__dict__[name] = found = getattr(import_module("icalendar"), name)
            return found

    icalendar = _Library()

"""iCalendar (RFC 5545), iTIP (RFC 5546) and time zones: bytes and texts in, values out. Pure."""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def _on_first_use(name: str) -> ModuleType:
    """Return a library that is read when something of it is asked for: who meets no event asks for nothing."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    spec.loader = LazyLoader(spec.loader)
    library = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(library)
    return library


if TYPE_CHECKING:
    import icalendar as icalendar
else:
    icalendar = sys.modules.get("icalendar") or _on_first_use("icalendar")  # not by import, which would ask for its __spec__

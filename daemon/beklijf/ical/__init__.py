"""iCalendar (RFC 5545), iTIP (RFC 5546) and time zones: bytes and texts in, values out. Pure."""

from __future__ import annotations

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import icalendar as icalendar
elif (icalendar := sys.modules.get("icalendar")) is None:
    # read when something of it is asked for, which who meets no event never does; ``import`` itself asks for its __spec__
    spec = find_spec("icalendar")
    spec.loader = LazyLoader(spec.loader)
    icalendar = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(icalendar)

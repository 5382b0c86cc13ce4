"""A week of an installation by the real clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.service import clock

if TYPE_CHECKING:
    from beklijf.tick.engine import Engine


def live_a_week(engine: Engine) -> None:
    """Let an engine tick through the week until now: in office hours too, at whatever hour the tests run."""
    for hours in range(6 * 24, -1, -8):
        engine.tick(clock() - timedelta(hours=hours))

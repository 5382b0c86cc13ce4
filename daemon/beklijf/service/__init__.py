"""The long-running service, and the clock that it shares with the commands."""

from __future__ import annotations

from datetime import UTC, datetime


def clock() -> datetime:
    """Return what time it is; nothing else in the program asks."""
    return datetime.now(UTC)  # noqa: TID251 (the one place)

"""When a server that failed is tried again."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beklijf.config import load
from beklijf.ledger import Ledger
from beklijf.ledger.outbox import Outbox
from beklijf.model.errors import Transient
from beklijf.tick.outages import Outages

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (None, timedelta(minutes=5)),
        (60.0, timedelta(minutes=5)),
        (3600.0, timedelta(hours=1)),
        (14_400.0, timedelta(hours=4)),
        (86_400.0, timedelta(hours=4)),
        (1e300, timedelta(hours=4)),
    ],
)
def test_a_server_that_asks_us_to_wait_is_believed_up_to_four_hours(tmp_path: Path, asked: float | None, waits: timedelta) -> None:
    with closing(Ledger(tmp_path / "state.sqlite3")) as ledger:
        outages = Outages(config=load(EXAMPLE), ledger=ledger, outbox=Outbox(ledger))

        outages.begin("calendar", Transient("busy", retry_after=asked), NOW)

        assert outages.now()["calendar"].retry_at == NOW + waits

"""What Retry-After says, and what can't be and is ignored."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.boundary.patience import back_off, http_date, retry_after

DATE = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("0", 0.0),
        ("30", 30.0),
        (" 120 ", 120.0),
        ("86400", 86400.0),
        ("Tue, 01 Dec 2026 09:02:00 GMT", 120.0),
        ("Tue, 01 Dec 2026 10:02:00 +0100", 120.0),
        ("Tuesday, 01-Dec-26 09:02:00 GMT", 120.0),
        ("Tue Dec  1 09:02:00 2026", 120.0),
        ("Tue, 01 Dec 2026 08:00:00 GMT", 0.0),
    ],
)
def test_a_number_of_seconds_or_a_date_is_how_long_to_wait(asked: str, seconds: float) -> None:
    assert retry_after(asked, DATE) == seconds


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "soon",
        "-5",
        "1.5",
        "1e3",
        "nan",
        "inf",
        "٣٠",
        "99999999",
        "9" * 10_000,
        "Tue, 32 Dec 2026 09:00:00 GMT",
        "Tue, 01 Dec 2099 09:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Tue, 01 Dec 99999999999 09:00:00 GMT",
    ],
    ids=lambda asked: asked[:20],
)
def test_what_cannot_be_is_ignored(asked: str) -> None:
    assert retry_after(asked, DATE) is None


def test_a_date_without_the_servers_own_clock_is_ignored() -> None:
    assert retry_after("Tue, 01 Dec 2026 09:02:00 GMT", None) is None
    assert retry_after("30", None) == 30


@given(st.text())
def test_nothing_that_a_server_writes_there_is_an_error(asked: str) -> None:
    seconds = retry_after(asked, DATE)

    assert seconds is None or 0 <= seconds <= 366 * 24 * 3600


@given(st.text())
def test_no_date_is_an_error(text: str) -> None:
    at = http_date(text)

    assert at is None or at.tzinfo is UTC


@pytest.mark.parametrize(("asked", "seconds"), [("90000", 90.0), ("1500", 1.5), ("20", 0.02), ("0", 0.0), (" 14400000 ", 14400.0)])
def test_exchange_says_it_in_milliseconds(asked: str, seconds: float) -> None:
    assert back_off(asked) == seconds


@pytest.mark.parametrize(
    "asked", ["", "soon", "-5", "-5000", "1e3000", "٣٠٠٠", "9" * 12, "9" * 10_000, "NaN"], ids=lambda asked: asked[:20]
)
def test_milliseconds_that_cannot_be_are_ignored(asked: str) -> None:
    assert back_off(asked) is None

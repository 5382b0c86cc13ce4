"""What may be sent twice, and when a connection has rested for too long."""

from __future__ import annotations

import pytest

from beklijf.boundary.repeats import KEPT, Use, is_repeatable


@pytest.mark.parametrize(
    ("method", "headers", "repeatable"),
    [
        ("GET", [], True),
        ("PROPFIND", ["Depth"], True),
        ("report", [], True),
        ("PUT", ["If-None-Match"], True),
        ("DELETE", ["if-match"], True),
        ("PATCH", ["If-Match"], True),
        ("PUT", ["Content-Type"], False),  # without its condition it may undo what somebody did meanwhile
        ("DELETE", [], False),
        ("POST", [], False),
        ("MKCALENDAR", [], False),
    ],
)
def test_what_reads_and_what_carries_its_condition_may_be_sent_twice(method: str, headers: list[str], *, repeatable: bool) -> None:
    assert is_repeatable(method, headers) is repeatable


def test_a_connection_rests_for_a_few_seconds_and_no_longer() -> None:
    now = [100.0]
    use = Use(clock=lambda: now[0])
    assert (use.has_been, use.is_over) == (False, False)

    use.answered()
    now[0] += KEPT - 0.1
    assert (use.has_been, use.is_over) == (True, False)
    now[0] += 0.1
    assert use.is_over
    use.ends()
    assert (use.has_been, use.is_over) == (False, False)


def test_servers_and_networks_keep_it_for_longer_than_we_do() -> None:
    assert KEPT < 5, "Apache's KeepAliveTimeout"

"""Mail goes out at an even pace, which keeps nobody from stopping."""

from __future__ import annotations

import time

import pytest

from beklijf.boundary import deadline
from beklijf.boundary.pace import Pace
from beklijf.model.errors import Transient


def test_each_turn_comes_after_the_one_before() -> None:
    now, slept = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    pace = Pace(30, clock=lambda: now, sleep=sleep)
    for _ in range(3):
        pace.wait("smtp")

    assert slept == [2.0, 2.0]


def test_whoever_is_asked_to_stop_does_not_wait_for_a_turn() -> None:
    pace = Pace(1)
    pace.wait("smtp")
    began = time.monotonic()
    try:
        deadline.hurry(0.1)
        with pytest.raises(Transient, match="smtp: waiting for our turn: cut short"):
            pace.wait("smtp")
    finally:
        deadline.hurry(None)

    assert time.monotonic() - began < 10

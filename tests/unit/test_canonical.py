"""Events as the ledger spells them, whatever becomes of the rules of their zones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.backends.examples import SERIES

from beklijf.model import canonical
from beklijf.model.domain import Event, Override, Recurrence

VANCOUVER = ZoneInfo("America/Vancouver")
CASABLANCA = ZoneInfo("Africa/Casablanca")


def series(zone: ZoneInfo) -> Event:
    """Return a fortnightly series in summer, of five meetings; the second is off, the third is moved to two o'clock."""
    starts = [datetime(2026, month, day, 10, tzinfo=zone) for month, day in ((6, 4), (6, 18), (7, 2), (7, 16), (7, 30))]
    first, second, third, _, last = (start.astimezone(UTC) for start in starts)
    moved = Override(third, datetime(2026, 7, 3, 14, tzinfo=zone), 60)
    assert first < second
    return replace(SERIES, start=starts[0], recurrence=Recurrence(2, last), overrides=(Override(second, None), moved))


@pytest.mark.parametrize("zone", [VANCOUVER, CASABLANCA, ZoneInfo("UTC")], ids=str)
def test_what_was_written_is_read(zone: ZoneInfo) -> None:
    event = series(zone)

    assert canonical.load(canonical.dump(event)) == event
    assert canonical.dump(canonical.load(canonical.dump(event))) == canonical.dump(event)


def test_places_are_kept_as_hours_in_their_zone() -> None:
    raw = json.loads(canonical.dump(series(VANCOUVER)))

    assert raw["recurrence"] == [2, "2026-07-30T10:00", ""]
    assert raw["singles"] == [
        ["2026-06-18T10:00", None, 0],
        ["2026-07-02T10:00", ["2026-07-03T14:00:00", "America/Vancouver"], 60],
    ]


@pytest.mark.parametrize("hours", [-1, 0, 1], ids=["an hour earlier", "the same", "an hour later"])
def test_a_ledger_of_before_has_instants_by_the_rules_of_then(hours: int) -> None:
    """Each place an hour off, and with them the meeting that was moved: its hour stays what people chose."""
    raw = json.loads(canonical.dump(series(VANCOUVER)))
    raw["recurrence"][1] = f"2026-07-30T{17 + hours}:00Z"
    raw["singles"] = [
        [f"2026-06-18T{17 + hours}:00Z", None, 0],
        [f"2026-07-02T{17 + hours}:00Z", [f"2026-07-03T{21 + hours}:00:00", "UTC"], 60],
    ]

    assert canonical.load(json.dumps(raw)) == series(VANCOUVER)


def test_a_rule_of_a_persons_own_keeps_its_instants() -> None:
    event = replace(series(VANCOUVER), recurrence=Recurrence(0, datetime(2026, 7, 30, 16, tzinfo=UTC), "FREQ=DAILY"), overrides=())

    assert canonical.load(canonical.dump(event)) == event
    assert json.loads(canonical.dump(event))["recurrence"] == [0, "2026-07-30T16:00Z", "FREQ=DAILY"]


def test_a_text_that_says_the_same_is_kept_as_it_is() -> None:
    event = series(VANCOUVER)
    raw = json.loads(canonical.dump(event))
    raw["recurrence"][1] = "2026-07-30T17:00Z"
    old = json.dumps(raw)

    assert canonical.kept(old, event) == old
    assert canonical.says(old, event)
    assert not canonical.says(old, replace(event, minutes=90))


def test_the_rules_by_which_an_event_was_written_stand_in_it_day_by_day() -> None:
    start = datetime(2027, 3, 2, 10, tzinfo=ZoneInfo("Europe/Amsterdam"))
    event = replace(SERIES, start=start, recurrence=Recurrence(2, datetime(2027, 4, 27, 8, tzinfo=UTC)), overrides=())

    assert canonical.reckoned(event) == "2027-03-02 +0100, 2027-03-30 +0200, 2027-04-27"
    assert canonical.reckoned(replace(event, recurrence=None)) == "2027-03-02 +0100"
    assert canonical.reckoned(replace(event, start=start.astimezone(ZoneInfo("UTC")))) == ""


@pytest.mark.parametrize(
    ("clock", "anew"),
    [
        ("2027-03-02 +0100, 2027-03-30 +0200, 2027-04-27", False),
        ("2027-03-02 +0100, 2027-04-27", True),
        ("2027-03-02 +0200, 2027-03-16 +0100, 2027-03-30 +0200, 2027-04-27", False),
        ("2027-03-02 +0100, 2027-03-16", False),
        ("", False),
    ],
    ids=["the same", "no summer", "another past", "days that nobody noted", "nothing noted"],
)
def test_other_rules_count_for_what_lies_ahead_alone(clock: str, anew: bool) -> None:
    start = datetime(2027, 3, 2, 10, tzinfo=ZoneInfo("Europe/Amsterdam"))
    recurrence = Recurrence(2, datetime(2027, 4, 27, 8, tzinfo=UTC))
    event = replace(SERIES, start=start, recurrence=recurrence, overrides=(), clock=clock)

    assert canonical.is_reckoned_anew(event, datetime(2027, 3, 3, tzinfo=UTC)) is anew

"""What one event's write meets is that event's; what all of them meet is the calendar's, and somebody hears of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.mailroom import Listening
from tests.tick.moods import SERVICE_DESK, Mood, moody
from tests.town import KARIM, SANNE, Town, folder_town

from beklijf.model.errors import Down, Refused, Theirs, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHERS = [(f"{n}@voorbeeld.example", f"{n}{n}@voorbeeld.example") for n in "abc"]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """Have four pairs, all invited, whose meetings get another place."""
    made = folder_town(tmp_path)
    made.words = Listening()
    made.words.persons |= {address: (f"Persoon {address[:2]}", "") for pair in OTHERS for address in pair}
    made.words.pairs = ((SANNE, KARIM), *OTHERS)
    made.invited()
    made.words.place = "Zaal 2"
    made.start()
    yield made
    made.stop()


def failing() -> Exception:
    return Transient("calendar.example: PUT failed with 500", failing=True)


def places(town: Town) -> dict[str, str]:
    return {mentee: town.event("series", mentee).location for mentee, _ in town.words.pairs}


def downs(town: Town) -> list[str]:
    return [str(mail["Subject"]) for mail in town.mails() if mail["To"].addresses[0].addr_spec == SERVICE_DESK]


@pytest.mark.parametrize("error", [failing, lambda: Refused("calendar.example: refused with 403")])
def test_what_one_object_meets_stops_nobody_else_and_is_tried_again_after_longer_and_longer(town: Town, error: type[Exception]) -> None:
    series = town.row("series").href
    mood = Mood("writing", error, lambda href: href == series)
    moody(town, mood)

    town.tick()
    assert places(town) == {SANNE: "Zaal 1", **{mentee: "Zaal 2" for mentee, _ in OTHERS}}
    for _ in range(48):
        town.tick()

    assert mood.calls == 6, "after 5, 10, 20, 25 and 80 minutes, in four hours"
    assert [*town.engine.outages.now()] == [f"leiding/{SANNE}/series"]
    assert downs(town) == []

    mood.at = ""
    town.tick(timedelta(hours=4))
    assert places(town)[SANNE] == "Zaal 2"
    assert town.engine.outages.now() == {}


def test_while_one_object_fails_what_comes_up_later_is_written_at_once(town: Town) -> None:
    series = town.row("series").href
    mood = Mood("writing", failing, lambda href: href == series)
    moody(town, mood)
    for _ in range(30):
        town.tick()

    town.words.place = "Zaal 3"
    town.start()
    moody(town, mood)
    town.tick()

    assert places(town) == {SANNE: "Zaal 1", **{mentee: "Zaal 3" for mentee, _ in OTHERS}}


def test_while_all_that_there_is_fails_a_newcomer_is_invited_and_then_it_is_not_the_server(town: Town) -> None:
    town.words.pairs, town.words.place = ((SANNE, KARIM),), "Zaal 1"
    town.changed()
    town.words.place = "Zaal 2"
    town.start()
    mood = Mood("writing", failing)
    moody(town, mood)
    for _ in range(12):
        town.tick()
    assert "writing" in town.engine.outages.now()

    town.words.pairs = ((SANNE, KARIM), ("d@voorbeeld.example", "dd@voorbeeld.example"))
    town.words.persons |= {address: (f"Persoon {address[:2]}", "") for address in town.words.pairs[1]}
    town.start()
    moody(town, mood)
    town.tick()
    town.tick(timedelta(days=1))

    assert town.event("series", "d@voorbeeld.example").location == "Zaal 2"
    assert "writing" not in town.engine.outages.now()
    assert town.event("series").location == "Zaal 1"


def test_a_server_at_which_every_write_fails_is_told_of_once_within_the_hour_while_reading_goes_on(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    mood = Mood("writing", failing)
    moody(town, mood)
    town.mails()

    for minutes in range(0, 60, 5):
        town.tick()
        assert downs(town) == [], minutes
    town.tick()
    assert downs(town) == ["beklijf: schrijven in de agenda lukt niet"]
    calls = mood.calls
    for _ in range(8 * 12):
        town.tick()

    assert downs(town) == []
    assert mood.calls - calls <= 8 * 4, "growing pauses"
    assert "calendar" not in town.engine.outages.now()
    assert caplog.text.count("is down") == 1

    mood.at = ""
    town.tick(timedelta(hours=4))
    town.tick(timedelta(minutes=1))
    assert set(places(town).values()) == {"Zaal 2"}
    assert town.engine.outages.now() == {}
    assert caplog.text.count("is back") == 1


def test_once_one_of_all_that_failed_is_written_the_others_do_not_wait_for_their_pauses(town: Town) -> None:
    mood = Mood("writing", failing)
    moody(town, mood)
    for _ in range(40):
        town.tick()
    series = town.row("series").href
    mood.only = lambda href: href == series

    for _ in range(40):
        if "writing" not in town.engine.outages.now():
            break
        town.tick()
    town.tick(timedelta(minutes=1))

    assert places(town) == {SANNE: "Zaal 1", **{mentee: "Zaal 2" for mentee, _ in OTHERS}}
    assert [*town.engine.outages.now()] == [f"leiding/{SANNE}/series"]


def test_the_same_no_to_everything_is_the_calendars_and_told_at_once(town: Town) -> None:
    moody(town, Mood("writing", lambda: Refused("calendar.example: refused with 403", hint="may this account write?")))
    town.mails()

    outcome = town.tick()
    town.tick(timedelta(hours=1))
    town.tick(timedelta(hours=1))

    assert any(isinstance(error, Down) for error in outcome.errors)
    assert downs(town) == ["beklijf: schrijven in de agenda lukt niet"]
    assert "refuses everything" in town.engine.outages.now()["writing"].what


def test_a_full_calendar_is_told_once_however_long_it_lasts(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    moody(town, Mood("writing", lambda: Down("the calendar is full")))
    town.mails()

    for _ in range(8 * 12):
        town.tick()

    assert len(downs(town)) == 1
    assert (caplog.text.count("is down"), caplog.text.count("is back")) == (1, 0)


def test_what_nobody_wants_to_be_written_any_more_is_down_no_more(town: Town) -> None:
    moody(town, Mood("writing", lambda: Down("the calendar is full")))
    town.tick()
    town.words.place = "Zaal 1"
    town.start()

    town.tick(timedelta(hours=1))

    assert town.engine.outages.now() == {}


def test_an_object_over_which_the_server_falls_silent_is_put_last_and_then_left_to_itself(town: Town) -> None:
    series = town.row("series").href
    mood = Mood("writing", lambda: Transient("no answer in time"), lambda href: href == series)
    moody(town, mood)

    town.tick()
    assert "writing" in town.engine.outages.now()
    town.tick(timedelta(minutes=6))

    assert places(town) == {SANNE: "Zaal 1", **{mentee: "Zaal 2" for mentee, _ in OTHERS}}
    assert [*town.engine.outages.now()] == [f"leiding/{SANNE}/series"]


def theirs() -> Exception:
    return Theirs("the calendar of somebody takes nothing now", retry_after=7200)


def test_what_two_peoples_own_mailboxes_say_is_theirs(town: Town) -> None:
    hit = {town.row(item, mentee).href for item in ("series", "goals") for mentee, _ in town.words.pairs[:2]}
    moody(town, Mood("writing", theirs, lambda href: href in hit))
    town.mails()

    for _ in range(20):
        town.tick()

    assert "writing" not in town.engine.outages.now()
    assert {outage.retry_at - outage.since for outage in town.engine.outages.now().values()} == {timedelta(hours=2)}
    assert downs(town) == []


def test_what_all_of_many_peoples_own_mailboxes_say_is_told_after_an_hour(town: Town) -> None:
    moody(town, Mood("writing", theirs))
    town.mails()

    town.tick()
    early = downs(town)
    town.tick(timedelta(hours=3))

    assert (early, downs(town)) == ([], ["beklijf: schrijven in de agenda lukt niet"])

"""Letters say the pair's hour on the reader's clock, whatever people did in the calendar and whatever their programs wrote there.

UTC is how instants are kept, and how some programs write them; it is nobody's hour.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from tests.mailroom import Listening, link, press, propose, reply
from tests.town import KARIM, QUIET, SANNE, Town, folder_town, itip_part

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SECOND = datetime(2027, 2, 4, 15, tzinfo=AMSTERDAM)
SOON = timedelta(minutes=1)
CAPITAL = "Sanne@Voorbeeld.example"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path)
    made.words = Listening()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    yield made
    made.stop()


def words(mail: EmailMessage) -> str:
    body: Any = mail.get_body(("plain",))
    return re.sub(r"\s+", " ", f"{mail['Subject']} {body.get_content()}")


def texts(town: Town, until: datetime = datetime(2027, 3, 26, 12, tzinfo=UTC)) -> str:
    """Return all that people are told from now on, as one text."""
    found = [words(mail) for mail in town.mails()]
    while town.now < until:
        town.tick(timedelta(days=1))
        found += [words(mail) for mail in town.mails()]
    return " ".join(found)


def test_a_meeting_that_somebody_moved_stands_in_later_letters_by_the_pairs_hour(town: Town) -> None:
    town.invited()
    town.edit("goals", r"T150000", "T140000")
    town.edit("goals", r"T160000", "T150000")
    town.tick()
    town.tick(QUIET)

    said = texts(town)

    assert "om 14.00 uur" in said
    assert "om 15.00 uur" in said  # the series, where it was
    assert "UTC" not in said


def test_a_program_that_writes_utc_changes_nobodys_clock(town: Town) -> None:
    town.words.persons[KARIM] = ("Karim Bakker", 'time_zone = "Europe/London"')
    town.invited()
    town.edit("goals", r"DTSTART;TZID=[^:]*:(\d{8})T150000", r"DTSTART:\1T130000Z")
    town.edit("goals", r"DTEND;TZID=[^:]*:(\d{8})T160000", r"DTEND:\1T140000Z")
    town.tick()
    town.tick(QUIET)
    reply(town, "goals", KARIM, "DECLINED")
    town.tick(SOON)

    said = texts(town)

    assert "14.00\N{EN DASH}15.00 uur" in said  # to Sanne, in Amsterdam
    assert "13.00\N{EN DASH}14.00 uur (14.00\N{EN DASH}15.00 uur in Amsterdam)" in said  # to Karim, in London: the pair's hour beside his
    assert "UTC" not in said


def test_a_series_that_a_program_wrote_in_utc_is_told_by_the_pairs_hour(town: Town) -> None:
    town.invited()
    town.edit("series", r"DTSTART;TZID=[^:]*:(\d{8})T150000", r"DTSTART:\1T130000Z")
    town.edit("series", r"DTEND;TZID=[^:]*:(\d{8})T160000", r"DTEND:\1T140000Z")
    town.tick()
    town.tick(QUIET)
    reply(town, "series", KARIM, "DECLINED")
    town.tick(SOON)

    said = texts(town)

    assert "14.00\N{EN DASH}15.00 uur" in said
    assert "UTC" not in said


def test_a_proposal_that_moves_a_meeting_is_told_by_the_pairs_hour(town: Town) -> None:
    town.invited()
    town.edit("goals", r"DTSTART;TZID=[^:]*:(\d{8})T150000", r"DTSTART:\1T140000Z")  # the same hour, as some programs write it
    town.edit("goals", r"DTEND;TZID=[^:]*:(\d{8})T160000", r"DTEND:\1T150000Z")
    town.tick()
    propose(town, "goals", SANNE, datetime(2027, 1, 6, 11, tzinfo=AMSTERDAM))
    town.tick(SOON)

    said = texts(town)

    assert "Verzet naar woensdag 6 januari om 11.00 uur" in said
    assert "UTC" not in said


@pytest.mark.parametrize("written", ["in the pair's zone", "in UTC"])
def test_an_hour_that_somebody_chose_for_the_series_is_the_pairs_own_and_keeps_to_its_clock(town: Town, written: str) -> None:
    town.invited()
    if written == "in UTC":
        town.edit("series", r"DTSTART;TZID=[^:]*:(\d{8})T150000", r"DTSTART:\1T140000Z")
        town.edit("series", r"DTEND;TZID=[^:]*:(\d{8})T160000", r"DTEND:\1T150000Z")
        town.tick()
    propose(town, "series", SANNE, datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)
    town.tick(SOON)
    mails = town.mails()
    [confirmation] = [mail for mail in mails if not itip_part(mail)]
    press(town, SANNE, link(confirmation, "Voortaan"))
    town.tick(SOON)
    town.tick(SOON)

    said = " ".join(words(mail) for mail in mails) + texts(town)

    assert str(town.event("series").start) == "2027-01-20 11:00:00+01:00"
    assert town.event("series").start.tzinfo == AMSTERDAM
    assert "om 11.00 uur" in said
    assert "UTC" not in said


def test_a_deleted_meeting_changes_nobodys_clock(town: Town) -> None:
    town.invited()
    town.remove(town.row("goals").href)
    town.tick()
    town.tick(QUIET)

    said = texts(town)

    assert "om 15.00 uur" in said
    assert "UTC" not in said


def test_a_capital_letter_in_an_address_changes_nobodys_clock(town: Town) -> None:
    town.words.persons = {CAPITAL: ("Sanne de Vries", ""), KARIM: ("Karim Bakker", "")}
    town.words.pairs = ((CAPITAL, KARIM),)
    town.invited()

    said = texts(town)

    assert "om 15.00 uur" in said
    assert "UTC" not in said

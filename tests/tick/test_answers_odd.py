"""Answers that come twice, late, from the wrong person, or about what is gone: on a folder calendar, with answers as mail.

Each of these was found by trying to make the service do what nobody asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.mailroom import (
    AMSTERDAM,
    COORDINATOR,
    GOALS,
    ORGANIZER,
    SECOND,
    SOON,
    Listening,
    calendar_part,
    deliver,
    got,
    letter,
    link,
    press,
    propose,
    reply,
    said,
    settled,
)
from tests.town import INVITED, KARIM, NOOR, QUIET, SANNE, Town, folder_town

from beklijf.model.conversation import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GUEST = "gast@voorbeeld.example"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path)
    made.words = Listening()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    yield made
    made.stop()


@dataclass
class Deaf(Listening):
    """A config in which nobody may read answers."""

    def toml(self, calendar: str) -> str:
        return super().toml(calendar).replace("read = true", "read = false")


def send(town: Town, who: str, data: str, method: str) -> None:
    """Put a mail with this iTIP message where the mail server would."""
    mail = letter(town, who, f"{method} {len(data)}", "")
    mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": method, "charset": "UTF-8"})
    deliver(town, mail)


# -- twice -------------------------------------------------------------------------------------------------------------


def test_the_same_no_sent_twice_is_told_once(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)
    town.tick(SOON)
    assert got(town) == [(KARIM, "Sanne kan niet")]

    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)

    settled(town)


def test_a_series_that_both_decline_brings_one_letter_with_hours(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "DECLINED")
    reply(town, "series", KARIM, "DECLINED")

    town.tick(SOON)

    assert [who for who, _ in got(town)] == [KARIM, SANNE]
    settled(town)


def test_a_program_that_says_yes_and_no_in_turns_brings_so_many_letters_a_day(town: Town) -> None:
    town.invited()
    for number in range(60):
        reply(town, "series", KARIM, "ACCEPTED" if number % 2 else "DECLINED")
        town.tick(SOON)

    assert len(got(town)) == 40


def test_asking_for_the_invitation_twice_brings_it_once(town: Town) -> None:
    town.invited()
    for _ in range(2):
        send(town, KARIM, calendar_part(town, "series", KARIM, method="REFRESH", partstat="NEEDS-ACTION"), "REFRESH")
        town.now += timedelta(seconds=1)

    town.tick(SOON)

    assert got(town) == [(KARIM, "REQUEST")]
    settled(town)


def test_that_the_coordinator_takes_no_mail_from_us_is_not_mailed_to_the_coordinator(town: Town) -> None:
    town.invited()
    deliver(town, letter(town, SANNE, "Vraagje", "Mag ik een andere mentor?"))
    town.tick(SOON)
    [forwarded] = town.mails()
    parts = (
        "Content-Type: text/plain\r\n\r\nNot here.",
        f"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; {COORDINATOR}\r\nAction: failed\r\nStatus: 5.7.1\r\n",
        f"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: {forwarded['Message-ID']}\r\n",
    )
    head = f'From: MAILER-DAEMON@voorbeeld.example\r\nTo: {ORGANIZER}\r\nContent-Type: multipart/report; boundary="B"\r\n\r\n'
    report = head + "".join(f"--B\r\n{part}\r\n" for part in parts) + "--B--\r\n"
    (town.folder / "inbox" / "new" / "1.refused.client").write_bytes(report.encode())

    settled(town)


# -- at odd times ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("instant", ["00010101T000000Z", "09990101T000000Z", "99991231T235900Z"])
@pytest.mark.parametrize("name", ["RECURRENCE-ID", "DTSTART"])
def test_an_answer_about_another_age_stops_nothing_and_goes_to_the_coordinator(town: Town, name: str, instant: str) -> None:
    town.invited()
    data = calendar_part(town, "series", SANNE, method="COUNTER", partstat="TENTATIVE", meeting=SECOND)
    send(town, SANNE, re.sub(rf"{name}:\w+", f"{name}:{instant}", re.sub(r"DTEND:\w+\r\n", "", data)), "COUNTER")

    town.tick(SOON)

    assert [who for who, _ in got(town)] == [COORDINATOR]
    settled(town)


def test_the_goals_meeting_stays_near_to_all_that_the_two_have_together(town: Town) -> None:
    town.invited()
    propose(town, "goals", SANNE, datetime(2090, 1, 6, 10, tzinfo=AMSTERDAM))

    town.tick(SOON)

    assert got(town) == [(SANNE, "Vrijdag 6 januari")]
    assert town.event("goals").start == GOALS
    settled(town)


# -- about what is gone ------------------------------------------------------------------------------------------------


def test_a_proposal_for_a_meeting_that_is_no_more_moves_no_series(town: Town) -> None:
    town.invited()
    data = calendar_part(town, "goals", SANNE, method="COUNTER", partstat="TENTATIVE", start=datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM))
    with town.engine.ledger.write():
        town.engine.ledger.conclude(town.row("goals"), town.now)
    before = town.event("series")
    send(town, SANNE, data, "COUNTER")

    for _ in range(3):
        town.tick(SOON)

    assert town.event("series") == before
    assert (SANNE, "Woensdag 3 februari") in got(town)


def test_who_throws_away_what_went_on_under_a_new_invitation_has_not_declined_that(town: Town) -> None:
    town.invited()
    town.at(SECOND - timedelta(days=3))
    old = calendar_part(town, "series", SANNE, method="REPLY", partstat="DECLINED", sequence=99)
    town.words.pairs = ((SANNE, NOOR),)
    town.changed()
    for _ in range(3):
        town.tick(timedelta(hours=20))
    assert [row.generation for row in town.engine.ledger.rows().values() if row.kind == "series"] == [2]
    town.mails()

    send(town, SANNE, old, "REPLY")
    town.tick(SOON)

    assert got(town) == []
    assert [each.reason for each in town.engine.taker.plan(town.now, None).silences.values()] == []
    settled(town)


# -- of the wrong person -----------------------------------------------------------------------------------------------


def test_somebody_put_on_an_event_by_hand_moves_nothing(town: Town) -> None:
    town.invited()
    town.edit("goals", r"(ATTENDEE[^\r\n]*sanne@[^\r\n]*\r?\n)", rf"\1ATTENDEE;CN=Gast:mailto:{GUEST}\r\n")
    town.tick()
    town.tick(QUIET)
    assert got(town) == [(GUEST, "REQUEST")]

    propose(town, "goals", GUEST, datetime(2027, 1, 6, 10, tzinfo=AMSTERDAM))
    town.tick(SOON)

    assert [who for who, _ in got(town)] == [COORDINATOR]
    assert town.event("goals").start == GOALS
    settled(town)


def test_a_mentor_who_was_replaced_moves_nothing_by_an_old_link(town: Town) -> None:
    town.words = Listening(more='mentee_proposal = "ask"\n')
    town.invited()
    propose(town, "goals", SANNE, datetime(2027, 1, 6, 10, tzinfo=AMSTERDAM))
    town.tick(SOON)
    [put] = [mail for mail in town.mails() if "stelt" in str(mail["Subject"])]
    town.words.pairs = ((SANNE, NOOR),)
    town.changed()
    town.tick(SOON)
    town.mails()

    press(town, KARIM, link(put, "6 januari"))

    settled(town)
    assert town.event("goals").start == GOALS


# -- where nothing can be heard ----------------------------------------------------------------------------------------


def test_what_stands_in_the_calendar_is_heard_once_somebody_lets_us(town: Town) -> None:
    town.words = Deaf()
    town.invited()
    town.edit("series", f"(ATTENDEE[^\r\n]*)PARTSTAT=NEEDS-ACTION([^\r\n]*{KARIM})", r"\1PARTSTAT=ACCEPTED\2")
    town.tick()
    town.tick()
    assert said(town) == {}

    town.words = Listening()
    town.changed()

    assert said(town) == {("series", "", "karim"): Said.ACCEPTED}
    settled(town)


def test_nobody_was_silent_while_nobody_listened(town: Town) -> None:
    town.words = Deaf()
    town.invited()
    began = INVITED + timedelta(days=20)
    town.at(began)
    town.mails()

    town.words = Listening()
    town.start()
    town.at(began + timedelta(days=1))
    assert got(town) == []

    for day in range(2, 14):
        town.at(began + timedelta(days=day))
    assert (SANNE, "Passen de gesprekken") in got(town)


def test_nobody_is_asked_about_silence_while_the_mailbox_can_not_be_read(town: Town) -> None:
    town.invited()
    new = town.folder / "inbox" / "new"
    new.rename(new.with_name("away"))
    new.write_text("no folder")
    for day in range(1, 16):
        town.at(INVITED + timedelta(days=day))
    assert [what for who, what in got(town) if who in {SANNE, KARIM}] == ["Wat wil je"]

    new.unlink()
    new.with_name("away").rename(new)
    town.at(INVITED + timedelta(days=16))

    assert (SANNE, "Passen de gesprekken") in got(town)


def test_mail_that_is_left_for_the_next_tick_is_read_soon(town: Town) -> None:
    town.invited()
    settled(town)
    for number in range(501):
        (town.folder / "inbox" / "new" / f"{number}.news").write_bytes(b"From: news@elders.example\r\nSubject: Korting\r\n\r\nNu kopen")

    outcome = town.tick(SOON)

    assert outcome.next == town.now + timedelta(seconds=30)


# -- what is kept and written down -------------------------------------------------------------------------------------


def test_some_time_after_a_track_nothing_says_who_declined_or_proposed_what(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)
    reply(town, "series", KARIM, "DECLINED")
    propose(town, "goals", KARIM, datetime(2027, 1, 6, 10, tzinfo=AMSTERDAM))
    town.tick(SOON)
    town.at(town.now + timedelta(days=260))
    assert len(_answered(town)) == 4

    town.at(town.now + timedelta(days=42))

    assert _answered(town) == []
    assert town.engine.ledger.db.execute("SELECT * FROM heard").fetchall() == []


def _answered(town: Town) -> list[str]:
    return [row["name"] for row in town.engine.ledger.db.execute("SELECT name FROM outbox WHERE name GLOB 'answer *'")]


def test_the_journal_says_of_nobody_what_they_answered(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "beklijf")
    town.invited()
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)
    reply(town, "goals", KARIM, "DECLINED")

    town.tick(SOON)

    written = caplog.text.casefold()
    assert f"a letter for {KARIM}" in written
    assert f"sent a letter to {SANNE}" in written
    assert "declined" not in written
    assert "hours" not in written

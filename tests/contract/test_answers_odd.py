"""Answers that come late, twice, from the wrong person, about what is gone: on a folder calendar, with answers as mail.

Each of these was found by trying to make the service do something that nobody asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from tests.contract.test_answers import (
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
    links,
    press,
    propose,
    reply,
    said,
    settled,
)
from tests.contract.test_reconcile import INVITED, KARIM, NOOR, SANNE, WELCOME, Town, _folder

from beklijf.conversation import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = _folder(tmp_path)
    made.words = Listening()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    yield made
    made.stop()


# -- twice


def test_the_same_no_sent_twice_is_told_once(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)
    town.tick(SOON)
    assert got(town) == [(KARIM, "Sanne kan niet")]

    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)
    town.tick(SOON)

    settled(town)


def test_a_series_declined_by_both_brings_one_letter_with_hours(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "DECLINED")
    reply(town, "series", KARIM, "DECLINED")

    town.tick(SOON)

    assert [who for who, _ in got(town)] == [KARIM, SANNE]
    settled(town)


def test_asking_twice_for_an_invitation_loses_nothing_that_waits(town: Town) -> None:
    town.invited()
    for _ in range(2):
        mail = letter(town, KARIM, "Refresh", "x")
        data = calendar_part(town, "series", KARIM, method="REFRESH", partstat="NEEDS-ACTION")
        mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": "REFRESH", "charset": "UTF-8"})
        deliver(town, mail)
        town.now += timedelta(seconds=1)

    town.tick(SOON)

    assert got(town) == [(KARIM, "REQUEST")]
    settled(town)


# -- about what is gone


def test_a_proposal_for_a_meeting_that_is_gone_moves_nothing_else(town: Town) -> None:
    town.invited()
    mail = letter(town, SANNE, "New Time Proposed", "")
    data = calendar_part(town, "goals", SANNE, method="COUNTER", partstat="TENTATIVE", start=datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM))
    mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": "COUNTER", "charset": "UTF-8"})
    row = town.row("goals")
    with town.engine.ledger.write():
        town.engine.ledger.conclude(row, town.now)
    deliver(town, mail)
    town.tick(SOON)
    before = town.event("series")
    town.tick(SOON)
    town.tick(SOON)
    print(got(town))
    assert town.event("series").start.hour == 15 and town.event("series") == before


def test_a_goals_meeting_proposed_after_it_was(town: Town) -> None:
    town.invited()
    before = town.event("series")
    town.at(GOALS + timedelta(days=40))
    town.mails()
    propose(town, "goals", SANNE, GOALS + timedelta(days=50))
    town.tick(SOON)
    town.tick(SOON)
    print(got(town), town.row("goals").state)
    assert town.event("series").start == before.start


@pytest.mark.parametrize("year", [2028, 2090, 2400, 9998])
def test_far(town: Town, year: int) -> None:
    town.invited()
    propose(town, "goals", SANNE, datetime(year, 1, 6, 10, tzinfo=AMSTERDAM))
    town.tick(SOON)
    town.tick(SOON)
    print(got(town), town.event("goals").start)
    settled(town)


@pytest.mark.parametrize("start", ["99991231T235900Z", "00010101T000000Z"])
def test_end_of_time(town: Town, start: str) -> None:
    town.invited()
    for item, meeting in (("goals", None), ("series", SECOND)):
        mail = letter(town, SANNE, f"New Time Proposed {item}", "")
        data = calendar_part(town, item, SANNE, method="COUNTER", partstat="TENTATIVE", meeting=meeting)
        import re
        data = re.sub(r"DTSTART:\w+", f"DTSTART:{start}", data)
        data = re.sub(r"DTEND:\w+\r\n", "", data)
        mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": "COUNTER", "charset": "UTF-8"})
        deliver(town, mail)
    town.tick(SOON)
    town.tick(SOON)
    print(got(town), town.event("goals").start)


# -- by the wrong person


def test_somebody_put_on_an_event_by_hand_proposes(town: Town) -> None:
    town.invited()
    town.edit("goals", r"(ATTENDEE[^\r\n]*sanne@[^\r\n]*\r?\n)", r"\1ATTENDEE;CN=Gast:mailto:gast@voorbeeld.example\r\n")
    town.tick()
    town.tick(timedelta(minutes=11))
    print(got(town), town.event("goals").people)
    propose(town, "goals", "gast@voorbeeld.example", datetime(2027, 1, 6, 10, tzinfo=AMSTERDAM))
    propose(town, "series", "gast@voorbeeld.example", datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)
    town.tick(SOON)
    print(got(town), town.event("goals").start)
    assert town.event("goals").start.astimezone(AMSTERDAM) == GOALS
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
    print(got(town))
    press(town, KARIM, link(put, "6 januari"))
    town.tick(SOON)
    print(got(town))
    assert town.event("goals").start.astimezone(AMSTERDAM) == GOALS


# -- after the series went on


def test_who_declines_what_went_on_under_a_new_invitation_says_nothing_about_that(town: Town) -> None:
    town.invited()
    town.at(SECOND - timedelta(days=3))
    old = calendar_part(town, "series", KARIM, method="REPLY", partstat="DECLINED")
    town.words.pairs = ((SANNE, NOOR),)
    town.changed()
    for _ in range(3):
        town.tick(timedelta(hours=20))
    town.mails()
    rows = [r for r in town.engine.ledger.rows().values() if r.kind == "series"]
    print([(r.generation, r.state) for r in rows])
    data = old.replace(KARIM, SANNE)
    mail = letter(town, SANNE, "Declined", "")
    mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": "REPLY", "charset": "UTF-8"})
    deliver(town, mail)
    town.tick(SOON)
    print(got(town))
    survey = town.engine.surveyor.survey(town.now, None)
    assert {k: (s.reason, s.since) for k, s in survey.silences.items()} == {} or all(s.reason != "declined-series" for s in survey.silences.values())


# -- hours chosen


def test_an_hour_is_chosen_from_the_welcome_letter(town: Town) -> None:
    town.start()
    town.at(WELCOME)
    [welcome] = [mail for mail in town.mails() if SANNE in str(mail["To"])]
    offers = [each for each in links(welcome) if "pauz" not in unquote(each).casefold()]
    print([unquote(o)[:100] for o in offers])
    press(town, SANNE, offers[0])
    town.tick(SOON)
    print("after choosing", got(town))


def test_policy_refusals_of_mails_to_the_coordinator(town: Town) -> None:
    town.invited()
    deliver(town, letter(town, SANNE, "Vraagje", "Mag ik een andere mentor?"))
    town.tick(SOON)
    sent_total = 0
    for n in range(5):
        mails = town.mails()
        sent_total += len(mails)
        for m in mails:
            report = "\r\n".join(["From: MAILER-DAEMON@voorbeeld.example", f"To: {ORGANIZER}", f"Subject: Undelivered {n}", "Auto-Submitted: auto-replied", "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="B"', "", "--B", "Content-Type: text/plain", "", "Not here.", "--B", "Content-Type: message/delivery-status", "",
            "Reporting-MTA: dns; mx.voorbeeld.example", "", f"Final-Recipient: rfc822; {COORDINATOR}", "Action: failed", "Status: 5.7.1", "Diagnostic-Code: smtp; 550 5.7.1 spam", "", "--B",
            "Content-Type: text/rfc822-headers", "", f"Message-ID: {m['Message-ID']}", "", "--B--", ""])
            (town.folder / "inbox" / "new" / f"{n}.{hash(report)}.client").write_bytes(report.encode())
        town.tick(SOON)
    print("sent", sent_total)
    assert sent_total <= 2


# -- listening begins


class Deaf(Listening):
    def toml(self, calendar: str) -> str:
        return super().toml(calendar).replace("read = true", "read = false")


def test_what_people_answered_in_the_calendar_before_anybody_read_it_is_heard_once_it_may_be(town: Town) -> None:
    town.words = Deaf()
    town.invited()
    town.edit("series", f"(ATTENDEE[^\r\n]*)PARTSTAT=NEEDS-ACTION([^\r\n]*{KARIM})", r"\1PARTSTAT=ACCEPTED\2")
    town.tick()
    town.tick()
    assert said(town) == {}

    town.words = Listening()
    town.changed()
    town.tick()

    assert said(town) == {("series", "", "karim"): Said.ACCEPTED}
    settled(town)


def test_inbox_down_no_ladder(town: Town) -> None:
    town.invited()
    (town.folder / "inbox" / "new").rename(town.folder / "inbox" / "gone")
    (town.folder / "inbox" / "new").write_text("")
    for day in range(1, 16):
        town.at(INVITED + timedelta(days=day))
    print(got(town))
    assert [what for who, what in got(town)] == []
    (town.folder / "inbox" / "new").unlink()
    (town.folder / "inbox" / "gone").rename(town.folder / "inbox" / "new")
    for day in range(16, 20):
        town.at(INVITED + timedelta(days=day))
    print(got(town))


# -- forgetting


def test_some_time_after_a_track_nothing_says_who_declined_or_proposed_what(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)
    reply(town, "series", KARIM, "DECLINED")
    propose(town, "goals", KARIM, datetime(2027, 1, 6, 10, tzinfo=AMSTERDAM))
    town.tick(SOON)
    town.at(town.now + timedelta(days=260))
    town.tick(timedelta(days=2))

    assert names(town, "answer *") != []
    town.at(town.now + timedelta(days=40))
    town.tick(timedelta(days=2))

    assert names(town, "answer *") == []
    assert town.engine.ledger.db.execute("SELECT * FROM heard").fetchall() == []


def names(town: Town, pattern: str) -> list[str]:
    return [row["name"] for row in town.engine.ledger.db.execute("SELECT name FROM outbox WHERE name GLOB ?", (pattern,))]


def test_the_journal_says_of_nobody_what_they_answered(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "beklijf")
    town.invited()
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)
    reply(town, "goals", KARIM, "DECLINED")
    town.tick(SOON)

    said_there = caplog.text.casefold()
    assert "a letter for karim" in said_there
    assert "declined" not in said_there
    assert "hours" not in said_there

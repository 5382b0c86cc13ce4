"""Meetings in the mentee's own calendar (``organized_by = "mentee"``): who organizes, who is invited, what a move does, who is gone."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.town import INVITED, KARIM, NOOR, QUIET, SANNE, WELCOME, Own, Town, itip_part

from beklijf.model import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

SERVICE, COORDINATOR = "mentor@voorbeeld.example", "opleidingen@voorbeeld.example"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    calendars = tmp_path / "calendars"

    def place(href: str) -> Path:
        owner, _, name = href.rpartition("|")
        return calendars / (owner or SERVICE) / name

    def write(href: str, data: bytes) -> None:
        place(href).write_bytes(data)

    made = Town(
        folder=tmp_path,
        calendar='kind = "folder"\npath = "calendars"',
        read=lambda href: place(href).read_bytes(),
        write=write,
        remove=lambda href: place(href).unlink(),
        words=Own(),
    )
    yield made
    made.stop()


def to(mail: EmailMessage) -> str:
    return str(mail["To"].addresses[0].addr_spec)


def test_the_meetings_stand_in_the_mentees_own_calendar_and_only_the_mentor_is_invited(town: Town) -> None:
    town.start()
    town.at(WELCOME)
    town.mails()
    town.at(INVITED)

    assert len([*(town.folder / "calendars" / SANNE).glob("*.ics")]) == 2
    assert not (town.folder / "calendars" / SERVICE).exists()
    assert town.event("series").organizer.email == SANNE
    assert [person.email for person in town.event("series").people] == [KARIM]
    mails = town.mails()
    assert [to(mail) for mail in mails] == [KARIM, KARIM]
    for mail in mails:
        text = itip_part(mail)
        assert re.search(rf'ORGANIZER[^\r\n]*SENT-BY="mailto:{SERVICE}"[^\r\n]*:mailto:{SANNE}', text), text
        assert mail["From"].addresses[0].addr_spec == SERVICE
        assert mail["Reply-To"].addresses[0].addr_spec == SANNE
    assert town.plan().changes == ()


def test_the_mentee_moves_a_meeting_in_their_own_calendar_and_the_mentor_follows(town: Town) -> None:
    town.invited()
    town.edit("goals", "T150000", "T110000")
    town.edit("goals", "T160000", "T120000")

    town.tick()
    town.tick(QUIET)

    assert [(to(mail), "REQUEST" in itip_part(mail)) for mail in town.mails()] == [(KARIM, True)]
    assert town.event("goals").start.hour == 11
    assert town.plan().changes == ()


def test_the_letters_and_events_name_the_way_to_move_that_works(town: Town) -> None:
    town.start()
    town.at(WELCOME)
    letters = {to(mail): str(mail.get_body(("plain",))) for mail in town.mails()}
    town.at(INVITED)

    assert "in je eigen agenda" in letters[SANNE]
    assert "Sanne verzet het in de eigen agenda" in town.event("series").text.replace("\n", " ")


def test_another_organizer_for_running_tracks_is_held_until_approved(town: Town) -> None:
    town.words = Own(organizer="service")
    town.invited()
    town.words.organizer = "mentee"

    outcome = town.changed()
    assert outcome.plan is not None
    assert outcome.done == []
    assert {held.reason for held in outcome.plan.held} == {"running tracks get another organizer: everybody is invited anew"}
    town.mails()

    town.now += timedelta(minutes=5)
    town.engine.tick(town.now, approve=[outcome.plan.id])
    town.tick()

    assert town.event("series").organizer.email == SANNE
    assert len([*(town.folder / "calendars" / SANNE).glob("*.ics")]) == 2
    assert [*(town.folder / "calendars" / SERVICE).glob("*.ics")] == []
    told = sorted((to(mail), re.findall(r"METHOD:(\w+)", itip_part(mail))[0]) for mail in town.mails() if itip_part(mail))
    assert told == [(KARIM, "CANCEL"), (KARIM, "CANCEL"), (KARIM, "REQUEST"), (KARIM, "REQUEST"), (SANNE, "CANCEL"), (SANNE, "CANCEL")]
    assert town.plan().changes == ()


def test_a_mailbox_that_is_gone_stops_nobody_else_and_the_mentor_is_asked_to_clean_up(town: Town) -> None:
    town.words.persons["piet@voorbeeld.example"] = ("Piet Smit", "")
    town.words.pairs = ((SANNE, KARIM), (NOOR, "piet@voorbeeld.example"))
    town.start()
    town.at(WELCOME)
    town.at(INVITED)
    town.tick()
    town.mails()
    shutil.rmtree(town.folder / "calendars" / SANNE)

    town.tick()
    assert town.mails() == []
    town.at(town.now + timedelta(days=1, hours=1))

    [letter] = [mail for mail in town.mails() if to(mail) == KARIM and not itip_part(mail)]
    assert "Sanne" in str(letter["Subject"])
    rows = town.engine.ledger.rows().values()
    assert {row.state for row in rows if "sanne" in row.ref} == {"live"}
    assert canonical.load(town.row("series", NOOR).seen).organizer.email == NOOR
    town.tick()
    assert [mail for mail in town.mails() if to(mail) == KARIM] == []


def test_reminders_stay_with_the_service(town: Town) -> None:
    town.invited()
    town.at(datetime(2027, 4, 1, 9, tzinfo=UTC))

    reminder = next(row for row in town.engine.ledger.rows().values() if row.kind == "reminder")
    assert canonical.load(reminder.seen).organizer.email == SERVICE
    assert (town.folder / "calendars" / SERVICE / reminder.href).exists()

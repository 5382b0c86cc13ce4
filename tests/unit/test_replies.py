"""The mails of a rehearsal's people are understood as those of real ones are."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from beklijf.rehearse import client_mail
from beklijf.replies import reader

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SENT = client_mail.Envelope(
    sender="sanne@a.example",
    name="Sanne de Vries",
    to="mentor@a.example",
    at=datetime(2026, 12, 9, 10, 0, tzinfo=AMSTERDAM),
    number=7,
)
PLACE = datetime(2027, 1, 21, 9, 0, tzinfo=UTC)
INVITATION = client_mail.Invitation(
    uid="x-1a2b3c4d@beklijf",
    recurrence_id=PLACE,
    sequence=3,
    organizer="mentor@a.example",
    attendee="sanne@a.example",
    start=datetime(2027, 1, 22, 14, 0, tzinfo=AMSTERDAM),
    minutes=45,
    title="Gesprek over één doel",
)


@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE", "DECLINED"])
def test_an_answer_says_what_to_which_meeting_by_whom(partstat: str) -> None:
    read = reader.read(client_mail.answer(SENT, INVITATION, "REPLY", partstat))

    [message] = read.itip
    assert read.sender == message.attendee == "sanne@a.example"
    assert (message.method, message.uid, message.recurrence_id) == ("REPLY", INVITATION.uid, PLACE)
    assert (message.partstat, message.sequence) == (partstat, 3)


def test_a_proposal_says_when_and_for_how_long() -> None:
    [message] = reader.read(client_mail.answer(SENT, INVITATION, "COUNTER", "TENTATIVE")).itip

    assert (message.method, message.start, message.minutes) == ("COUNTER", INVITATION.start, 45)


def test_an_absence_is_a_machines_and_nothing_else() -> None:
    read = reader.read(client_mail.absence(SENT))

    assert read.auto == "away"
    assert not read.itip
    assert not read.report


def test_a_link_carries_its_token_and_the_goal_behind_the_word() -> None:
    token = "bk-abcdefghijklmnopqrst"

    read = reader.read(client_mail.link(SENT, "Mijn doel", token, "Doel: eerst vragen, dan zeggen"))

    assert read.tokens == (token,)
    assert read.goal == "eerst vragen, dan zeggen"
    assert not read.rest


def test_a_mail_that_comes_back_names_the_address_and_the_mail() -> None:
    read = reader.read(client_mail.returned(SENT, "noor@a.example", "<1@a.example>"))

    [bounce] = read.bounces
    assert read.report
    assert bounce.permanent
    assert bounce.addresses == {"noor@a.example"}
    assert read.returned == ("<1@a.example>",)

"""The conversation on every calendar where we invite: what people answer, propose and ask for by mail, and what they get.

Answers arrive in a Maildir as mail programs send them. Each test says which mails each person gets: no more, and no fewer.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from tests.mailroom import (
    AMSTERDAM,
    COORDINATOR,
    FIRST,
    ORGANIZER,
    SECOND,
    SOON,
    Listening,
    deliver,
    gist,
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
from tests.town import INVITED, KARIM, QUIET, SANNE, Town, caldav_town, folder_town, itip_part

from beklijf.model import canonical
from beklijf.model.conversation import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path


@pytest.fixture(params=["folder", "radicale", "xandikos"])
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path) if request.param == "folder" else caldav_town(tmp_path, request.getfixturevalue(request.param))
    made.words = Listening()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    yield made
    made.stop()


# -- answers -----------------------------------------------------------------------------------------------------------


def test_answers_by_mail_are_facts_of_one_person_about_one_item_and_change_nothing_else(town: Town) -> None:
    town.invited()
    before = town.read(town.row("series").href)
    reply(town, "series", SANNE, "ACCEPTED")
    reply(town, "series", KARIM, "TENTATIVE")
    reply(town, "goals", SANNE, "ACCEPTED")
    reply(town, "series", SANNE, "ACCEPTED", meeting=SECOND)

    town.tick(SOON)

    assert said(town) == {
        ("series", "", "sanne"): Said.ACCEPTED,
        ("series", "", "karim"): Said.TENTATIVE,
        ("goals", "", "sanne"): Said.ACCEPTED,
        ("series", "2027-02-04", "sanne"): Said.ACCEPTED,
    }
    assert town.read(town.row("series").href) == before
    settled(town)


def test_handled_mail_is_filed_and_later_deleted(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "ACCEPTED")
    town.tick(SOON)

    filed = town.folder / "inbox" / ".beklijf"
    assert [*(town.folder / "inbox" / "new").iterdir(), *(town.folder / "inbox" / "cur").iterdir()] == []
    assert len([*filed.rglob("*client*")]) == 1


def test_a_declined_single_meeting_is_told_to_the_other_one_once(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND)

    town.tick(SOON)

    assert got(town) == [(KARIM, "Sanne kan niet")]
    settled(town)


def test_a_meeting_that_the_mentor_declines_comes_to_the_mentee_with_times_and_one_of_them_moves_it(town: Town) -> None:
    town.invited()
    reply(town, "series", KARIM, "DECLINED", meeting=SECOND)
    town.tick(SOON)
    [note] = town.mails()
    assert str(note["To"].addresses[0].addr_spec) == SANNE
    offers = [each for each in links(note) if "pauz" not in unquote(each).casefold()]
    assert len(offers) == 3

    press(town, SANNE, offers[0])
    town.tick(SOON)

    assert got(town) == [(KARIM, "REQUEST 20270204"), (SANNE, "REQUEST 20270204"), (SANNE, "Verzet naar " + _day(town, SECOND))]
    settled(town)


def _day(town: Town, recurrence_id: datetime) -> str:
    held = canonical.actual_start(town.event("series"), recurrence_id.astimezone(UTC))
    assert held is not None
    return ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag")[held.astimezone(AMSTERDAM).weekday()]


def test_a_declined_series_brings_other_hours_to_the_mentee_and_a_line_to_the_mentor_and_the_choice_moves_it(town: Town) -> None:
    town.invited()
    reply(town, "series", KARIM, "DECLINED")
    town.tick(SOON)
    mails = town.mails()
    assert sorted(str(mail["To"].addresses[0].addr_spec) for mail in mails) == [KARIM, SANNE]
    [hours] = [mail for mail in mails if SANNE in str(mail["To"])]
    offers = [each for each in links(hours) if "pauz" not in unquote(each).casefold()]
    assert len(offers) == 3
    settled(town)

    press(town, SANNE, offers[1])
    town.tick(SOON)
    town.tick(SOON)

    assert town.event("series").start.hour != 15 or town.event("series").start.weekday() != 3
    assert got(town) == [(KARIM, "REQUEST"), (SANNE, "REQUEST")]
    assert said(town) == {}
    settled(town)


def test_both_hear_of_a_declined_series_when_the_service_is_stopped_between_the_two(town: Town) -> None:
    town.invited()
    reply(town, "series", KARIM, "DECLINED")
    done: list[None] = []
    town.engine.tick(town.now + SOON, stop=lambda: len(done) == 1, done=lambda: done.append(None))
    assert len(done) == 1

    town.tick(SOON + SOON)

    assert sorted(person for person, _ in got(town)) == [KARIM, SANNE]
    settled(town)


def test_an_hour_that_is_chosen_before_the_invitations_is_confirmed_and_then_invited_to(town: Town) -> None:
    town.start()
    town.at(datetime(2026, 12, 14, 9, tzinfo=UTC))
    [welcome] = [mail for mail in town.mails() if SANNE in str(mail["To"])]
    press(town, SANNE, next(each for each in links(welcome) if "Voortaan" in unquote(each)))

    town.tick(SOON)

    assert [who for who, _ in got(town)] == [SANNE]
    town.at(INVITED)
    assert [who for who, what in got(town) if what == "REQUEST"] == [KARIM, KARIM, SANNE, SANNE]
    series = town.event("series")
    assert (series.start.weekday(), series.start.hour) != (3, 15)


# -- proposals ---------------------------------------------------------------------------------------------------------


def test_a_mentees_proposal_moves_the_meeting_for_both_and_from_now_on_if_they_say_so(town: Town) -> None:
    town.invited()
    reply(town, "series", KARIM, "ACCEPTED")
    propose(town, "series", SANNE, datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)

    town.tick(SOON)

    mails = town.mails()
    assert sorted((str(mail["To"].addresses[0].addr_spec), gist(mail)) for mail in mails) == [
        (KARIM, "REQUEST 20270204"),
        (SANNE, "REQUEST 20270204"),
        (SANNE, "Verzet naar woensdag"),
    ]
    assert canonical.actual_start(town.event("series"), SECOND.astimezone(UTC)) == datetime(2027, 2, 3, 10, tzinfo=UTC)
    assert said(town) == {("series", "", "karim"): Said.ACCEPTED, ("series", "2027-02-04", "sanne"): Said.ACCEPTED}
    settled(town)

    [confirmation] = [mail for mail in mails if not itip_part(mail)]
    press(town, SANNE, link(confirmation, "Voortaan"))
    town.tick(SOON)
    town.tick(SOON)

    series = town.event("series")
    assert (series.start.weekday(), series.start.hour) == (2, 11)
    assert got(town) == [(KARIM, "REQUEST"), (SANNE, "REQUEST")]
    settled(town)


def test_only_this_time_changes_nothing(town: Town) -> None:
    town.invited()
    propose(town, "series", SANNE, datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)
    town.tick(SOON)
    [confirmation] = [mail for mail in town.mails() if not itip_part(mail)]

    press(town, SANNE, link(confirmation, "deze keer"))
    town.tick(SOON)

    settled(town)


def test_the_mail_about_a_move_says_that_who_proposed_it_has_accepted(town: Town) -> None:
    town.invited()
    propose(town, "goals", SANNE, datetime(2027, 1, 6, 10, tzinfo=AMSTERDAM))
    town.tick(SOON)

    for mail in town.mails():
        if text := itip_part(mail):
            attendees = re.findall(r"ATTENDEE;[^\r\n]+", text)
            assert ["PARTSTAT=ACCEPTED" in each for each in attendees if SANNE in each] == [True]
            assert ["PARTSTAT=NEEDS-ACTION" in each for each in attendees if KARIM in each] == [True]
    assert town.event("goals").start == datetime(2027, 1, 6, 10, tzinfo=AMSTERDAM)


@pytest.mark.parametrize(
    ("start", "meeting"),
    [
        pytest.param(datetime(2027, 2, 18, 15, tzinfo=AMSTERDAM), SECOND, id="onto-the-next-meeting"),
        pytest.param(datetime(2026, 12, 14, 15, tzinfo=AMSTERDAM), SECOND, id="in-the-past"),
        pytest.param(datetime(2027, 2, 6, 15, tzinfo=AMSTERDAM), SECOND, id="on-a-saturday"),
    ],
)
def test_a_time_that_can_not_be_is_answered_with_three_that_can(town: Town, start: datetime, meeting: datetime) -> None:
    town.invited()
    propose(town, "series", SANNE, start, meeting=meeting)

    town.tick(SOON)

    [answer] = town.mails()
    assert str(answer["To"].addresses[0].addr_spec) == SANNE
    assert len([each for each in links(answer) if "pauz" not in unquote(each).casefold()]) == 3
    assert town.event("series").overrides == ()
    settled(town)


def test_a_mentors_proposal_is_put_to_the_mentee_who_takes_it_over(town: Town) -> None:
    town.invited()
    propose(town, "series", KARIM, datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)
    town.tick(SOON)
    [put] = town.mails()
    assert str(put["To"].addresses[0].addr_spec) == SANNE
    assert town.event("series").overrides == ()
    settled(town)

    press(town, SANNE, link(put, "woensdag"))
    town.tick(SOON)

    assert got(town) == [(KARIM, "REQUEST 20270204"), (SANNE, "REQUEST 20270204"), (SANNE, "Verzet naar woensdag")]
    settled(town)


def test_the_rules_about_proposals_are_the_organisations(town: Town) -> None:
    town.words = Listening(more='mentee_proposal = "ask"\nmentor_proposal = "apply"\n')
    town.invited()
    propose(town, "series", KARIM, datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)
    propose(town, "goals", SANNE, datetime(2027, 1, 6, 10, tzinfo=AMSTERDAM))

    town.tick(SOON)

    mails = town.mails()
    assert sorted((str(mail["To"].addresses[0].addr_spec), gist(mail)) for mail in mails) == [
        (KARIM, "REQUEST 20270204"),
        (KARIM, "Sanne stelt woensdag"),
        (KARIM, "Verzet naar woensdag"),
        (SANNE, "REQUEST 20270204"),
    ]
    [put] = [mail for mail in mails if "stelt" in str(mail["Subject"])]
    press(town, KARIM, link(put, "6 januari"))
    town.tick(SOON)
    assert got(town) == [(KARIM, "REQUEST"), (KARIM, "Verzet naar woensdag"), (SANNE, "REQUEST")]
    settled(town)


# -- whose it is -------------------------------------------------------------------------------------------------------


def test_an_unknown_address_of_the_organisation_is_put_to_the_coordinator_and_counts_once_it_is_known(town: Town) -> None:
    town.invited()
    reply(town, "series", "s.devries@voorbeeld.example", "ACCEPTED")
    town.tick(SOON)
    assert [who for who, _ in got(town)] == [COORDINATOR]
    assert said(town) == {}

    town.words.persons[SANNE] = ("Sanne de Vries", 'also = ["s.devries@voorbeeld.example"]')
    town.changed()

    assert said(town) == {("series", "", "sanne"): Said.ACCEPTED}
    settled(town)


def test_what_fits_nothing_goes_to_the_coordinator_as_it_came(town: Town) -> None:
    town.invited()
    deliver(town, letter(town, SANNE, "Vraagje", "Mag ik een andere mentor?"))
    deliver(town, letter(town, "news@elders.example", "Korting", "Nu kopen"))

    town.tick(SOON)

    [forwarded] = town.mails()
    assert str(forwarded["To"].addresses[0].addr_spec) == COORDINATOR
    [attached] = list(forwarded.iter_attachments())
    assert "Mag ik een andere mentor?" in attached.as_string()
    assert "andere mentor" not in str(forwarded.get_body(("plain",)))
    settled(town)


def test_an_answer_from_outside_moves_nothing_and_reaches_nobody(town: Town) -> None:
    town.invited()
    reply(town, "series", "guest@elders.example", "ACCEPTED")
    propose(town, "series", "guest@elders.example", datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND)

    town.tick(SOON)

    assert said(town) == {}
    assert town.event("series").overrides == ()
    settled(town)


# -- who wrote it ------------------------------------------------------------------------------------------------------


def asked(town: Town) -> EmailMessage:
    """Return the one mail that everybody got: to the coordinator, whether it is so."""
    [mail] = town.mails()
    assert str(mail["To"].addresses[0].addr_spec) == COORDINATOR
    return mail


@pytest.mark.parametrize("verdict", ["", "fail"])
def test_a_proposal_that_nothing_proves_moves_nothing_until_somebody_vouches_for_it(town: Town, verdict: str) -> None:
    town.invited()
    new = datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM)
    propose(town, "series", SANNE, new, meeting=SECOND, verdict=verdict)

    town.tick(SOON)

    question = asked(town)
    text = str(question.get_body(("plain",)))
    assert "Sanne" in text
    assert "3 februari" in text
    assert town.event("series").overrides == ()
    settled(town)
    press(town, COORDINATOR, link(question, "Klopt"))
    town.tick(SOON)
    assert [(s.at, s.start) for s in town.event("series").overrides] == [(SECOND.astimezone(UTC), new.astimezone(UTC))]


def test_a_no_to_the_series_that_nothing_proves_is_asked_about_once(town: Town) -> None:
    town.invited()
    for _ in range(3):
        reply(town, "series", SANNE, "DECLINED", verdict="")
    town.tick(SOON)

    question = asked(town)
    assert said(town) == {}
    reply(town, "series", SANNE, "DECLINED", verdict="")
    settled(town)
    press(town, COORDINATOR, link(question, "Klopt"))
    town.tick(SOON)
    assert said(town) == {("series", "", "sanne"): Said.DECLINED}


def test_what_an_outsider_sends_with_our_link_is_nothing(town: Town) -> None:
    town.invited()
    propose(town, "series", SANNE, datetime(2027, 2, 3, 11, tzinfo=AMSTERDAM), meeting=SECOND, verdict="")
    town.tick(SOON)
    question = asked(town)

    press(town, "guest@elders.example", link(question, "Klopt"))
    town.tick(SOON)

    assert town.event("series").overrides == ()


def test_a_no_to_the_series_counts_where_it_answers_our_own_mail_to_that_person(town: Town) -> None:
    town.invited()
    sent = town.engine.outbox.sent_by_id(town.now - timedelta(days=30))
    to_sanne, to_karim = (next(each for each, who in sent.items() if who == person) for person in (SANNE, KARIM))
    reply(town, "series", KARIM, "DECLINED", verdict="", to=to_sanne)
    reply(town, "series", SANNE, "DECLINED", verdict="", to=to_sanne)

    town.tick(SOON)

    assert to_karim != to_sanne
    assert said(town) == {("series", "", "sanne"): Said.DECLINED}


def test_a_yes_and_a_no_to_one_meeting_need_no_proof(town: Town) -> None:
    town.invited()
    reply(town, "series", KARIM, "ACCEPTED", verdict="")
    reply(town, "series", SANNE, "DECLINED", meeting=SECOND, verdict="")

    town.tick(SOON)

    assert said(town) == {("series", "", "karim"): Said.ACCEPTED, ("series", "2027-02-04", "sanne"): Said.DECLINED}


# -- goals, pauses, bounces --------------------------------------------------------------------------------------------


def test_a_goal_that_is_sent_is_confirmed_and_comes_back_in_later_letters(town: Town) -> None:
    town.invited()
    town.at(datetime(2026, 12, 29, 8, 1, tzinfo=UTC))
    [goals] = [mail for mail in town.mails() if SANNE in str(mail["To"])]
    press(town, SANNE, link(goals, "Doel"), "In elk overleg eerst luisteren\n")

    town.tick(SOON)

    [confirmed] = town.mails()
    body = confirmed.get_body(("plain",))
    assert body is not None
    assert "In elk overleg eerst luisteren" in body.get_content()
    plan = town.engine.taker.plan(town.now, None)
    [track] = plan.programme.tracks.values()
    assert track.mentorship.goals == ("In elk overleg eerst luisteren",)
    assert not [wish for wish in track.wishes if "ask" in wish.ref]  # who sends a goal is not silent
    settled(town)


def test_letters_pause_by_one_mail_and_the_coordinator_sees_that_it_happened(town: Town) -> None:
    town.start()
    town.at(datetime(2026, 12, 14, 9, tzinfo=UTC))
    [welcome] = [mail for mail in town.mails() if SANNE in str(mail["To"])]
    pause = re.fullmatch(r"<(mailto:.*)>", str(welcome["List-Unsubscribe"]))
    assert pause is not None

    press(town, SANNE, pause[1])
    town.tick(SOON)
    assert [who for who, _ in got(town)] == [COORDINATOR, SANNE]
    town.at(INVITED)
    town.mails()

    town.at(datetime(2027, 1, 4, 9, tzinfo=UTC))  # past the day of the goals letter
    assert [what for who, what in got(town) if who == SANNE and "REQUEST" not in what] == []


def returned(town: Town, message_id: str, *, words: str = "no such user") -> None:
    report = "\r\n".join(
        [
            "From: MAILER-DAEMON@voorbeeld.example",
            f"To: {ORGANIZER}",
            "Subject: Undelivered Mail Returned to Sender",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="B"',
            "",
            "--B",
            "Content-Type: text/plain",
            "",
            "Not here.",
            "--B",
            "Content-Type: message/delivery-status",
            "",
            "Reporting-MTA: dns; mx.voorbeeld.example",
            "",
            f"Final-Recipient: rfc822; {SANNE}",
            "Action: failed",
            "Status: 5.1.1",
            f"Diagnostic-Code: smtp; 550 5.1.1 {words}",
            "",
            "--B",
            "Content-Type: text/rfc822-headers",
            "",
            f"Message-ID: {message_id}",
            "",
            "--B--",
            "",
        ]
    )
    (town.folder / "inbox" / "new" / "1.bounce.client").write_bytes(report.encode())


def test_a_permanent_bounce_stops_letters_and_is_told_once_without_a_strangers_words(town: Town) -> None:
    town.invited()
    sent = town.engine.outbox.sent_by_id(town.now - timedelta(days=3))
    returned(town, next(each for each, who in sent.items() if who == SANNE), words="pay at https://elders.example")

    town.tick(SOON)

    [told] = town.mails()
    assert str(told["To"].addresses[0].addr_spec) == COORDINATOR
    assert "5.1.1" in told.as_string()
    assert "elders.example" not in told.as_string()
    town.at(datetime(2027, 1, 4, 9, tzinfo=UTC))
    assert [who for who, _ in got(town) if who == SANNE] == []


def test_a_report_on_a_mail_of_before_the_upgrade_ends_nothing_and_is_passed_on(town: Town) -> None:
    town.invited()
    with town.engine.ledger.write():
        town.engine.ledger.db.execute("UPDATE outbox SET message_id = '<' || id || '-7c01@voorbeeld.example>'")
    sent = town.engine.outbox.sent_by_id(town.now - timedelta(days=3))
    returned(town, next(each for each, who in sent.items() if who == SANNE))

    town.tick(SOON)

    [passed_on] = town.mails()
    assert str(passed_on["To"].addresses[0].addr_spec) == COORDINATOR
    assert [part.get_content_type() for part in passed_on.iter_attachments()] == ["message/rfc822"]
    assert town.engine.conversation.bounced() == {}


# -- moves -------------------------------------------------------------------------------------------------------------


def test_a_meeting_that_is_moved_takes_its_questions_along(town: Town) -> None:
    town.invited()
    assert "donderdag 21 januari: " in town.event("series").text.casefold()

    propose(town, "series", SANNE, datetime(2027, 1, 22, 10, tzinfo=AMSTERDAM), meeting=FIRST)
    town.tick(SOON)

    text = town.event("series").text.casefold()
    assert "vrijdag 22 januari: " in text
    assert "donderdag 21 januari: " not in text
    town.mails()
    settled(town)


def test_what_a_person_moved_in_the_calendar_is_told_with_its_questions_on_their_new_day(town: Town) -> None:
    town.invited()
    propose(town, "series", SANNE, datetime(2027, 1, 22, 10, tzinfo=AMSTERDAM), meeting=FIRST)
    town.tick(SOON)
    town.mails()

    town.edit("series", "T100000", "T110000")  # DTSTART of the moved meeting
    town.edit("series", "20270122T110000(\r?\nDTEND[^\r\n]*20270122)T110000", r"20270122T110000\1T120000")
    town.tick()
    town.tick(QUIET)

    assert got(town) == [(KARIM, "REQUEST 20270121"), (SANNE, "REQUEST 20270121")]
    settled(town)


def test_a_changed_place_reopens_no_answer_in_the_mail_about_it_either(town: Town) -> None:
    town.invited()
    reply(town, "series", SANNE, "ACCEPTED")
    town.tick(SOON)
    town.mails()

    town.words.place = "Zaal 2"
    town.changed()

    mails = [itip_part(mail) for mail in town.mails() if "RRULE:FREQ=WEEKLY" in itip_part(mail)]
    assert len(mails) == 2
    for text in mails:
        assert "LOCATION:Zaal 2" in text
        assert re.search(r"CN=\"?Sanne[^\r\n]*PARTSTAT=ACCEPTED;RSVP=FALSE", text)
        assert re.search(r"CN=\"?Karim[^\r\n]*PARTSTAT=NEEDS-ACTION;RSVP=TRUE", text)
    assert said(town) == {("series", "", "sanne"): Said.ACCEPTED}
    settled(town)

"""Invitations as bytes (golden files) and as what another program makes of those bytes.

After a change that is meant: BEKLIJF_GOLDEN=write python -m pytest tests/unit/test_invitations.py, and read the diff.
An .eml opens in any mail program; the .ics beside it is what is inside, for people who read diffs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from icalendar import Calendar, Component

from beklijf.ical import ics
from beklijf.mime.invitations import invitation
from beklijf.mime.messages import Rendered, message_id
from beklijf.model.conversation import Copy
from beklijf.model.domain import Contact, Event, Override, Recurrence

SECRET = b"a secret of the tests"
GOLDEN = Path(__file__).parents[1] / "golden" / "invitations"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
STAMP = datetime(2026, 11, 10, 8, 0, tzinfo=UTC)

SERVICE = Contact("Mentorprogramma", "mentor@voorbeeld.example")
KARIM = Contact("Karim Bakker", "karim@voorbeeld.example")
NOOR = Contact("Noor Jansen", "noor@bücher.example")
SANNE = Contact("Sanne de Vries", "sanne@voorbeeld.example")

SERIES = Event(
    uid="0d7f2f6e-5a0a-5a52-9a2c-2f9f3c2b8a11-1a2b3c4d@beklijf",
    start=datetime(2026, 12, 17, 15, 0, tzinfo=AMSTERDAM),
    minutes=60,
    # the ninth Thursday lies after the clock went forward: still 15:00 there, 13:00 in UTC
    recurrence=Recurrence(every=2, last=datetime(2027, 4, 8, 13, 0, tzinfo=UTC)),
    overrides=(Override(datetime(2026, 12, 31, 14, 0, tzinfo=UTC), None),),
    title="Mentorgesprek Sanne en Karim",
    text="Wat heb je geoefend, wat ging goed, wat kan beter?\n\nVerzetten? Doe het gewoon in je agenda; wij volgen.",
    location="Kies samen een plek",
    organizer=SERVICE,
    people=(KARIM, SANNE),
    alarms=(),
    free=False,
)
THURSDAYS = [
    datetime(year, month, day, 15, 0, tzinfo=AMSTERDAM)
    for year, month, day in [
        (2026, 12, 17),
        (2027, 1, 14),
        (2027, 1, 28),
        (2027, 2, 11),
        (2027, 2, 25),
        (2027, 3, 11),
        (2027, 3, 25),
        (2027, 4, 8),
    ]
]
GOALS = replace(
    SERIES,
    uid="3c1d8a3e-7a51-5b1e-8f55-6a1e2d3c4b5a-1a2b3c4d@beklijf",
    start=datetime(2026, 12, 1, 15, 0, tzinfo=AMSTERDAM),
    recurrence=None,
    overrides=(),
    title="Startgesprek Sanne en Karim",
)
JANUARY = datetime(2027, 1, 14, 14, 0, tzinfo=UTC)
"""Where the rhythm of the series has its third meeting."""
MOVED = replace(SERIES, overrides=(*SERIES.overrides, Override(JANUARY, datetime(2027, 1, 15, 10, 0, tzinfo=UTC), 60)))
CANCELLED = replace(SERIES, overrides=(*SERIES.overrides, Override(JANUARY, None)))
REMINDER = Event(
    uid="9b2e4f60-1c3d-5e7f-8a9b-0c1d2e3f4a5b-1a2b3c4d@beklijf",
    start=datetime(2027, 4, 22, 9, 0, tzinfo=AMSTERDAM),
    minutes=15,
    recurrence=Recurrence(every=4, last=datetime(2027, 8, 12, 7, 0, tzinfo=UTC)),
    overrides=(),
    title="Even stilstaan bij Sanne",
    text="Welke situatie komt eraan die bij je collega past?",
    location="",
    organizer=SERVICE,
    people=(KARIM,),
    alarms=(15,),
    free=True,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    event: Event
    to: Contact
    subject: str
    method: Literal["REQUEST", "CANCEL"] = "REQUEST"
    sequence: int = 0
    recurrence_id: datetime | None = None
    whole: int | None = None
    """SEQUENCE of the whole, where one meeting alone changed."""
    starts: tuple[datetime, ...] = ()
    """When the receiver's calendar must show it."""
    inside: tuple[Contact, ...] = (KARIM, SANNE)


CASES = [
    Case(name="series", event=SERIES, to=SANNE, subject="Uitnodiging: om de week een uur met Karim", starts=tuple(THURSDAYS)),
    Case(name="single-meeting", event=GOALS, to=KARIM, subject="Invitation: the first talk with Sanne", starts=(GOALS.start,)),
    Case(
        name="series-updated",
        event=replace(MOVED, location="Kamer 2.14"),
        to=SANNE,
        subject="Gewijzigd: jullie gesprekken",
        sequence=3,
        starts=(THURSDAYS[0], datetime(2027, 1, 15, 11, 0, tzinfo=AMSTERDAM), *THURSDAYS[2:]),
    ),
    Case(
        name="one-meeting-moved",
        event=MOVED,
        to=SANNE,
        subject="Verzet: het gesprek van 14 januari",
        sequence=2,
        recurrence_id=JANUARY,
        whole=1,
        starts=(THURSDAYS[0], datetime(2027, 1, 15, 11, 0, tzinfo=AMSTERDAM), *THURSDAYS[2:]),
    ),
    Case(
        name="one-meeting-cancelled",
        event=CANCELLED,
        to=SANNE,
        subject="Gaat niet door: het gesprek van 14 januari",
        sequence=2,
        recurrence_id=JANUARY,
        starts=(THURSDAYS[0], *THURSDAYS[2:]),
    ),
    Case(
        name="series-cancelled",
        event=SERIES,
        to=KARIM,
        subject="Cancelled: the talks with Sanne",
        method="CANCEL",
        sequence=4,
        starts=tuple(THURSDAYS),
    ),
    Case(
        name="person-left",
        event=replace(SERIES, people=(NOOR, SANNE)),
        to=KARIM,
        subject="No longer yours: the talks with Sanne",
        method="CANCEL",
        sequence=1,
        starts=tuple(THURSDAYS),
        inside=(KARIM,),
    ),
    Case(
        name="reminder",
        event=REMINDER,
        to=KARIM,
        subject="Five reminders for your agenda",
        starts=tuple(datetime(2027, month, day, 9, 0, tzinfo=AMSTERDAM) for month, day in [(4, 22), (5, 20), (6, 17), (7, 15), (8, 12)]),
        inside=(KARIM,),
    ),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def sent(case: Case) -> EmailMessage:
    text = f"Hoi {case.to.name.split()[0]},\n\nJe programma kan hier iets mee; zo niet, dan staat het in de bijlage.\n"
    return invitation(
        case.event,
        method=case.method,
        copy=Copy(sequences={case.recurrence_id: case.sequence, None: case.sequence if case.whole is None else case.whole}),
        stamp=STAMP,
        recurrence_id=case.recurrence_id,
        recipient=case.to,
        rendered=Rendered(subject=case.subject, text=text, html=f"<p>{text}</p>", language="en" if case.to == KARIM else "nl"),
        message_id=message_id(SECRET, f"invitation {case.name}", "voorbeeld.example"),
        date=STAMP,
    )


def received(case: Case) -> EmailMessage:
    return message_from_bytes(sent(case).as_bytes(), EmailMessage, policy=default)


def inside(message: EmailMessage) -> bytes:
    """Return the bytes of the part that makes the buttons."""
    (part,) = (part for part in message.walk() if part.get_content_type() == "text/calendar")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content


def understood(case: Case) -> tuple[Calendar, list[Component]]:
    calendar = Calendar.from_ical(inside(received(case)))
    assert isinstance(calendar, Calendar)
    return calendar, calendar.walk("VEVENT")


@every_case
def test_the_bytes_are_those_of_the_golden_file(case: Case) -> None:
    message, content = GOLDEN / f"{case.name}.eml", GOLDEN / f"{case.name}.ics"
    if os.environ.get("BEKLIJF_GOLDEN") == "write":
        message.write_bytes(sent(case).as_bytes())
        content.write_bytes(inside(sent(case)))

    assert sent(case).as_bytes() == message.read_bytes()
    assert inside(sent(case)) == content.read_bytes()


@every_case
def test_the_mail_has_the_shape_that_every_client_takes(case: Case) -> None:
    message = received(case)

    assert [(part.get_content_type(), part.get_content_disposition()) for part in message.walk()] == [
        ("multipart/mixed", None),
        ("multipart/alternative", None),
        ("text/plain", None),
        ("text/html", None),
        ("text/calendar", None),
        ("application/ics", "attachment"),
    ]
    calendar, attachment = list(message.walk())[-2:]
    assert calendar.get_param("method") == case.method
    assert calendar.get_param("charset") == "UTF-8"
    assert calendar["Content-Transfer-Encoding"] == "base64"
    assert attachment.get_filename() == attachment.get_param("name") == "invite.ics"
    assert attachment.get_payload(decode=True) == calendar.get_payload(decode=True)


@every_case
def test_it_is_from_the_organizer_to_one_person_and_no_machine_letter(case: Case) -> None:
    message = received(case)
    _, events = understood(case)

    assert {str(event["ORGANIZER"]) for event in events} == {f"mailto:{message['From'].addresses[0].addr_spec}"}
    assert [address.addr_spec for address in message["To"].addresses] == [case.to.email]
    assert message["Subject"] == case.subject
    assert [name for name in ("Cc", "Bcc", "Reply-To", "Auto-Submitted", "Content-Class") if name in message] == []


@every_case
def test_the_object_is_one_event_in_lines_that_end_in_crlf(case: Case) -> None:
    content = inside(received(case))
    calendar, events = understood(case)

    assert content.replace(b"\r\n", b"").count(b"\n") == content.replace(b"\r\n", b"").count(b"\r") == 0
    assert max(map(len, content.split(b"\r\n"))) <= 75
    assert calendar["METHOD"] == case.method
    assert {str(event["UID"]) for event in events} == {case.event.uid}
    assert {event["SEQUENCE"] for event in events} == {case.sequence} | ({case.whole} - {None})
    assert {event.decoded("DTSTAMP") for event in events} == {STAMP}
    assert b"X-MS-OLK" not in content
    assert b"SCHEDULE-AGENT" not in content


@every_case
def test_the_zone_comes_with_it_as_one_rule_for_winter_and_one_for_summer(case: Case) -> None:
    calendar, events = understood(case)

    (zone,) = calendar.walk("VTIMEZONE")
    assert [part.name for part in zone.subcomponents] == ["STANDARD", "DAYLIGHT"]
    assert [part["RRULE"].to_ical() for part in zone.subcomponents] == [
        b"FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10",
        b"FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3",
    ]
    assert {event["DTSTART"].params["TZID"] for event in events} == {str(zone["TZID"])} == {"Europe/Amsterdam"}
    assert all("RDATE" not in component for component in calendar.walk())


@every_case
def test_another_program_sees_it_on_the_right_hours(case: Case) -> None:
    calendar, _ = understood(case)
    shown = recurring_ical_events.of(calendar).between(datetime(2026, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC))

    assert sorted(event["DTSTART"].dt for event in shown) == list(case.starts)


@every_case
def test_everybody_who_is_concerned_stands_in_it_and_is_asked_to_answer_unless_it_is_a_reminder(case: Case) -> None:
    _, events = understood(case)

    for event in events:
        people = event["ATTENDEE"] if isinstance(event["ATTENDEE"], list) else [event["ATTENDEE"]]
        assert [str(person) for person in people] == [f"mailto:{contact.email}" for contact in case.inside]
        assert {person.params["RSVP"] for person in people} == {"FALSE" if case.event.free else "TRUE"}
        assert {person.params["PARTSTAT"] for person in people} == {"NEEDS-ACTION"}
        assert event["TRANSP"] == ("TRANSPARENT" if case.event.free else "OPAQUE")


@every_case
def test_only_an_event_that_is_off_is_cancelled_and_every_mail_has_the_whole_of_it(case: Case) -> None:
    _, (whole, *meetings) = understood(case)
    left = case.to not in case.event.people

    assert [event.get("STATUS") for event in (whole, *meetings)] == [
        None if left else "CANCELLED" if case.method == "CANCEL" else "CONFIRMED" for _ in (whole, *meetings)
    ]
    assert "RECURRENCE-ID" not in whole
    assert ("RRULE" in whole) == (case.event.recurrence is not None)
    for meeting in meetings:
        assert meeting.decoded("RECURRENCE-ID") == JANUARY
        assert meeting["RECURRENCE-ID"].params["TZID"] == "Europe/Amsterdam"
        assert "RRULE" not in meeting


def test_of_one_meeting_that_moved_the_whole_keeps_its_version() -> None:
    [case] = [case for case in CASES if case.name == "one-meeting-moved"]

    assert [event["SEQUENCE"] for event in understood(case)[1]] == [1, 2]


def test_a_meeting_that_is_back_on_its_own_hour_is_named_all_the_same() -> None:
    case = replace(CASES[0], recurrence_id=JANUARY, sequence=3, whole=1)

    _, (whole, meeting) = understood(case)

    assert (whole["SEQUENCE"], meeting["SEQUENCE"]) == (1, 3)
    assert meeting.decoded("RECURRENCE-ID") == meeting.decoded("DTSTART") == JANUARY
    assert ics.read(inside(received(case))).event == SERIES


@pytest.mark.parametrize("case", [case for case in CASES if case.method == "REQUEST"], ids=lambda case: case.name)
def test_a_request_means_the_event_that_it_was_made_from(case: Case) -> None:
    assert ics.read(inside(received(case))).event == case.event


def test_the_rhythm_is_written_in_the_form_that_every_client_takes() -> None:
    assert b"\r\nRRULE:FREQ=WEEKLY;UNTIL=20270408T215959Z;INTERVAL=2;BYDAY=TH;WKST=MO\r\n" in inside(sent(CASES[0]))
    assert b"\r\nEXDATE;TZID=Europe/Amsterdam:20261231T150000\r\n" in inside(sent(CASES[0]))


def test_an_international_domain_is_the_same_in_the_header_and_in_the_event() -> None:
    case = replace(CASES[0], event=replace(SERIES, people=(NOOR, SANNE)), to=NOOR)

    assert "<noor@xn--bcher-kva.example>" in str(sent(case)["To"])
    assert b"mailto:noor@xn--bcher-kva.example" in inside(sent(case)).replace(b"\r\n ", b"")


# -- who has answered already, and whose event it is -------------------------------------------------------------------


Answers = dict[tuple[datetime | None, str], str]


def parts_of(message: EmailMessage, recurrence_id: datetime | None = JANUARY) -> dict[str, tuple[str, str]]:
    """Return answer and RSVP of everybody in the whole event (None) or one meeting, by address."""
    content = inside(message_from_bytes(message.as_bytes(), EmailMessage, policy=default))
    events = Calendar.from_ical(content).walk("VEVENT")
    [event] = [each for each in events if (each.decoded("RECURRENCE-ID") if "RECURRENCE-ID" in each else None) == recurrence_id]
    people = event["ATTENDEE"] if isinstance(event["ATTENDEE"], list) else [event["ATTENDEE"]]
    return {str(person).removeprefix("mailto:"): (person.params["PARTSTAT"], person.params["RSVP"]) for person in people}


def moved(answers: Answers | None = None, *, event: Event = MOVED, to: Contact = KARIM, sent_by: Contact | None = None) -> EmailMessage:
    return invitation(
        event,
        method="REQUEST",
        copy=Copy(sequences={None: 1, JANUARY: 2}, answers=answers or {}),
        stamp=STAMP,
        recurrence_id=JANUARY,
        recipient=to,
        rendered=Rendered(subject="Verzet", text="Hoi", html="<p>Hoi</p>"),
        message_id=message_id(SECRET, "invitation moved", "voorbeeld.example"),
        date=STAMP,
        sent_by=sent_by,
    )


def meaning(content: bytes) -> list[list[bytes]]:
    """Return the lines without regard to their order, and to that of the parts of a rule: neither means anything."""
    return sorted(sorted(line.split(b";")) for line in content.replace(b"\r\n ", b"").replace(b"RRULE:", b"RRULE;").split(b"\r\n"))


def test_who_proposed_the_time_has_accepted_it_in_everybodys_copy_and_is_not_asked() -> None:
    for to in (KARIM, SANNE):
        assert parts_of(moved({(JANUARY, "sanne@voorbeeld.example"): "ACCEPTED"}, to=to)) == {
            "karim@voorbeeld.example": ("NEEDS-ACTION", "TRUE"),
            "sanne@voorbeeld.example": ("ACCEPTED", "FALSE"),
        }


def test_answers_to_the_whole_stand_and_one_meeting_that_is_asked_about_anew_has_its_own() -> None:
    said: Answers = {
        (None, "karim@voorbeeld.example"): "DECLINED",
        (None, "sanne@voorbeeld.example"): "ACCEPTED",
        (JANUARY, "sanne@voorbeeld.example"): "NEEDS-ACTION",
    }

    assert parts_of(moved(said), None) == {
        "karim@voorbeeld.example": ("DECLINED", "FALSE"),
        "sanne@voorbeeld.example": ("ACCEPTED", "FALSE"),
    }
    assert parts_of(moved(said)) == {
        "karim@voorbeeld.example": ("DECLINED", "FALSE"),
        "sanne@voorbeeld.example": ("NEEDS-ACTION", "TRUE"),
    }


def test_an_answer_changes_nothing_else_of_the_event() -> None:
    accepts: Answers = {(JANUARY, "sanne@voorbeeld.example"): "ACCEPTED"}
    open_, accepted = inside(moved()), inside(moved(accepts))

    assert meaning(open_) == meaning(
        accepted.replace(b"\r\n ", b"").replace(b"PARTSTAT=ACCEPTED;RSVP=FALSE", b"PARTSTAT=NEEDS-ACTION;RSVP=TRUE")
    )
    assert inside(moved({(JANUARY, "niemand@elders.example"): "ACCEPTED"})) == open_


def test_somebody_with_an_international_domain_can_have_accepted_too() -> None:
    event = replace(MOVED, people=(KARIM, NOOR))

    assert parts_of(moved({(JANUARY, NOOR.email): "ACCEPTED"}, event=event))["noor@xn--bcher-kva.example"] == ("ACCEPTED", "FALSE")


def test_the_event_of_a_mentee_is_sent_by_us_and_answered_to_the_mentee() -> None:
    event = replace(MOVED, organizer=SANNE, people=(KARIM,))

    message = moved(event=event, sent_by=SERVICE)

    mailed, _ = Calendar.from_ical(inside(message)).walk("VEVENT")
    assert str(message["From"]) == "Mentorprogramma <mentor@voorbeeld.example>"
    assert str(message["Reply-To"]) == "Sanne de Vries <sanne@voorbeeld.example>"
    assert str(mailed["ORGANIZER"]) == "mailto:sanne@voorbeeld.example"
    assert str(mailed["ORGANIZER"].params["SENT-BY"]) == "mailto:mentor@voorbeeld.example"


def test_who_stands_in_the_calendar_under_another_address_is_invited_by_the_one_that_we_know() -> None:
    """A server may write an alias of its own; the invitation still reaches them, and with buttons that work."""
    message = moved(to=NOOR, event=replace(MOVED, people=(KARIM, Contact("Noor Jansen", "n.jansen@elders.example"))))

    assert str(message["To"]) == "Noor Jansen <noor@xn--bcher-kva.example>"
    assert parts_of(message)["noor@xn--bcher-kva.example"] == ("NEEDS-ACTION", "TRUE")

"""The mails that people's programs send, as bytes: answers to invitations, absences, links that were opened, mail that came back.

For rehearsals, so that they go the way that real ones go. Pure; the forms are those of RFC 5546, 3464 and 3834.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import TYPE_CHECKING, Literal

import icalendar

from beklijf.model.addresses import ascii_domain

if TYPE_CHECKING:
    from datetime import datetime


RECEIVER = "rehearsal.invalid"
"""The mail server of a rehearsal, which vouches for everybody in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    sender: str
    """The address that the mail comes from."""
    name: str
    to: str
    at: datetime
    number: int
    """Of the mail: no two have the same Message-ID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What an answer is about, as its sender's calendar has it."""

    uid: str
    recurrence_id: datetime | None
    sequence: int
    organizer: str
    attendee: str
    start: datetime
    minutes: int
    title: str


def answer(envelope: Envelope, about: Invitation, method: Literal["REPLY", "COUNTER"], partstat: str) -> bytes:
    """Return an answer, or a proposal of the start that *about* has, as calendar programs mail it (RFC 6047)."""
    event = icalendar.Event()
    event.add("UID", about.uid)
    if about.recurrence_id is not None:
        event.add("RECURRENCE-ID", about.recurrence_id.astimezone(UTC))
    event.add("SEQUENCE", about.sequence)
    event.add("DTSTAMP", envelope.at.astimezone(UTC))
    event.add("DTSTART", about.start.astimezone(UTC))
    event.add("DTEND", (about.start + timedelta(minutes=about.minutes)).astimezone(UTC))
    event.add("SUMMARY", about.title)
    event.add("ORGANIZER", f"mailto:{about.organizer}")
    event.add("ATTENDEE", f"mailto:{about.attendee}", parameters={"PARTSTAT": partstat})
    calendar = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", "-//beklijf//rehearsal//EN")
    calendar.add("METHOD", method)
    calendar.add_component(event)
    said = "New time proposed" if method == "COUNTER" else partstat.capitalize()
    mail = _mail(envelope, f"{said}: {about.title}")
    mail.set_content("")
    mail.add_alternative(calendar.to_ical().decode(), subtype="calendar", params={"method": method})
    return mail.as_bytes()


def absence(envelope: Envelope) -> bytes:
    """Return an out-of-office (RFC 3834)."""
    mail = _mail(envelope, "Automatic reply: out of office")
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("I am not at work, and read this when I am back.\n")
    return mail.as_bytes()


def link(envelope: Envelope, subject: str, token: str, body: str) -> bytes:
    """Return the mail that a link in one of our letters opens."""
    mail = _mail(envelope, f"{subject} [{token}]")
    mail.set_content(f"{body}\n")
    return mail.as_bytes()


def returned(envelope: Envelope, address: str, message_id: str) -> bytes:
    """Return what a mail server says of an address that it doesn't know (RFC 3464)."""
    mail = _mail(envelope, "Undelivered mail returned to sender")
    mail["Auto-Submitted"] = "auto-replied"
    report = (
        "Reporting-MTA: dns; mail.invalid",
        "",
        f"Final-Recipient: rfc822; {address}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 no such mailbox",
        "",
    )
    boundary = f"rehearsal-{envelope.number}"
    mail["Content-Type"] = f'multipart/report; report-type=delivery-status; boundary="{boundary}"'
    head = "".join(f"{name}: {value}\n" for name, value in mail.items())
    parts = (
        ("text/plain", "There is no such mailbox.\n"),
        ("message/delivery-status", "\n".join(report)),
        ("text/rfc822-headers", f"Message-ID: {message_id}\nTo: {address}\n"),
    )
    body = "".join(f"--{boundary}\nContent-Type: {kind}\n\n{said}\n" for kind, said in parts)
    return f"{head}\n{body}--{boundary}--\n".encode()


def _mail(envelope: Envelope, subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Authentication-Results"] = f"{RECEIVER}; dmarc=pass header.from={ascii_domain(envelope.sender.rpartition('@')[2])}"
    mail["From"] = formataddr((envelope.name, envelope.sender))
    mail["To"] = envelope.to
    mail["Subject"] = subject
    mail["Date"] = format_datetime(envelope.at)
    mail["Message-ID"] = f"<{envelope.number}.rehearsal@{envelope.sender.rpartition('@')[2]}>"
    return mail

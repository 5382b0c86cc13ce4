"""The whole conversation where we invite: Radicale keeps the calendar, Postfix carries every mail, Dovecot has everybody's mailbox.

People read by IMAP and answer by SMTP, to what really arrived. Each case says which mails each of them and the coordinator get,
and holds what three tell of it against each other: Radicale, the ledger, and the command ``status``.

The command looks at the machine's clock, so the town's clock is behind it by some hours, or days: on the last Tuesday people were
invited. Nothing becomes due between the two, and nothing depends on the day of the week on which the tests run.
"""

from __future__ import annotations

import base64
import imaplib
import json
import re
import smtplib
import ssl
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import icalendar
import pytest
import recurring_ical_events
from tests.contract.conftest import radicale
from tests.contract.test_answers import AMSTERDAM, COORDINATOR, ORGANIZER, _said, link, links, said
from tests.contract.test_mailers import certificates
from tests.contract.test_reconcile import KARIM, QUIET, SANNE, Town, Wording, _caldav, _calendar_part
from tests.full.test_postfix import PACKAGES

from beklijf import canonical
from beklijf.commands import by_hand
from beklijf.conversation import Said
from beklijf.mailers.messages import parse
from beklijf.service import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.contract.test_mailers import Certificates
    from tests.contract.test_reconcile import Server
    from tests.full.test_postfix import Serve

pytestmark = pytest.mark.full

__all__ = ["certificates", "radicale"]  # fixtures

PASSWORD, SERVICE_PASSWORD = "welkom in 2026", "gehéim wachtwoord"
PEOPLE = ("sanne", "karim", "noor", "opleidingen", "servicedesk", "s.devries")
WEG = "weg@bounce.test"
SOON = timedelta(minutes=1)
DAY = timedelta(days=1)


def _invited() -> datetime:
    """Return the last Tuesday at ten that is far enough in the past for all that a test does after it."""
    now = clock().astimezone(AMSTERDAM) - timedelta(hours=12)
    at = now.replace(hour=10, minute=0, second=0, microsecond=0)
    at -= DAY * ((at.weekday() - 1) % 7)
    return at if at <= now else at - 7 * DAY


INVITED = _invited()
WELCOME = INVITED - DAY
SESSIONS = (INVITED + 28 * DAY, INVITED + 63 * DAY)


def _at(days: int, hour: int) -> datetime:
    return datetime.combine((INVITED + days * DAY).date(), clock_time(hour), AMSTERDAM)


GOALS, FIRST, SECOND, THIRD = _at(23, 15), _at(37, 15), _at(51, 15), _at(65, 15)
"""Thursdays, all of them; the first session is on the Tuesday after the goals meeting."""


# -- the servers, and people at them -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Posthouse:
    """Postfix and Dovecot, with a mailbox for the service and for each of `PEOPLE`."""

    submission: int
    imaps: int
    ca: Path
    files: Path

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)

    @contextmanager
    def reading(self, user: str) -> Iterator[imaplib.IMAP4]:
        password = SERVICE_PASSWORD if user == "mentor" else PASSWORD
        with imaplib.IMAP4_SSL("127.0.0.1", self.imaps, ssl_context=self.trust, timeout=60) as box:
            box.authenticate("PLAIN", lambda _: f"\0{user}\0{password}".encode())
            yield box

    def send(self, user: str, mail: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.submission, timeout=60) as server:
            server.starttls(context=self.trust)
            server.login(f"{user}@voorbeeld.example", PASSWORD)
            server.send_message(mail)
        self.carried()

    def carried(self) -> None:
        """Wait until Postfix has nothing to carry any more; a bounce is made before what it is about is gone."""
        deadline, still = time.monotonic() + 60, 0
        while still < 2:
            assert time.monotonic() < deadline, (self.files / "var/log/mail.log").read_text(encoding="utf-8")
            still = 0 if self._queued() else still + 1
            time.sleep(0.02)

    def _queued(self) -> bool:
        folders = (self.files / f"var/spool/postfix/{name}" for name in ("incoming", "active"))
        return any(file.is_file() for folder in folders for file in folder.rglob("*"))

    def put(self, *mails: bytes, at: datetime | None = None) -> None:
        """Lay mails into the service's mailbox, as deliveries that nobody here could send."""
        folder = self.files / "var/vmail/mentor/Maildir/new"
        ...


def _mails(box: imaplib.IMAP4, since: int) -> list[tuple[int, bytes]]:
    box.select("INBOX", readonly=True)
    numbers = [int(each) for each in box.uid("SEARCH", f"{since + 1}:*")[1][0].split()]
    # a star names the last mail also when its number is lower
    return [(uid, box.uid("FETCH", str(uid), "(BODY.PEEK[])")[1][0][1]) for uid in numbers if uid > since]


@dataclass
class Account:
    """A person at a plain mail program."""

    name: str
    post: Posthouse
    read: int = 0
    kept: list[EmailMessage] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.name}@voorbeeld.example"

    def news(self) -> list[EmailMessage]:
        """Return what came in since the last look."""
        with self.post.reading(self.name) as box:
            found = _mails(box, self.read)
        self.read = found[-1][0] if found else self.read
        mails = [parse(content) for _, content in found]
        assert all([each.addr_spec for each in mail["To"].addresses] == [self.address] for mail in mails)
        self.kept += mails
        return mails

    def invitation(self, item: str) -> EmailMessage:
        """Return the last invitation to a series, or to a single event."""
        found = [mail for mail in self.kept if "METHOD:REQUEST" in (text := _calendar_part(mail)) and ("RRULE" in text) == (item == "series")]
        return [mail for mail in found if "RECURRENCE-ID" not in _calendar_part(mail) or item == "series"][-1]

    def write(self, subject: str, text: str, **headers: str) -> None:
        self.post.send(self.name, self.mail(subject, text, **headers))

    def mail(self, subject: str, text: str, **headers: str) -> EmailMessage:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.address, ORGANIZER, subject
        mail["Date"], mail["Message-ID"] = format_datetime(clock()), make_msgid(domain="client.example")
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        return mail

    def press(self, found: str, text: str = "") -> None:
        """Send the mail that a link opens, with something written behind what is prefilled."""
        parts = urlsplit(found)
        query = parse_qs(parts.query)
        assert unquote(parts.path) == ORGANIZER
        self.write(query["subject"][0], query.get("body", [""])[0] + text)

    def answer(self, item: str, partstat: str, *, meeting: datetime | None = None) -> None:
        self._return(item, "REPLY", partstat, f"{partstat.title()}: gesprek", meeting, None)

    def propose(self, item: str, start: datetime, *, meeting: datetime | None = None) -> None:
        self._return(item, "COUNTER", "TENTATIVE", "New Time Proposed: gesprek", meeting, start)

    def refresh(self, item: str) -> None:
        self._return(item, "REFRESH", "", "Refresh: gesprek", None, None)

    def _return(self, item: str, method: str, partstat: str, subject: str, meeting: datetime | None, start: datetime | None) -> None:
        """Answer the invitation that arrived, as a calendar program does."""
        asked = icalendar.Calendar.from_ical(_calendar_part(self.invitation(item)))
        [event, *_] = [each for each in asked.walk("VEVENT") if "RECURRENCE-ID" not in each]
        made, at = icalendar.Event(), start or meeting or event["DTSTART"].dt
        for name in ("UID", "SEQUENCE", "ORGANIZER", "SUMMARY"):
            made[name] = event[name]
        made.add("DTSTAMP", clock())
        if method != "REFRESH":
            made.add("DTSTART", at.astimezone(UTC))
            made.add("DTEND", (at + (event["DTEND"].dt - event["DTSTART"].dt)).astimezone(UTC))
        if meeting:
            made.add("RECURRENCE-ID", meeting.astimezone(UTC))
        made.add("ATTENDEE", icalendar.vCalAddress(f"mailto:{self.address}"), parameters={"PARTSTAT": partstat} if partstat else {})
        calendar = icalendar.Calendar()
        for name, value in (("VERSION", "2.0"), ("PRODID", "-//a client//EN"), ("METHOD", method)):
            calendar.add(name, value)
        calendar.add_component(made)
        mail = self.mail(subject, "")
        part = {"method": method, "charset": "UTF-8"}
        mail.add_alternative(calendar.to_ical(), maintype="text", subtype="calendar", params=part)
        self.post.send(self.name, mail)

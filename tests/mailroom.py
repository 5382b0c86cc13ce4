"""What people's programs send when they answer, and what they got."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

from tests.town import Town, Wording, itip_part, told_by

if TYPE_CHECKING:
    from beklijf.model.conversation import Said

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
ORGANIZER, COORDINATOR = "mentor@voorbeeld.example", "opleidingen@voorbeeld.example"
GOALS = datetime(2027, 1, 7, 15, tzinfo=AMSTERDAM)
FIRST, SECOND = datetime(2027, 1, 21, 15, tzinfo=AMSTERDAM), datetime(2027, 2, 4, 15, tzinfo=AMSTERDAM)
SOON = timedelta(minutes=1)
LISTENING = """
[inbox]
kind = "folder"
path = "inbox"
authserv_id = "mx.voorbeeld.example"

[answers]
read = true
"""


@dataclass
class Listening(Wording):
    """A config in which answers are read."""

    more: str = ""

    def toml(self, calendar: str) -> str:
        return super().toml(calendar) + LISTENING + self.more


def deliver(town: Town, mail: EmailMessage) -> None:
    """Put a mail where the mail server would."""
    number = len(list((town.folder / "inbox" / "new").iterdir()))
    name = f"{town.now.timestamp():.0f}.{number}-{abs(hash(mail.as_string()))}.client"
    (town.folder / "inbox" / "new" / name).write_bytes(mail.as_bytes())


def letter(town: Town, sender: str, subject: str, text: str, *, verdict: str = "pass") -> EmailMessage:
    """Return a mail as our server got it, with its *verdict* on who wrote it (empty: none)."""
    mail = EmailMessage()
    if verdict:
        mail["Authentication-Results"] = f"mx.voorbeeld.example; dmarc={verdict} header.from={sender.rpartition('@')[2]}"
    mail["From"], mail["To"], mail["Subject"] = sender, ORGANIZER, subject
    mail["Message-ID"] = f"<{abs(hash((sender, subject, text)))}.{town.now.timestamp():.0f}@client.example>"
    mail.set_content(text)
    return mail


def calendar_part(
    town: Town,
    item: str,
    who: str,
    *,
    method: str,
    partstat: str,
    meeting: datetime | None = None,
    start: datetime | None = None,
    sequence: int | None = None,
) -> str:
    """Return what a calendar program sends back of an invitation: as Exchange does it, without an ORGANIZER."""
    event = town.event(item)
    at = start or meeting or event.start
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//a client//EN",
        f"METHOD:{method}",
        "BEGIN:VEVENT",
        f"UID:{event.uid}",
        f"DTSTAMP:{town.now:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}",
        f"DTEND:{at.astimezone(UTC) + timedelta(minutes=event.minutes):%Y%m%dT%H%M%SZ}",
        f"SEQUENCE:{town.row(item).sequence if sequence is None else sequence}",
        f"ATTENDEE;PARTSTAT={partstat}:mailto:{who}",
        *([f"RECURRENCE-ID:{meeting.astimezone(UTC):%Y%m%dT%H%M%SZ}"] if meeting else []),
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines)


def reply(
    town: Town,
    item: str,
    who: str,
    partstat: str,
    *,
    meeting: datetime | None = None,
    sender: str = "",
    verdict: str = "pass",
    to: str = "",
) -> None:
    """Answer an invitation; *to* is the Message-ID of the mail that it answers, which some programs name."""
    mail = letter(town, sender or who, f"{partstat.title()}: Mentorgesprek", "", verdict=verdict)
    if to:
        mail["In-Reply-To"] = to
    data = calendar_part(town, item, who, method="REPLY", partstat=partstat, meeting=meeting)
    mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": "REPLY", "charset": "UTF-8"})
    deliver(town, mail)


def propose(town: Town, item: str, who: str, start: datetime, *, meeting: datetime | None = None, verdict: str = "pass") -> None:
    mail = letter(town, who, "New Time Proposed: Mentorgesprek", "", verdict=verdict)
    data = calendar_part(town, item, who, method="COUNTER", partstat="TENTATIVE", meeting=meeting, start=start)
    mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": "COUNTER", "charset": "UTF-8"})
    deliver(town, mail)


def press(town: Town, who: str, link: str, text: str = "") -> None:
    """Send the mail that a link in a letter opens."""
    parts = urlsplit(link)
    query = parse_qs(parts.query)
    assert unquote(parts.path) == ORGANIZER
    deliver(town, letter(town, who, query["subject"][0], query.get("body", [""])[0] + text))


def links(mail: EmailMessage) -> list[str]:
    body = mail.get_body(("plain",))
    assert body is not None
    found: list[str] = re.findall(r"<(mailto:[^>?]+\?[^>]+)>", body.get_content())
    return found


def link(mail: EmailMessage, *words: str) -> str:
    """Return the link of a mail whose subject has all *words* in it."""
    [found] = [each for each in links(mail) if all(word in unquote(each) for word in words)]
    return found


def got(town: Town) -> list[tuple[str, str]]:
    """Return who got what since the last look: a method of iTIP with its meeting, or the first words of a subject."""
    return sorted((str(mail["To"].addresses[0].addr_spec), gist(mail)) for mail in town.mails())


def gist(mail: EmailMessage) -> str:
    if not itip_part(mail):
        return " ".join(str(mail["Subject"]).split()[:3])
    _, method, day = told_by(mail)
    return f"{method} {day}".strip()


def said(town: Town) -> dict[tuple[str, str, str], Said]:
    """Return everybody's answer to each item, by item, meeting and person."""
    histories = town.engine.conversation.histories(town.engine.config.addresses)
    return {
        (answer.ref.rpartition("/")[2], f"{recurrence_id:%Y-%m-%d}" if recurrence_id else "", person.partition("@")[0]): answer.said
        for history in histories.values()
        for (_, recurrence_id, person), answer in history.answers().items()
    }


def settled(town: Town) -> None:
    """Let the town come to rest: nothing more to do, and nobody gets anything."""
    for _ in range(3):
        town.tick(SOON)
    assert got(town) == []
    assert town.plan().changes == ()

"""From the bytes of a mail, whoever wrote it, to the few things in it that may mean something to us. Never raises.

What counts is what the sender put into the mail themselves. A message inside the message (forwarded, or wrapped by a server's
rule) is somebody else's: an answer in it proves nothing about who sends it now, and a forwarded invitation is none anyway. Such
a mail is a person's mail like any other. Likewise a token in the text counts only at the beginning of a line of the sender's
own, where our prefilled text has it: letters hold several, and an answer to a letter quotes them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from beklijf.boundary.foreign import one_line
from beklijf.ical import itip
from beklijf.ical.clocks import MOST_STEPS
from beklijf.mime import envelopes, leaves
from beklijf.mime.leaves import value, values
from beklijf.model.stored import Unreadable
from beklijf.replies import own_text
from beklijf.replies.authentication import NOBODY, Receiver, is_authenticated

if TYPE_CHECKING:
    from collections.abc import Container

    from beklijf.mime.leaves import Part
    from beklijf.model.conversation import Itip

LARGEST_TEXT = 64_000
LARGEST_HTML = 256_000
"""Outlook has so much to say about styles before the first word."""
LARGEST_TOKEN_TEXT = 4_000
_LARGEST_CALENDAR = 1_000_000
_LARGEST_REPORT = 100_000
_MOST_CALENDARS = 10
_MOST_RECIPIENTS = 50
_MOST_IDS = 100
_LONGEST_ID = 252
_LONGEST_SUBJECT = 1_000
_LONGEST_NOTE = 200
_NOT_THE_ADDRESS = ("5.2.2", "5.2.3", "5.3.4", "5.7.")
"""Full, too large, and policy, which is about our mail and may hit everybody (RFC 3463; as in the SMTP mailer)."""

_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_ID = re.compile(r"<[^<>\s]+>")
_TOKEN = re.compile(rf"(?<![a-z0-9-]){own_text.FORM}(?![a-z0-9])", re.IGNORECASE)
_FOLDED_TOKEN = re.compile(own_text.FORM, re.IGNORECASE)
_AWAY_SUBJECT = re.compile(r"\s*(automatic reply|automatisch antwoord|auto ?reply|auto:|out of (the )?office|afwezig)", re.IGNORECASE)
_CALENDARS = {"text/calendar", "application/ics"}
_DELIVERY = {"message/delivery-status", "message/global-delivery-status"}
_RETURNED = {"message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global", "message/global-headers"}
_SIGNATURES = {"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature", "application/pgp-keys"}

Auto: TypeAlias = Literal["", "away", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """What a mail server says of one recipient (RFC 3464 section 2.3)."""

    addresses: frozenset[str]
    """Whom we sent to and where it went in the end, which may differ; casefolded."""
    action: str
    status: str
    note: str
    """Status and diagnostic text, on one line."""

    @property
    def failed(self) -> bool:
        return self.action == "failed" and self.status.startswith("5.")

    @property
    def permanent(self) -> bool:
        """Whether it says of the address that mail never arrives there; a full mailbox and a policy say something else."""
        return self.failed and not self.status.startswith(_NOT_THE_ADDRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail, as far as it may mean something."""

    sender: str = ""
    """Casefolded, international domains as people write them; empty unless From names exactly one address."""
    authenticated: bool = False
    """The server that received it vouches for the sender."""
    in_reply_to: tuple[str, ...] = ()
    """In-Reply-To and References, in pointed brackets."""
    tokens: tuple[str, ...] = ()
    """In lower case; of the text only where the subject has none."""
    itip: tuple[Itip, ...] = ()
    unreadable: bool = False
    """There is an answer about an event of ours in it that can't be understood."""
    auto: Auto = ""
    """``away``: a machine answered in the person's place; ``other``: a machine wrote it for another reason."""
    report: bool = False
    """It is about a delivery, whatever it says of it."""
    bounces: tuple[Bounce, ...] = ()
    returned: tuple[str, ...] = ()
    """The Message-IDs that it is about."""
    goal: str = ""
    rest: bool = False
    """The sender wrote or attached more than the goal and what we prefilled."""
    cut: bool = False


def read(
    content: bytes, *, cut: bool = False, known: Container[str] | None = None, steps: int = MOST_STEPS, receiver: Receiver = NOBODY
) -> Mail:
    """Return what is in a mail; *cut*: its end is missing; *known* and *steps*: as `itip.read` takes them, for each of its parts."""
    mail = leaves.open_mail(content)
    parts = list(leaves.leaves(mail))
    ids = tuple(dict.fromkeys(found for name in ("In-Reply-To", "References") for found in _ids(" ".join(values(mail.headers, name)))))
    subject = leaves.words(value(mail.headers, "Subject")[: 4 * _LONGEST_SUBJECT])[:_LONGEST_SUBJECT]
    text = _text(parts)
    own = own_text.read(text)
    in_text = own_text.read(text[:LARGEST_TOKEN_TEXT]).token
    messages, unreadable = _itip(parts, known, steps)
    report = [part for part in parts if part.type in _DELIVERY]
    is_report = bool(report) or mail.parameter("report-type").lower() == "delivery-status"
    writer = envelopes.sender(values(mail.headers, "From"))
    return Mail(
        sender=writer,
        authenticated=is_authenticated(mail.headers, writer, receiver),
        in_reply_to=ids,
        tokens=tokens(subject) or ((in_text,) if in_text else ()),
        itip=messages,
        unreadable=unreadable,
        auto=_auto(mail, subject),
        report=is_report,
        bounces=tuple(bounce for part in report for bounce in _bounces(part))[:_MOST_RECIPIENTS],
        returned=_returned(parts) or ids if is_report else (),
        goal=own.goal,
        rest=own.rest or any(_is_attached(part) for part in parts),
        cut=cut,
    )


def tokens(subject: str) -> tuple[str, ...]:
    """Return the tokens in a subject, also where a program broke the line in the middle of one."""
    found = _TOKEN.findall(subject) or _FOLDED_TOKEN.findall("".join(subject.split()))
    return tuple(dict.fromkeys(each.lower() for each in found))


# -- answers -----------------------------------------------------------------------------------------------------------


def _itip(parts: list[Part], known: Container[str] | None, steps: int) -> tuple[tuple[Itip, ...], bool]:
    """Return the answers of all calendar parts, each once: programs send the same one inline and attached."""
    found: dict[object, Itip] = {}
    unreadable = False
    for part in [p for p in parts if p.type in _CALENDARS or p.filename.lower().endswith(".ics")][:_MOST_CALENDARS]:
        try:
            messages = itip.read(_calendar(part), part.parameter("method"), known=known, steps=steps)
        except Unreadable:
            unreadable = True
            continue
        for message in messages:
            found.setdefault((message.method, message.uid, message.recurrence_id), message)
    return tuple(found.values())[: itip.MOST], unreadable


def _calendar(part: Part) -> bytes:
    body = part.body(_LARGEST_CALENDAR)
    charset = part.parameter("charset").lower()
    return body if charset in {"", "utf-8"} or body[:2] in {b"\xff\xfe", b"\xfe\xff"} else leaves.as_text(body, charset).encode()


# -- what the sender wrote ---------------------------------------------------------------------------------------------


def _text(parts: list[Part]) -> str:
    """Return the plain text, or that of the HTML where there is no other (Outlook and telephones send such)."""
    inline = [part for part in parts if not part.is_attachment]
    plain = "\n".join(_plain(part) for part in inline if part.type == "text/plain")[:LARGEST_TEXT]
    if plain.strip():
        return plain
    return "\n".join(own_text.from_html(part.text(LARGEST_HTML)) for part in inline if part.type == "text/html")[:LARGEST_TEXT]


def _plain(part: Part) -> str:
    text = part.text(LARGEST_TEXT)
    if part.parameter("format").lower() != "flowed":
        return text
    return own_text.unflowed(text, delete_space=part.parameter("delsp").lower() == "yes")


def _is_attached(part: Part) -> bool:
    return part.is_attachment and part.type not in _CALENDARS | _SIGNATURES and not part.filename.lower().endswith(".ics")


# -- machines ----------------------------------------------------------------------------------------------------------


def _auto(mail: Part, subject: str) -> Auto:
    """Return what sort of machine wrote the mail, if one did.

    Exchange marks an out-of-office as ``auto-generated``, as it does much else, and only names its rules beside. And
    X-Auto-Response-Suppress alone says nothing: Exchange puts it on people's own mails too (discourse/discourse#21367).
    """
    submitted = value(mail.headers, "Auto-Submitted").strip().lower()
    precedence = value(mail.headers, "Precedence").strip().lower()
    if submitted.startswith("auto-replied") or precedence in {"auto_reply", "auto-reply"}:
        return "away"
    if submitted.startswith("auto-") and value(mail.headers, "X-MS-Exchange-Inbox-Rules-Loop"):
        return "away"
    if value(mail.headers, "X-Autoreply") or value(mail.headers, "X-Autorespond"):
        return "away"
    if value(mail.headers, "Return-Path").strip() == "<>" and _AWAY_SUBJECT.match(subject):
        return "away"
    notified = mail.parameter("report-type").lower() == "disposition-notification"
    return "other" if notified or submitted not in {"", "no"} else ""


def _bounces(part: Part) -> list[Bounce]:
    """Return what is said of each recipient; the first group, about the mail as a whole, names none."""
    found = []
    for group in re.split(rb"\r?\n(?:[ \t]*\r?\n)+", part.body(_LARGEST_REPORT))[: 2 * _MOST_RECIPIENTS]:
        headers = leaves.open_mail(group.lstrip(b"\r\n")).headers
        named = [value(headers, name).rpartition(";")[2] for name in ("Final-Recipient", "Original-Recipient")]
        addresses = frozenset(envelopes.address(each) for each in named) - {""}
        status = [each for each in value(headers, "Status").split()[:1] if _STATUS.fullmatch(each)]
        if addresses:
            note = f"{''.join(status)} {value(headers, 'Diagnostic-Code').partition(';')[2].strip()}"
            found.append(
                Bounce(
                    addresses=addresses,
                    action=value(headers, "Action").strip().lower(),
                    status="".join(status),
                    note=one_line(note)[:_LONGEST_NOTE],
                )
            )
    return found


def _returned(parts: list[Part]) -> tuple[str, ...]:
    """Return the Message-ID of the mail that came back."""
    headers = (leaves.open_mail(part.body(_LARGEST_REPORT).lstrip(b"\r\n")).headers for part in parts if part.type in _RETURNED)
    return tuple(found for each in headers for found in _ids(value(each, "Message-ID"))[:1])[:1]


def _ids(header: str) -> list[str]:
    return [found for found in _ID.findall(header) if len(found) <= _LONGEST_ID][:_MOST_IDS]

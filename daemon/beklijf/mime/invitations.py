"""An event as an invitation by mail (iMIP, RFC 6047): the mail around it is one person's, the event inside is everybody's.

Decides nothing: whom to tell, about what and with which SEQUENCE is the caller's. The iCalendar object itself is
``ical.ics``'s, the same that stands in calendars.

    multipart/mixed
    +-- multipart/alternative          Outlook looks for an invitation in the first child only
    |   +-- text/plain
    |   +-- text/html
    |   +-- text/calendar; method=..   last, so the richest: this makes the buttons
    +-- application/ics; invite.ics    the same bytes, for Gmail's "add to calendar" and programs that know no invitations

Both copies are base64: its bytes survive gateways that re-wrap lines or change line ends. One message per person, to that
person alone: Gmail opens an invitation only for whom it is addressed to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from beklijf.ical import ics
from beklijf.mime.messages import build, fix_boundaries

if TYPE_CHECKING:
    from datetime import datetime
    from email.message import EmailMessage

    from beklijf.mime.messages import Rendered
    from beklijf.model.conversation import Copy
    from beklijf.model.domain import Contact, Event


def invitation(
    event: Event,
    *,
    method: Literal["REQUEST", "CANCEL"],
    copy: Copy,
    stamp: datetime,
    recurrence_id: datetime | None,
    recipient: Contact,
    rendered: Rendered,
    message_id: str,
    date: datetime,
    sent_by: Contact | None = None,
) -> EmailMessage:
    """Return what *recipient* must be told of *event*, or of the one meeting of it that the rhythm has at *recurrence_id*.

        method   meeting  recipient          says
        REQUEST  None     in event.people    this is the event now, all its meetings and everybody in it
        REQUEST  instant  in event.people    this one meeting is at another time (or back at its own), or doesn't take place;
                                             all the others stand in it as they were
        REQUEST  either   not in it          the same, with them in it: a calendar has renamed them (an alias of its own, say)
        CANCEL   None     in event.people    there is no such event any more
        CANCEL   None     not in it (left)   you are not in it any more; only they stand in it (RFC 5546 section 3.2.5)

    From is the organizer, for two reasons: answers go to ORGANIZER whatever Reply-To says, and Google puts an invitation
    into an agenda by itself only from a sender that the receiver knows. Where that is a person and not us, we are *sent_by*: that
    stands in From, and beside the organizer in the event (RFC 5545 section 3.2.18). Answers still go to the organizer.

    *copy* has the SEQUENCE of each part, and what people answered. Whoever left gets no STATUS: that would be the event's, and
    it goes on without them (RFC 5546 section 3.2.5).
    """
    left = recipient.email.casefold() not in {contact.email.casefold() for contact in event.people}
    if left:
        event = replace(event, people=(recipient,) if method == "CANCEL" else (*event.people, recipient))
    content = ics.build(
        event,
        sequence=copy.sequence(None),
        stamp=stamp,
        method=method,
        about=recurrence_id,
        copy=copy if method == "REQUEST" else None,
        status="CONFIRMED" if method == "REQUEST" else "" if left else "CANCELLED",
        sent_by=sent_by.email if sent_by else "",
    )
    # Not marked Auto-Submitted: filters on that may throw away the answer as well.
    message = build(
        rendered,
        sender=sent_by or event.organizer,
        to=recipient,
        reply_to=event.organizer if sent_by else None,
        message_id=message_id,
        date=date,
        auto=False,
    )
    message.add_alternative(content, maintype="text", subtype="calendar", params={"method": method, "charset": "UTF-8"})
    message.add_attachment(content, maintype="application", subtype="ics", filename="invite.ics", params={"name": "invite.ics"})
    fix_boundaries(message)
    return message

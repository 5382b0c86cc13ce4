"""Which makers there are, a line each. What a maker needs is imported on first use, so that a missing extra hurts only who asked for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from beklijf.backends.caldav.settings import CALDAV
from beklijf.backends.exchange.settings import EXCHANGE
from beklijf.backends.extras import named, needed
from beklijf.backends.folder.settings import FOLDER
from beklijf.backends.google.settings import GOOGLE
from beklijf.backends.graph.settings import GRAPH
from beklijf.backends.smtp_imap.settings import SMTP_IMAP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from beklijf.backends.maker import CalendarPart, InboxPart, LoginPart, MailPart
    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.inbox import Inbox
    from beklijf.contracts.mailer import Mailer
    from beklijf.contracts.maker import Login
    from beklijf.contracts.settings import CalendarSettings, InboxSettings, MailSettings
    from beklijf.model.domain import Person

MAKERS = (FOLDER, CALDAV, SMTP_IMAP, EXCHANGE, GRAPH, GOOGLE)

CALENDARS: Mapping[str, CalendarPart] = {made.calendar.kind.name: made.calendar for made in MAKERS if made.calendar}
MAILERS: Mapping[str, MailPart] = {made.mail.kind.name: made.mail for made in MAKERS if made.mail}
INBOXES: Mapping[str, InboxPart] = {made.inbox.kind.name: made.inbox for made in MAKERS if made.inbox}
LOGINS: Mapping[str, LoginPart[Login]] = {made.login.type.kind.name: made.login for made in MAKERS if made.login}
TOKENS: Mapping[str, LoginPart[Login]] = {name: login for name, login in LOGINS.items() if login.type.kind.tokens}
"""Logins whose token logs in at SMTP and IMAP, by ``auth`` in [mail] and [inbox]."""

_OWNERS = "beklijf.backends.per_person.calendar:Owners"
_HOUSES = "beklijf.backends.per_person.hybrid:Houses"


def open_calendar(settings: CalendarSettings, owner: str, people: Sequence[Person] = (), *, others: bool = False) -> Calendar:
    """Return the calendar of *owner*, the service's mailbox; with ``organized_by = "mentee"``, and those of *people* (the mentees).

    *others*: there are events in people's own calendars, whoever organizes new ones.

    Raises ConfigError with the pip line when the backend's extra is not installed.
    """
    systems = {}
    for maker in (settings.maker, settings.beside):
        if maker is not None:
            kind = maker.kind
            with needed(kind.name, where="calendar.kind" if maker is settings.maker else f"calendar.{kind.name}"):
                systems[kind.name] = named(kind.opens)(replace(settings, maker=maker, beside=None), owner)
    service = systems[settings.kind.name] if len(systems) == 1 else named(_HOUSES)(systems)
    calendar: Calendar = service if settings.organized_by == "service" and not others else named(_OWNERS)(service, owner, people)
    return calendar


def is_on_disk(kind: str) -> bool:
    """Say it of a kind of calendar that a ledger remembers, perhaps of a maker that is gone."""
    return kind in CALENDARS and CALENDARS[kind].kind.on_disk


def open_mailer(settings: MailSettings) -> Mailer:
    """Return the mailer that ``[mail] kind`` names; raises ConfigError with the pip line when its extra is not installed."""
    with needed(settings.kind.name, where="mail.kind"):
        mailer: Mailer = named(settings.kind.opens)(settings)
    return mailer


def open_inbox(settings: InboxSettings) -> Inbox:
    """Return the mailbox; raises ConfigError with the pip line when the backend's extra is not installed."""
    with needed(settings.kind.name, where="inbox.kind"):
        inbox: Inbox = named(settings.kind.opens)(settings)
    return inbox

"""Which makers there are for calendar, mail and inbox: imported on first use, so that a missing extra hurts only who asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beklijf.backends.extras import named, needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.inbox import Inbox
    from beklijf.contracts.mailer import Mailer
    from beklijf.contracts.settings import CalendarSettings, InboxSettings, MailSettings
    from beklijf.model.domain import Person

CALENDARS = {
    "folder": "beklijf.backends.folder.calendar:FolderCalendar",
    "caldav": "beklijf.backends.caldav.calendar:CaldavCalendar",
    "exchange": "beklijf.backends.exchange.calendar:ExchangeCalendar",
    "graph": "beklijf.backends.graph.calendar:GraphCalendar",
    "google": "beklijf.backends.google.calendar:GoogleCalendar",
}
"""By ``[calendar] kind``; imported on first use, so that a missing extra hurts only who asked for it."""

_OWNERS = "beklijf.backends.per_person.calendar:Owners"
_HOUSES = "beklijf.backends.per_person.hybrid:Houses"


def open_calendar(settings: CalendarSettings, owner: str, people: Sequence[Person] = (), *, others: bool = False) -> Calendar:
    """Return the calendar of *owner*, the service's mailbox; with ``organized_by = "mentee"``, and those of *people* (the mentees).

    *others*: there are events in people's own calendars, whoever organizes new ones.

    Raises ConfigError with the pip line when the backend's extra is not installed.
    """
    systems = {}
    for kind in (settings.kind, *_beside(settings)):
        with needed(kind, where="calendar.kind" if kind == settings.kind else f"calendar.{kind}"):
            systems[kind] = named(CALENDARS[kind])(settings, owner)
    service = systems[settings.kind] if len(systems) == 1 else named(_HOUSES)(systems)
    calendar: Calendar = service if settings.organized_by == "service" and not others else named(_OWNERS)(service, owner, people)
    return calendar


def _beside(settings: CalendarSettings) -> list[str]:
    """Return the other system that people's mailboxes may be in while they move in batches: both have a login then."""
    logins = {"exchange": settings.exchange, "graph": settings.graph}
    return [kind for kind, login in logins.items() if login is not None and kind != settings.kind and settings.kind in logins]


MAILERS = {
    "folder": "beklijf.backends.folder.mailer:FolderMailer",
    "smtp": "beklijf.backends.smtp_imap.mailer:SmtpMailer",
    "exchange": "beklijf.backends.exchange.mailer:ExchangeMailer",
    "graph": "beklijf.backends.graph.mailer:GraphMailer",
}


def open_mailer(settings: MailSettings) -> Mailer:
    """Return the mailer that ``[mail] kind`` names; raises ConfigError with the pip line when its extra is not installed."""
    with needed(settings.kind, where="mail.kind"):
        mailer: Mailer = named(MAILERS[settings.kind])(settings)
    return mailer


INBOXES = {
    "folder": "beklijf.backends.folder.inbox:FolderInbox",
    "imap": "beklijf.backends.smtp_imap.inbox:ImapInbox",
    "exchange": "beklijf.backends.exchange.inbox:ExchangeInbox",
    "graph": "beklijf.backends.graph.inbox:GraphInbox",
}
"""By ``[inbox] kind``; imported on first use, so that a missing extra hurts only who asked for it."""


def open_inbox(settings: InboxSettings) -> Inbox:
    """Return the mailbox; raises ConfigError with the pip line when the backend's extra is not installed."""
    with needed(settings.kind, where="inbox.kind"):
        inbox: Inbox = named(INBOXES[settings.kind])(settings)
    return inbox


TOKENS = {
    "graph": "beklijf.backends.graph.account:mail_token",
    "google": "beklijf.backends.google.account:mail_token",
}
"""By ``auth`` in [mail] and [inbox], whose token logs in there instead of a password."""

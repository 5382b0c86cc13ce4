"""The calendar as a tick reads it: what happened since the last one, and everything once a day. Plans and writes nothing in it."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.contracts.unforeseen import Astray, Unforeseen
from beklijf.ledger import stamp
from beklijf.model.errors import Refused, Transient
from beklijf.model.stored import NOTHING, Unreadable
from beklijf.tick import absence
from beklijf.tick.outages import MAILBOX
from beklijf.tick.stages import CALENDAR
from beklijf.tick.target import ELSEWHERE, UNFINISHED, Whereabouts

if TYPE_CHECKING:
    from datetime import datetime

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.settings import Config
    from beklijf.ledger import Ledger
    from beklijf.model.errors import BeklijfError
    from beklijf.model.stored import Changes
    from beklijf.tick.outages import Outages
    from beklijf.tick.set_aside import SettingAside

log = logging.getLogger("beklijf")

FULL_READ = timedelta(days=1)
"""Some servers take any token and say that nothing changed: once a day, and at every start, everything is read."""


class Reader:
    """One calendar, from one reading to the next."""

    def __init__(self, config: Config, *, ledger: Ledger, calendar: Calendar, outages: Outages, aside: SettingAside) -> None:
        self.whereabouts = Whereabouts(config, ledger)
        self.written: set[str] = set()
        """What was written since the last reading."""
        self._ledger = ledger
        self._calendar = calendar
        self._outages = outages
        self._aside = aside
        self._token: object = None
        self._read_all: datetime | None = None
        self._gone: set[str] = set()
        """What was gone by its own name, and isn't asked for again until it was there once more: while it is held, each tick misses it."""

    def everything(self) -> Changes:
        """Return all that is in the calendar; raises Down where the config leads to another one than the events are in."""
        if elsewhere := self.whereabouts.problem():
            raise elsewhere
        return absence.sure(self._calendar.changes(None, self._ledger.etags()), self._calendar, self._ledger.places())

    def resting(self, now: datetime) -> Transient | None:
        """Return the outage because of which the calendar is left alone for a while; whose config it is costs nothing to ask."""
        outage = self._outages.now().get(CALENDAR)
        if outage is None or outage.retry_at <= now or outage.what.startswith((ELSEWHERE, UNFINISHED)):
            return None
        return Transient(outage.what)

    def read(self, now: datetime, *, hears: bool) -> Changes:
        """Return what happened since the last reading; raises BackendError."""
        if elsewhere := self.whereabouts.problem():
            raise elsewhere
        self._begin_to_hear(now, hears=hears)
        if self._read_all is None or not timedelta(0) <= now - self._read_all < FULL_READ:
            self._token = None
        known = self._ledger.etags() if self._token is None else NOTHING
        told = self._calendar.changes(self._token, known)
        sure = self._sure(told)
        changes = self._certain(sure)
        if changes.full:
            self._read_all = now
        if absence.there(sure) - absence.there(told):
            self.again()  # of what is there all the same, or isn't known to be gone, a token tells no more
        self._token = changes.token
        self._away(changes, now)
        self._set_aside(changes, now)
        self.whereabouts.settle()
        return changes

    def forget(self) -> None:
        """Read everything the next time."""
        self._token = self._read_all = None

    def again(self) -> None:
        """Read everything the next time, for what a token tells once and must be seen until it is mended."""
        self._read_all = None

    def _sure(self, changes: Changes) -> Changes:
        known = self._ledger.places() if changes.full or changes.gone else {}
        changes = absence.sure(changes, self._calendar, {href: uid for href, uid in known.items() if href not in self._gone})
        self._gone |= known.keys() if changes.full else known.keys() & set(changes.gone)
        self._gone -= absence.there(changes) | self.written
        return changes

    def _set_aside(self, changes: Changes, now: datetime) -> None:
        """Count the events that nobody can make sense of; they are read again until they are set aside."""
        asides = self._aside.asides
        known = {each.name: each for each in asides.all(CALENDAR)}
        wrong = {href: error for href, error in changes.unreadable.items() if isinstance(error, Unreadable)}
        if not known and not wrong:
            return
        with self._ledger.write():
            read = {stored.href for stored in changes.changed} | changes.unchanged | set(changes.gone)
            for name in known:
                if name in read or (changes.full and name not in changes.unreadable):
                    asides.settled(CALENDAR, name)
            for href, error in wrong.items():
                self._aside.failed(CALENDAR, href, self._understood(error), now)
            if any(not each.is_set_aside for each in asides.all(CALENDAR)):
                self.again()

    def _understood(self, error: Unreadable) -> BeklijfError:
        """Return an error as it is told; the cause of one that nobody expected goes to the journal."""
        cause = error.__cause__ if isinstance(error, Unforeseen) else None
        return self._aside.met(CALENDAR, cause) if isinstance(cause, Exception) else error

    def _begin_to_hear(self, now: datetime, *, hears: bool) -> None:
        """Read everything once more when answers may be heard from now on: those that stand in events as they were last seen, too.

        Since when is kept: nobody was silent while nobody listened.
        """
        if bool(self._ledger.get("hears")) == hears:
            return
        with self._ledger.write():
            self._ledger.set("hears", stamp(now) if hears else "")
            self._ledger.set("inbox", "")  # what came in while nothing might be read stays unread
            self._ledger.forget_etags()
        self._token = None

    def _away(self, changes: Changes, now: datetime) -> None:
        """Note whose calendar can't be used, and whose can again (``organized_by = "mentee"``)."""
        for target in [t for t in self._outages.now() if t.startswith(MAILBOX)]:
            if target.removeprefix(MAILBOX) not in changes.away:
                log.warning("the calendar of %s is back", target.removeprefix(MAILBOX))
                self._outages.end(target)
        for owner, error in changes.away.items():
            if isinstance(error, Astray) and isinstance(error.__cause__, Exception):
                self._aside.met(CALENDAR, error.__cause__)
            if isinstance(error, Refused) or f"{MAILBOX}{owner}" in self._outages.now():
                self._outages.begin(f"{MAILBOX}{owner}", error, now)

    def _certain(self, changes: Changes) -> Changes:
        """Look at what the last tick wrote and the token doesn't tell of: deleted since, or put back to what it was before."""
        untold = set() if changes.full else self.written - absence.there(changes).union(changes.gone)
        self.written = set()
        if not untold:
            return changes
        asked = self._calendar.seek(sorted(untold))
        # what can't be asked for now is asked for later, and so is what may be in the calendar of somebody who can't be reached now
        later = {*asked.unreadable, *asked.unchanged, *(asked.gone if changes.away else ())}
        self.written = later
        return replace(
            changes,
            changed=(*changes.changed, *asked.changed),
            gone=(*changes.gone, *(href for href in asked.gone if href not in later)),
            unreadable={**changes.unreadable, **asked.unreadable},
            away={**changes.away, **asked.away},
        )

"""Hear what people answer: read the inbox and the server's schedule inbox, note what it means, file what is handled.

    inbox ─► judged (pure) ─► noted, with the mark, in one transaction ─► filed

Noted before it is filed: a power cut in between files a mail twice and hears it once. On a quiet tick all this costs one
search in the mailbox, and nothing of the ledger is read.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from beklijf import canonical
from beklijf.answers import Known, judging, reading
from beklijf.answers.authentication import NOBODY, Receiver
from beklijf.config.addresses import is_free_mail
from beklijf.conversation import TokenKind
from beklijf.ledger import stamp
from beklijf.mailers.messages import is_secret
from beklijf.reconcile import hearing
from beklijf.reconcile.forgetting import is_time, over_since
from beklijf.reconcile.heeding import Heeding
from beklijf.settings import EXCHANGE_ONLINE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from beklijf.calendars import Calendar, Stored
    from beklijf.inbox import Inbox
    from beklijf.ledger import Ledger
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Outbox
    from beklijf.settings import Config

log = logging.getLogger("beklijf")

BEGIN = timedelta(days=30)
"""How far back a mailbox is read that was made anew; never to before the moment since when answers may be read."""

BOUNCING = timedelta(days=14)
"""So long after it was sent a mail may still come back."""


@dataclass(slots=True, kw_only=True)
class Listened:
    """What one pass brought."""

    mails: int = 0
    happenings: int = 0
    """What was noted, or is to be passed on: there is something to do."""
    more: bool = False
    """There was more than is taken in at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    config: Config
    ledger: Ledger
    outbox: Outbox
    conversation: Conversation
    calendar: Calendar
    inbox: Inbox | None
    goal_rules: frozenset[str] = field(default=frozenset({"goals"}))

    def listen(self, now: datetime) -> Listened:
        """Take in what came since the last time; raises BackendError of whichever of the two fails, and then nothing is lost."""
        result = Listened()
        known = cache(lambda: self._known(now))
        waiting = self.calendar.waiting()
        for each in waiting:
            happenings = judging.message(each.message, known()).happenings
            with self.ledger.write():
                for happening in happenings:
                    self._heeding.heed(happening, now)
            result.happenings += len(happenings)
        for each in {each.href: each for each in waiting}.values():  # one object may bring several messages
            self.calendar.take(each)
        if self.inbox is not None:
            self._read(self.inbox, known, now, result)
        return result

    def proposed(self, changed: Iterable[Stored], now: datetime) -> int:
        """Note the proposals that the organizer's copies hold, once each; return how many are new."""
        found = 0
        for stored in changed:
            row = self.ledger.row(stored.event.uid)
            if row is None or (not stored.proposals and row.proposals == "[]"):
                continue
            proposed = hearing.proposed(row, stored)
            with self.ledger.write():
                for each in proposed:
                    self._heeding.heed(each, now, source="calendar")
                self.ledger.put(hearing.with_proposals(row, stored.proposals))
            found += len(proposed)
        return found

    def _read(self, inbox: Inbox, known: Callable[[], Known], now: datetime, result: Listened) -> None:
        self._file(inbox)  # what a power cut left
        mark, held, persons = self.ledger.get("inbox") or "", cache(self._held), cache(self._persons)
        since = max(now - BEGIN, datetime.fromisoformat(self.ledger.get("hears") or stamp(now - BEGIN)))
        news = inbox.news(mark, lambda envelope: judging.wanted(envelope, persons=persons()), since=since)
        handled = []
        receiver = self._receiver
        with self.ledger.write():
            for mail in news.mails:
                read = reading.read(mail.content, cut=mail.cut, known=known().events, receiver=receiver)
                answers = self.outbox.recipients([each for each in read.in_reply_to if is_secret(each)])
                verdict = judging.judge(read, known(), held=held(), answers=answers)
                log.info("a mail: %s", verdict.why or "not for us")
                for happening in verdict.happenings:
                    self._heeding.heed(happening, now)
                if verdict.forward:
                    self._heeding.forward(mail, read.sender, now)
                if verdict.filed:
                    handled.append(mail.id)
                result.happenings += len(verdict.happenings) + verdict.forward
            if news.mark != mark:
                self.ledger.set("inbox", news.mark)
            if handled:
                self.ledger.set("to_file", json.dumps([*json.loads(self.ledger.get("to_file") or "[]"), *handled]))
        result.mails, result.more = len(news.mails), news.more
        self._file(inbox)
        self._forget(inbox, now)

    @property
    def _heeding(self) -> Heeding:
        return Heeding(config=self.config, ledger=self.ledger, outbox=self.outbox, conversation=self.conversation)

    def _file(self, inbox: Inbox) -> None:
        if waiting := json.loads(self.ledger.get("to_file") or "[]"):
            inbox.file(waiting)
            with self.ledger.write():
                self.ledger.set("to_file", "[]")

    def _forget(self, inbox: Inbox, now: datetime) -> None:
        """Delete handled mail once it is old enough; once a day is often enough to look."""
        if is_time(self.ledger, "forgot", now):
            if since := over_since(self.ledger, "forgot", now):
                inbox.forget(since - self.config.answers.keep)
            with self.ledger.write():
                self.ledger.set("forgot", stamp(now))

    @property
    def _receiver(self) -> Receiver:
        """Return whose word about senders counts: the server's that the mailbox is on."""
        if self.config.inbox is None:
            return NOBODY
        authserv_id = self.config.inbox.authserv_id
        return Receiver(authserv_id, exchange=self.config.inbox.kind in {"exchange", "graph"} or authserv_id == EXCHANGE_ONLINE)

    def _persons(self) -> dict[str, str]:
        return {address: person.key for person in self.config.persons for address in person.addresses}

    def _known(self, now: datetime) -> Known:
        config = self.config
        ours = {config.calendar.organizer.email.casefold(), config.mail.sender.email.casefold()}
        ours |= {config.inbox.address.casefold()} if config.inbox else set()
        staff = {config.organisation.coordinator.email.casefold(), config.organisation.administrator.email.casefold()}
        theirs = {address.rpartition("@")[2] for address in ours | staff}  # no person's: a person may be anywhere
        tokens = self.conversation.tokens()
        goals = {(t.mentorship, t.person): t.token for t in tokens.values() if t.kind is TokenKind.GOAL}
        letters = self.outbox.letters_by_id(self.goal_rules)
        events = self.conversation.invited()
        return Known(
            events=events | {event.known_as: event for event in events.values() if event.known_as},
            persons=self._persons(),
            domains=config.organisation.domains or frozenset(domain for domain in theirs if not is_free_mail(domain)),
            ours=frozenset(ours),
            staff=frozenset(staff),
            tokens=tokens,
            sent=self.outbox.sent_by_id(now - BOUNCING),
            goal_letters={mail: goals[key, who] for mail, key, who in letters if (key, who) in goals},
        )

    def _held(self) -> dict[tuple[str, datetime | None], tuple[datetime, int]]:
        """Return when each meeting is held now: proposing that very time is nothing new."""
        found: dict[tuple[str, datetime | None], tuple[datetime, int]] = {}
        for uid, row in self.ledger.rows().items():
            event = canonical.load(row.seen)
            minutes = {single.at: single.minutes for single in event.singles if single.start}
            found[uid, None] = (event.start.astimezone(UTC), event.minutes)
            for place in canonical.rhythm(event) if event.recurrence else ():
                if at := canonical.held(event, place):
                    found[uid, place] = (at, minutes.get(place, event.minutes))
        return found

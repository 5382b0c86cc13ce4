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

from beklijf.config.addresses import is_free_mail
from beklijf.decide import from_calendar
from beklijf.ledger import stamp
from beklijf.ledger.lookup import Lookup
from beklijf.mime.messages import is_secret
from beklijf.model import canonical
from beklijf.model.errors import Refused
from beklijf.model.mailbox import AT_ONCE, EXCHANGE_ONLINE
from beklijf.replies import judge, reader
from beklijf.replies.authentication import NOBODY, Receiver
from beklijf.replies.record import Recorder
from beklijf.replies.verdict import Known
from beklijf.tick.erasure import is_time, over_since
from beklijf.tick.stages import INBOX, SCHEDULE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.inbox import Inbox
    from beklijf.contracts.settings import Config
    from beklijf.ledger import Ledger
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Outbox
    from beklijf.model.conversation import Waiting
    from beklijf.model.mailbox import Envelope, News, Received
    from beklijf.model.stored import Stored
    from beklijf.tick.set_aside import SettingAside

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
    aside: SettingAside
    goal_rules: frozenset[str] = field(default=frozenset({"goals"}))
    untaken: set[str] = field(default_factory=set)
    """What was heard and the server won't let go of; heard again after a restart, which is harmless."""

    def waiting(self, now: datetime) -> Listened:
        """Take in the messages that wait in the calendar's server; raises BackendError, and then nothing is lost."""
        result = Listened()
        objects: dict[str, list[Waiting]] = {}  # one may bring several messages
        for each in self.calendar.waiting():
            objects.setdefault(each.href, []).append(each)
        self.aside.only(SCHEDULE, objects)
        self.untaken.intersection_update(objects)
        known, left = cache(lambda: self._known(now)), self.aside.asides.names(SCHEDULE)
        handled = []
        for href in [href for href in objects if href not in left | self.untaken]:
            known()  # what goes wrong here is no message's fault
            with self.aside.alone(SCHEDULE, href, now):
                result.happenings += self._take_in(objects[href], known(), now)
                handled.append(objects[href][0])
        result.happenings += len(self.aside.asides.names(SCHEDULE) - left)  # the coordinator is told
        for each in handled:
            try:
                self.calendar.take(each)
            except Refused as error:  # this one's: the others go on
                log.warning("an answer that was heard stays in the calendar's inbox: %s", error)
                self.untaken.add(each.href)
        return result

    def _take_in(self, messages: Iterable[Waiting], known: Known, now: datetime) -> int:
        found = 0
        for each in messages:
            happenings = judge.message(each.message, known).happenings
            for happening in happenings:
                self._recorder.record(happening, now)
            found += len(happenings)
        return found

    def proposed(self, changed: Iterable[Stored], now: datetime) -> int:
        """Note the proposals that the organizer's copies hold, once each; return how many are new."""
        found = 0
        for stored in changed:
            row = self.ledger.row(stored.event.uid)
            if row is None or (not stored.proposals and row.proposals == "[]"):
                continue
            proposed = from_calendar.proposed(row, stored)
            with self.ledger.write():
                for each in proposed:
                    self._recorder.record(each, now, source="calendar")
                self.ledger.put(from_calendar.with_proposals(row, stored.proposals))
            found += len(proposed)
        return found

    def mails(self, now: datetime) -> Listened:
        """Take in the mails that came since the last time, and those that could not be read then; raises likewise."""
        result, inbox = Listened(), self.inbox
        if inbox is None:
            return result
        self._file(inbox)  # what a power cut left
        mark = self.ledger.get("inbox") or ""
        since = max(now - BEGIN, datetime.fromisoformat(self.ledger.get("hears") or stamp(now - BEGIN)))
        persons, before = cache(lambda: self.config.addresses), self.aside.asides.names(INBOX)

        def wanted(envelope: Envelope) -> bool:
            return judge.wanted(envelope, persons=persons())

        self._take(inbox.news(mark, wanted, since=since), now, result, mark=mark)
        if again := [each.name for each in self.aside.asides.all(INBOX) if each.last < now and not each.is_set_aside][:AT_ONCE]:
            news = inbox.again(again, wanted, since=since)
            if not news.more:  # else there was no room for some of them
                for gone in {*again} - {mail.id for mail in news.mails} - {failed.id for failed in news.failed}:
                    self.aside.settled(INBOX, gone)
            self._take(news, now, result)
        result.happenings += len(self.aside.asides.names(INBOX) - before)  # the coordinator is told
        self._file(inbox)
        self._forget(inbox, now)
        return result

    def _take(self, news: News, now: datetime, result: Listened, *, mark: str | None = None) -> None:
        """Note what mails mean, each by itself, and in the same transaction the *mark*: where the next reading goes on."""
        known, held = cache(lambda: self._known(now)), Lookup(self._actual)
        with self.ledger.write():
            for mail in news.mails:
                known()  # what goes wrong here is no mail's fault
                with self.aside.alone(INBOX, mail.id, now, arrived=mail.at):
                    self._take_mail(mail, known(), held, now, result)
            for failed in news.failed:
                self.aside.failed(INBOX, failed.id, self.aside.met(INBOX, failed.error), now, arrived=failed.at)
            if mark is not None and news.mark != mark:
                self.ledger.set("inbox", news.mark)
        result.mails += len(news.mails)
        result.more |= news.more

    def _take_mail(self, mail: Received, known: Known, held: judge.Actual, now: datetime, result: Listened) -> None:
        read = reader.read(mail.content, cut=mail.cut, known=known.events, receiver=self._receiver)
        answers = self.outbox.recipients([each for each in read.in_reply_to if is_secret(each)])
        verdict = judge.judge(read, known, held=held, answers=answers)
        for happening in verdict.happenings:
            self._recorder.record(happening, now)
        if verdict.forward:
            self._recorder.forward(mail, read.sender, now)
        if verdict.filed:
            self.ledger.set("to_file", json.dumps([*json.loads(self.ledger.get("to_file") or "[]"), mail.id]))
        log.info("a mail: %s", verdict.why or "not for us")
        result.happenings += len(verdict.happenings) + verdict.forward

    @property
    def _recorder(self) -> Recorder:
        return Recorder(config=self.config, ledger=self.ledger, outbox=self.outbox, conversation=self.conversation)

    def _file(self, inbox: Inbox) -> None:
        if waiting := json.loads(self.ledger.get("to_file") or "[]"):
            try:
                inbox.file(waiting)
            except Refused:  # one of them, perhaps: the others go on
                for each in waiting:
                    self._file_one(inbox, each)
            with self.ledger.write():
                self.ledger.set("to_file", "[]")

    def _file_one(self, inbox: Inbox, mail: str) -> None:
        try:
            inbox.file([mail])
        except Refused as error:
            log.warning("a mail that was heard stays where it is: %s", error)

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
        return Receiver(authserv_id, exchange=self.config.inbox.kind.is_exchange or authserv_id == EXCHANGE_ONLINE)

    def _known(self, now: datetime) -> Known:
        config = self.config
        ours = {config.calendar.organizer.email.casefold(), config.mail.sender.email.casefold()}
        ours |= {config.inbox.address.casefold()} if config.inbox else set()
        staff = {config.organisation.coordinator.email.casefold(), config.organisation.administrator.email.casefold()}
        theirs = {address.rpartition("@")[2] for address in ours | staff}  # no person's: a person may be anywhere
        return Known(
            events=Lookup(self.conversation.invited_as),
            persons=config.addresses,
            domains=config.organisation.domains or frozenset(domain for domain in theirs if not is_free_mail(domain)),
            ours=frozenset(ours),
            staff=frozenset(staff),
            tokens=Lookup(self.conversation.token),
            sent=Lookup(lambda mail: self.outbox.sent_to(mail, now - BOUNCING)),
            goal_letters=Lookup(self._goal_token),
        )

    def _goal_token(self, message_id: str) -> str | None:
        """Return what a plain reply to a goals letter means, by the letter's Message-ID."""
        letters = self.outbox.letters_by_id(message_id, self.goal_rules)
        return next((token for key, who in letters if (token := self.conversation.goal_token(key, who))), None)

    def _actual(self, meeting: tuple[str, datetime | None]) -> tuple[datetime, int] | None:
        """Return when a meeting is held now, and for how long: proposing that very time is nothing new."""
        uid, recurrence_id = meeting
        row = self.ledger.row(uid)
        if row is None:
            return None
        event = canonical.load(row.seen)
        if recurrence_id is None:
            return event.start.astimezone(UTC), event.minutes
        if (
            not event.recurrence
            or recurrence_id not in canonical.occurrences(event)
            or (at := canonical.actual_start(event, recurrence_id)) is None
        ):
            return None
        return at, next(
            (override.minutes for override in event.overrides if override.start and override.at == recurrence_id), event.minutes
        )

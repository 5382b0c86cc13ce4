"""One tick: take a snapshot, decide, record what was learned, carry out. What it decides is decided elsewhere.

    take: the calendar ─► what people said ─► the ledger ─► decide (pure) ─► record ─► letters ─► events ─► their mails

Letters go before events: nobody gets an invitation from a machine unexplained. What people said comes before everything
that it may change. Reading the calendar, listening, writing and sending are stages, each of which fails alone (``stages``).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from beklijf.decide.decider import Decider
from beklijf.decide.plan import Action, Create, Plan, Respond, Send
from beklijf.ledger import stamp
from beklijf.ledger.conversation import Conversation
from beklijf.ledger.instants import set_right, set_waits_right
from beklijf.ledger.outbox import Outbox
from beklijf.model.errors import BackendError, BeklijfError, Conflict, Exists, Missing, Refused, Transient
from beklijf.tick.apply import Applier
from beklijf.tick.outages import Outages
from beklijf.tick.outcome import Outcome, Pace
from beklijf.tick.reader import Reader
from beklijf.tick.record import DONE, record
from beklijf.tick.set_aside import SettingAside
from beklijf.tick.stages import CALENDAR, INBOX, MAIL, NOT_A_STAGES, SCHEDULE, WRITING, Stages
from beklijf.tick.take import Taker
from beklijf.tick.writes import Writes, is_write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.contracts.calendar import Calendar
    from beklijf.contracts.inbox import Inbox
    from beklijf.contracts.mailer import Mailer
    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Change
    from beklijf.decide.snapshot import Snapshot
    from beklijf.ledger import Decision, Ledger
    from beklijf.letters import Letters
    from beklijf.model.conversation import Busy
    from beklijf.model.domain import Person
    from beklijf.model.stored import Changes
    from beklijf.tick.collect import Listened, Listener
    from beklijf.tick.delivery import Delivery

log = logging.getLogger("beklijf")

SOON = timedelta(seconds=30)
"""When something happened under our hands: look again soon."""


class Engine:
    """One installation at work: config, ledger, calendar and mailer, from one tick to the next."""

    def __init__(
        self,
        config: Config,
        *,
        ledger: Ledger,
        calendar: Calendar,
        mailer: Mailer,
        letters: Letters,
        inbox: Inbox | None = None,
        enforced: bool = True,
        ladder: bool = True,
        decider: Decider | None = None,
    ) -> None:
        """Put it together; a *decider* that worked by another config knows what is still so."""
        self.config = config
        self.ledger = ledger
        self.calendar = calendar
        self.mailer = mailer
        self.letters = letters
        self.inbox = inbox
        self.outbox = Outbox(ledger)
        self.conversation = Conversation(ledger)
        self.outages = Outages(config=config, ledger=ledger, outbox=self.outbox)
        self.taker = Taker(
            config=config,
            ledger=ledger,
            outbox=self.outbox,
            conversation=self.conversation,
            texts=letters,
            enforced=enforced,
            ladder=ladder,
            decider=decider or Decider(),
        )
        self.applier = Applier(
            calendar=calendar,
            ledger=ledger,
            outbox=self.outbox,
            conversation=self.conversation,
            invitations=config.calendar.invitations,
            persons={person.key: person.email for person in config.persons},
            emails=config.emails,
            hours={m.key: m.meets for t in config.trainings for m in t.mentorships},
        )
        self.stages = Stages(
            outages=self.outages,
            targets={
                CALENDAR: f"calendar {calendar.target}",
                SCHEDULE: f"the inbox of calendar {calendar.target}",
                INBOX: "the inbox",
                WRITING: f"writing into calendar {calendar.target}",
                MAIL: f"mail {mailer.target}",
            },
            close={
                CALENDAR: calendar.close,
                SCHEDULE: calendar.close,
                INBOX: inbox.close if inbox else calendar.close,
                WRITING: calendar.close,
                MAIL: mailer.close,
            },
            accounts={
                **dict.fromkeys((CALENDAR, SCHEDULE, WRITING), config.calendar.maker.account),
                INBOX: config.inbox and config.inbox.maker.account,
                MAIL: config.mail.maker.account,
            },
        )
        self.aside = SettingAside(config=config, ledger=ledger, outbox=self.outbox, defects=self.stages.defects)
        self.reader = Reader(config, ledger=ledger, calendar=calendar, outages=self.outages, aside=self.aside)
        self._settled: tuple[int, datetime | None] | None = None
        self._set_right = False
        self._doubted: dict[str, bool] = {}
        """What the calendar said nothing about when it was to be written."""

    @cached_property
    def listener(self) -> Listener:
        from beklijf.tick.collect import Listener  # noqa: PLC0415  # who only plans reads no mail: docs/decisions/0010-start.md

        return Listener(
            config=self.config,
            ledger=self.ledger,
            outbox=self.outbox,
            conversation=self.conversation,
            calendar=self.calendar,
            inbox=self.inbox,
            aside=self.aside,
        )

    @cached_property
    def delivery(self) -> Delivery:
        from beklijf.tick.delivery import Delivery  # noqa: PLC0415  # nor sends any

        return Delivery(
            config=self.config,
            ledger=self.ledger,
            outbox=self.outbox,
            conversation=self.conversation,
            mailer=self.mailer,
            letters=self.letters,
            aside=self.aside,
        )

    def plan(self, now: datetime, *, approve: Iterable[str] = (), decided: Iterable[Decision] = (), supposed: bool = False) -> Plan:
        """Return what a tick would do now; writes nowhere, and leaves the mailbox to the tick. Raises BackendError, as reading does."""
        try:
            changes = self.reader.everything()
        except (*NOT_A_STAGES, BeklijfError):
            raise
        except Exception as error:
            raise self.stages.defect(CALENDAR, error) from error
        return self.taker.plan(now, changes, approved=approve, patient=False, decided=decided, supposed=supposed, look=self._look)

    def tick(
        self,
        now: datetime,
        *,
        approve: Iterable[str] = (),
        patient: bool = True,
        stop: Callable[[], bool] = lambda: False,
        done: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Do what is due; *stop* is asked between two changes, *done* is called after each.

        Raises ConfigError and StateError before anything is done. Servers that fail are in the outcome.
        """
        outcome, pace = Outcome(), Pace(patient=patient, stop=stop, done=done)
        snapshot = self._take(now, frozenset(approve), outcome, pace)
        if snapshot is not None:
            plan = self._decide(snapshot, outcome)
            record(
                snapshot,
                plan,
                ledger=self.ledger,
                outbox=self.outbox,
                conversation=self.conversation,
                may_schedule=bool(self.calendar.may_schedule),
            )
            self._carry_out(plan, outcome, pace)
            self._conclude(snapshot, plan, outcome, stopped=stop())
        return outcome

    # -- taking and deciding -------------------------------------------------------------------------------------------

    def _take(self, now: datetime, approve: frozenset[str], outcome: Outcome, pace: Pace) -> Snapshot | None:
        """Return everything as it is now; None where nothing is new, or reading was cut short."""
        self.stages.begin()
        clock = self._look_at_the_clock(now)
        self._take_up_retries(now)
        changes = self._read(now, outcome, pace)
        heard = not clock and self._listen(now, changes, outcome, pace)
        if pace.stop():
            return None  # reading was cut short: what comes of that is nothing to plan by
        if self._nothing_new(changes, now) and not heard and not approve:
            self.stages.begun = True
            later = [outcome.next, self._settled[1] if self._settled else None]
            outcome.next = min((at for at in later if at is not None), default=None)
            return None
        look = None if outcome.calendar else self._look
        return self.taker.take(now, changes, approved=approve, patient=pace.patient, look=look)

    def _decide(self, snapshot: Snapshot, outcome: Outcome) -> Plan:
        plan = outcome.plan = self.taker.decide(snapshot)
        outcome.problems += plan.problems
        if plan.held or self.taker.distrust(snapshot.now):
            self.reader.again()  # now: whatever breaks off this tick, the next one sees it again
        return plan

    def _look_at_the_clock(self, now: datetime) -> str:
        """Return why the clock can't be trusted; once it can, what one that was ahead wrote down is set right."""
        clock = self.taker.distrust(now)
        mended = set_waits_right(self.ledger, now)
        if not clock and not self._set_right:
            mended = set_right(self.ledger, now) or mended
        self._set_right = not clock
        if mended:
            self._settled = None
        return clock

    # -- reading -------------------------------------------------------------------------------------------------------

    def _take_up_retries(self, now: datetime) -> None:
        """Let what people want to be tried again be so (``beklijf retry``), before anything is read."""
        if self.aside.take_up(self.ledger.decisions(), now):
            self.reader.forget()
            self._settled = None

    def _read(self, now: datetime, outcome: Outcome, pace: Pace) -> Changes | None:
        """Return what happened in the calendar; None when it can't be read, which the outcome tells."""
        if pace.patient and (resting := self.reader.resting(now)):
            outcome.calendar = resting
            return None
        with self.stages.alone(CALENDAR, now, stop=pace.stop, fails=outcome.fails):
            changes = self.reader.read(now, hears=self.taker.hears)
            self.stages.works(CALENDAR)
            return changes
        self.reader.forget()
        return None

    def _listen(self, now: datetime, changes: Changes | None, outcome: Outcome, pace: Pace) -> bool:
        """Hear what people answered; True when there was anything, or is more to come, or can't be known."""
        if not self.taker.hears or self.reader.whereabouts.problem():
            return False
        heard = bool(self.listener.proposed(changes.changed if changes else (), now))  # told once, whatever the mailbox does
        if not outcome.calendar:
            heard |= self._hear(SCHEDULE, self.listener.waiting, now, outcome, pace)
        heard |= self._hear(INBOX, self.listener.mails, now, outcome, pace)
        return heard

    def _hear(self, stage: str, listen: Callable[[datetime], Listened], now: datetime, outcome: Outcome, pace: Pace) -> bool:
        if pace.stop() or self.stages.rests(stage, now, patient=pace.patient):
            return False
        with self.stages.alone(stage, now, stop=pace.stop, fails=outcome.fails):
            listened = listen(now)
            self.stages.works(stage)
            if listened.more:
                outcome.next = now + SOON
            return bool(listened.happenings) or listened.more
        return True  # what was heard before it failed is noted

    def _look(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        """Ask when people can't; who can't be asked is taken to be free, since a meeting at a bad hour beats none."""
        try:
            return self.calendar.busy(people, start, end)
        except NOT_A_STAGES:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, a meeting at a bad hour beats none
            said = self.aside.met(CALENDAR, error)
            log.warning("free/busy can't be read, so times are chosen without: %s", said)
            return {}

    def _nothing_new(self, changes: Changes | None, now: datetime) -> bool:
        if self._settled is None or changes is None or changes.full or changes.changed or changes.gone:
            return False
        revision, until = self._settled
        return revision == self.ledger.foreign_revision() and (until is None or now < until)

    # -- doing ---------------------------------------------------------------------------------------------------------

    def _carry_out(self, plan: Plan, outcome: Outcome, pace: Pace) -> None:
        """Queue letters and send them, then write events, then send what tells of those."""
        letters = [c for c in plan.changes if isinstance(c.work, Send)]
        rest = [c for c in plan.changes if not isinstance(c.work, Send)]
        self._apply(letters, plan, outcome, pace)
        self._deliver(plan, outcome, pace)
        self._apply(sorted(rest, key=_order), plan, outcome, pace)
        if not outcome.delivered.down:
            self._deliver(plan, outcome, pace)

    def _apply(self, changes: list[Change], plan: Plan, outcome: Outcome, pace: Pace) -> None:
        """Do changes, one by one; what is to be written waits where the calendar takes nothing now."""
        now = plan.now
        waiting = self.outbox.on_their_way() if any(isinstance(c.work, Create) for c in changes) else frozenset()
        unwelcomed = {
            track.mentorship.key
            for track in (plan.programme.tracks.values() if waiting else ())
            if any(wish.rule.on_joining and wish.ref in waiting for wish in track.wishes)
        }
        closed = outcome.calendar or self.stages.rests(WRITING, now, patient=pace.patient)
        writes = Writes(doubted=self._doubted, known=self.outages.now().keys())
        with self.stages.alone(WRITING, now, stop=pace.stop, fails=outcome.fails):
            for change in writes.in_order(changes):
                if pace.stop():
                    return
                if closed and not isinstance(change.work, Send | Respond):
                    continue
                if isinstance(change.work, Create) and unwelcomed & set(change.mentorships):
                    continue  # the welcome letter could not be sent; the invitation waits for it, until that is tried again
                if self._do(change, writes, now, outcome):
                    pace.done()
            if not closed:
                self._judge(writes, plan, outcome)
            return
        self.reader.forget()

    def _do(self, change: Change, writes: Writes, now: datetime, outcome: Outcome) -> bool:
        """Do one change; where it could not be done, which stops no other, return False. Raises what concerns all of them."""
        try:
            self.reader.written |= self.applier.apply(change, now)
        except (Conflict, Exists, Missing):
            # somebody was faster, or our own write of before a crash is there: the next reading tells
            self.reader.forget()
            outcome.next = now + SOON
            return False
        except Refused as error:
            self._refuses(change, error, writes, now, outcome)
            return False
        except Transient as error:
            if not error.failing:
                if error.retry_after or not writes.is_its_own(change):
                    raise
                self.stages.works(WRITING)
            self._refuses(change, error, writes, now, outcome)
            return False
        except (*NOT_A_STAGES, BeklijfError):
            raise
        except Exception as error:  # noqa: BLE001  # this event's, whatever it is
            defect = self.stages.defect(WRITING, error)
            self.aside.failed(WRITING, change.ref, defect, now)
            self._refuses(change, defect, writes, now, outcome)
            return False
        writes.works(change)
        outcome.done.append(change)
        if isinstance(change.work, Respond) and not self.config.answers.names:
            log.info("queued a letter for %s", ", ".join(change.to))  # which one, and why, says what somebody answered
        else:
            log.info("%s %s for %s: %s", DONE[change.action], change.ref, ", ".join(change.to), change.why)
        self.outages.end(change.ref)
        self.aside.settled(WRITING, change.ref)
        return True

    def _judge(self, writes: Writes, plan: Plan, outcome: Outcome) -> None:
        """Say whether writing works, by what became of all that was to be written."""
        outage = self.outages.now().get(WRITING)
        if error := writes.verdict(self.stages.targets[WRITING], pairs=len(plan.programme.tracks), ailing=outage is not None):
            self.stages.ails(WRITING, error, plan.now, outcome.fails)
        elif writes.done:
            self.stages.works(WRITING)
            if outage and self.outages.soon(writes.known, outage.since, plan.now):
                outcome.next = plan.now + SOON
        elif outage and not (writes.known & _refs(plan) or any(is_write(change) for change in plan.changes)):
            self.stages.works(WRITING)  # nothing is to be written any more

    def _deliver(self, plan: Plan, outcome: Outcome, pace: Pace) -> None:
        now = plan.now
        if resting := self.stages.rests(MAIL, now, patient=pace.patient):
            outcome.delivered.down = Transient(resting)
            return
        with self.stages.alone(MAIL, now, stop=pace.stop, fails=outcome.fails):
            result = self.delivery.deliver(plan.programme, plan.times, now, stop=pace.stop, done=pace.done)
            for mail in result.sent:
                private = mail.is_answer and not self.config.answers.names
                log.info("sent %s", f"a letter to {mail.recipient}" if private else mail.name)
            for mail, error in result.failed:
                log.error("%s was refused: %s", mail.name, error)
                outcome.errors.append(error)
                outcome.problems += error.problems
            for mail, why in result.put_off:
                log.warning("a mail to %s waits for another try: %s", mail.recipient, why)
                outcome.errors.append(why)
                outcome.problems += [replace(problem, where=problem.where or mail.recipient, warning=True) for problem in why.problems]
            for mail, problem in result.perhaps:
                log.error("%s was perhaps sent: %s", mail.name, problem.what)
                outcome.problems.append(problem)
            outcome.problems += result.problems
            outcome.delivered.sent += result.sent
            outcome.delivered.failed += result.failed
            outcome.delivered.perhaps += result.perhaps
            outcome.delivered.put_off += result.put_off
            outcome.delivered.problems += result.problems
            if result.down:
                raise result.down
            if result.sent:
                self.stages.works(MAIL)

    def _refuses(self, change: Change, error: BackendError, writes: Writes, now: datetime, outcome: Outcome) -> None:
        log.error("the calendar refuses %s: %s", change.ref, error)
        outcome.errors.append(error)
        outcome.problems += [replace(problem, where=change.ref) for problem in error.problems]
        self.outages.begin(change.ref, error, now)
        writes.fails(change, error)

    # -- concluding ----------------------------------------------------------------------------------------------------

    def _forget_unwanted(self, plan: Plan) -> None:
        """Let go of what was set aside of events that nothing asks for any more."""
        if self.aside.asides.all(WRITING):
            self.aside.only(WRITING, _refs(plan))

    def _conclude(self, snapshot: Snapshot, plan: Plan, outcome: Outcome, *, stopped: bool) -> None:
        now, changes = snapshot.now, snapshot.changes
        self._forget_unwanted(plan)
        with self.ledger.write():
            if not any(h.clock for h in plan.held):
                self.ledger.set("last_tick", stamp(now))
        if changes is not None:
            self.reader.whereabouts.settle()
        later = [plan.next, outcome.next, self.outbox.next_retry(), *(t.retry_at for t in self.outages.now().values())]
        outcome.next = min((at for at in later if at is not None and at > now), default=None)
        did = outcome.done or outcome.delivered.sent or outcome.delivered.problems or outcome.errors
        busy = did or plan.adopted or plan.records or plan.heard
        clean = not (busy or stopped or plan.clock or changes is None)
        self._settled = (self.ledger.foreign_revision(), outcome.next) if clean else None
        self.stages.begun = True


def _refs(plan: Plan) -> set[str]:
    """Return all that may have to be written."""
    items = {item.ref for track in plan.programme.tracks.values() for item in track.items}
    return items | {row.ref for row in plan.rows.values()}


def _order(change: Change) -> tuple[int, str]:
    """Withdraw and change before creating: an hour is free before somebody else gets it."""
    return ((Action.WITHDRAW, Action.UPDATE, Action.SEND, Action.CREATE).index(change.action), change.ref)

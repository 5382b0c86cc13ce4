"""One tick: survey, apply, deliver. What it decides is decided elsewhere; this is the order in which it happens.

    read the calendar ─► listen ─► survey (programme, letters, draft, guard) ─► note ─► letters ─► events ─► their mails

Letters go before events: nobody gets an invitation from a machine unexplained. What people said comes before everything
that it may change.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from beklijf.errors import BackendError, Conflict, Down, Exists, Missing, Problem, Refused, Transient
from beklijf.ledger import stamp
from beklijf.ledger.conversation import Conversation
from beklijf.ledger.instants import set_right, set_waits_right
from beklijf.ledger.outbox import Outbox
from beklijf.reconcile.apply import Applier
from beklijf.reconcile.delivery import Delivered, Delivery
from beklijf.reconcile.listening import Listener
from beklijf.reconcile.noting import DONE, note
from beklijf.reconcile.plan import Action, Create, Plan, Respond, Send
from beklijf.reconcile.reader import Reader
from beklijf.reconcile.survey import SOON, Survey, Surveyor
from beklijf.reconcile.troubles import Troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from beklijf.calendars import Calendar, Changes
    from beklijf.conversation import Busy
    from beklijf.domain import Person
    from beklijf.inbox import Inbox
    from beklijf.ledger import Decision, Ledger
    from beklijf.letters import Letters
    from beklijf.mailers import Mailer
    from beklijf.reconcile.plan import Change
    from beklijf.settings import Config

log = logging.getLogger("beklijf")


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a tick did, and what it left."""

    plan: Plan | None = None
    """None: nothing had changed since the last tick, so nothing was planned."""
    done: list[Change] = field(default_factory=list)
    delivered: Delivered = field(default_factory=Delivered)
    problems: list[Problem] = field(default_factory=list)
    """Everything that needs a person or another try."""
    errors: list[BackendError] = field(default_factory=list)
    calendar: BackendError | None = None
    """Why the calendar could not be used at all."""
    next: datetime | None = None
    """When there is something to do again, if nothing changes before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a tick is watched: *stop* is asked between two changes, *done* is called after each; patient: servers may rest."""

    patient: bool
    stop: Callable[[], bool] = lambda: False
    done: Callable[[], None] = lambda: None


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
    ) -> None:
        self.config = config
        self.ledger = ledger
        self.calendar = calendar
        self.mailer = mailer
        self.outbox = Outbox(ledger)
        self.conversation = Conversation(ledger)
        self.troubles = Troubles(config=config, ledger=ledger, outbox=self.outbox)
        self.surveyor = Surveyor(
            config=config,
            ledger=ledger,
            outbox=self.outbox,
            conversation=self.conversation,
            texts=letters,
            enforced=enforced,
            ladder=ladder,
        )
        self.applier = Applier(
            calendar=calendar,
            ledger=ledger,
            outbox=self.outbox,
            conversation=self.conversation,
            invitations=config.calendar.invitations,
            persons={person.key: person.email for person in config.persons},
            emails=self.surveyor.emails(),
            hours={m.key: m.meets for t in config.trainings for m in t.mentorships},
        )
        self.listener = Listener(
            config=config, ledger=ledger, outbox=self.outbox, conversation=self.conversation, calendar=calendar, inbox=inbox
        )
        self.delivery = Delivery(
            config=config, ledger=ledger, outbox=self.outbox, conversation=self.conversation, mailer=mailer, letters=letters
        )
        self.reader = Reader(config, ledger=ledger, calendar=calendar, troubles=self.troubles)
        self._settled: tuple[int, datetime | None] | None = None
        self._set_right = False

    def plan(self, now: datetime, *, approve: Iterable[str] = (), decided: Iterable[Decision] = (), supposed: bool = False) -> Survey:
        """Return what a tick would do now; writes nowhere, and leaves the mailbox to the tick."""
        changes = self.reader.everything()
        return self.surveyor.survey(now, changes, approved=approve, patient=False, decided=decided, supposed=supposed, look=self._look)

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
        outcome = Outcome()
        clock = self._look_at_the_clock(now)
        changes = self._read(now, outcome, patient=patient)
        heard = not clock and self._listen(now, changes, outcome, patient=patient)
        if self._nothing_new(changes, now) and not heard and not approve:
            later = [outcome.next, self._settled[1] if self._settled else None]
            outcome.next = min((at for at in later if at is not None), default=None)
            return outcome
        survey = self.surveyor.survey(now, changes, approved=approve, patient=patient, look=None if outcome.calendar else self._look)
        outcome.plan = survey.plan
        outcome.problems += survey.plan.problems
        if survey.plan.held or clock:
            self.reader.again()  # now: whatever breaks off this tick, the next one sees it again
        note(
            self.ledger,
            self.outbox,
            self.conversation,
            self.config,
            survey,
            changes,
            self.applier.sender,
            may_schedule=bool(self.calendar.may_schedule),
        )
        letters = [c for c in survey.plan.changes if isinstance(c.work, Send)]
        rest = [c for c in survey.plan.changes if not isinstance(c.work, Send)]
        pace = Pace(patient=patient, stop=stop, done=done)
        self._apply(letters, survey, outcome, pace)
        self._deliver(survey, outcome, pace)
        self._apply(sorted(rest, key=_order), survey, outcome, pace)
        if not outcome.delivered.down:
            self._deliver(survey, outcome, pace)
        self._conclude(survey, changes, now, outcome, stopped=stop())
        return outcome

    def _look_at_the_clock(self, now: datetime) -> str:
        """Return why the clock can't be trusted; once it can, what one that was ahead wrote down is set right."""
        clock = self.surveyor.distrust(now)
        mended = set_waits_right(self.ledger, now)
        if not clock and not self._set_right:
            mended = set_right(self.ledger, now) or mended
        self._set_right = not clock
        if mended:
            self._settled = None
        return clock

    # -- reading -------------------------------------------------------------------------------------------------------

    def _read(self, now: datetime, outcome: Outcome, *, patient: bool) -> Changes | None:
        """Return what happened in the calendar; None when it can't be read, which the outcome tells."""
        try:
            if patient and (resting := self.reader.resting(now)):
                outcome.calendar = resting
                return None
            return self.reader.read(now, hears=self.surveyor.hears)
        except BackendError as error:
            self._calendar_fails(error, now, outcome)
            return None

    def _listen(self, now: datetime, changes: Changes | None, outcome: Outcome, *, patient: bool) -> bool:
        """Hear what people answered; True when there was anything, or is more to come. A mailbox that is down stops nothing else."""
        if not self.surveyor.hears or outcome.calendar:
            return False
        proposed = self.listener.proposed(changes.changed if changes else (), now)  # told once, whatever the mailbox does
        trouble = self.troubles.now().get("inbox")
        if patient and trouble and trouble.retry_at > now:
            return bool(proposed)
        try:
            listened = self.listener.listen(now)
        except BackendError as error:
            if not trouble:
                log.error("the inbox is down: %s", error)  # noqa: TRY400  # one line: the server's words, and no traceback
            outcome.errors.append(error)
            outcome.problems += error.problems
            self.troubles.begin("inbox", error, now)
            return True  # what was heard before it failed is noted
        if trouble:
            log.warning("the inbox is back")
            self.troubles.end("inbox")
        if listened.more:
            outcome.next = now + SOON
        return bool(proposed or listened.happenings) or listened.more

    def _look(self, people: Sequence[Person], start: datetime, end: datetime) -> Mapping[str, tuple[Busy, ...]]:
        """Ask when people can't; who can't be asked is taken to be free, since a meeting at a bad hour beats none."""
        try:
            return self.calendar.busy(people, start, end)
        except BackendError as error:
            log.warning("free/busy can't be read, so times are chosen without: %s", error)
            return {}

    def _nothing_new(self, changes: Changes | None, now: datetime) -> bool:
        if self._settled is None or changes is None or changes.full or changes.changed or changes.gone:
            return False
        revision, until = self._settled
        return revision == self.ledger.foreign_revision() and (until is None or now < until)

    # -- doing ---------------------------------------------------------------------------------------------------------

    def _apply(self, changes: list[Change], survey: Survey, outcome: Outcome, pace: Pace) -> None:
        now = survey.now
        waiting = self.outbox.on_their_way() if any(isinstance(c.work, Create) for c in changes) else frozenset()
        unwelcomed = {
            track.mentorship.key
            for track in survey.programme.tracks.values()
            if any(wish.rule.on_joining and wish.ref in waiting for wish in track.wishes)
        }
        for change in changes:
            if pace.stop() or (outcome.calendar and not isinstance(change.work, Send | Respond)):
                return
            if isinstance(change.work, Create) and unwelcomed & set(change.mentorships):
                outcome.next = now + SOON  # the welcome letter could not be sent; the invitation waits for it
                continue
            try:
                self.reader.written |= self.applier.apply(change, now)
            except (Conflict, Exists, Missing):
                # somebody was faster, or our own write of before a crash is there: the next reading tells
                self.reader.forget()
                outcome.next = now + SOON
                continue
            except Refused as error:
                self._refuses(change, error, now, outcome)
                continue
            except (Transient, Down) as error:
                self._calendar_fails(error, now, outcome)
                return
            outcome.done.append(change)
            if isinstance(change.work, Respond) and not self.config.answers.names:
                log.info("queued a letter for %s", ", ".join(change.to))  # which one, and why, says what somebody answered
            else:
                log.info("%s %s for %s: %s", DONE[change.action], change.ref, ", ".join(change.to), change.why)
            self.troubles.end(change.ref)
            pace.done()

    def _deliver(self, survey: Survey, outcome: Outcome, pace: Pace) -> None:
        now = survey.now
        trouble = self.troubles.now().get("mail")
        if pace.patient and trouble and trouble.retry_at > now:
            outcome.delivered.down = Transient(trouble.what)
            return
        result = self.delivery.deliver(survey.programme, survey.times, now, stop=pace.stop, done=pace.done)
        for mail in result.sent:
            private = mail.name.startswith("answer ") and not self.config.answers.names
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
        if result.down:
            outcome.errors.append(result.down)
            outcome.problems += result.down.problems
            if not trouble:
                log.error("mail %s is down: %s", self.mailer.target, result.down)
            self.troubles.begin("mail", result.down, now)
        elif trouble and result.sent:
            log.warning("mail %s is back", self.mailer.target)
            self.troubles.end("mail")
        outcome.delivered.sent += result.sent
        outcome.delivered.failed += result.failed
        outcome.delivered.perhaps += result.perhaps
        outcome.delivered.put_off += result.put_off
        outcome.delivered.problems += result.problems
        outcome.delivered.down = result.down

    def _refuses(self, change: Change, error: Refused, now: datetime, outcome: Outcome) -> None:
        log.error("the calendar refuses %s: %s", change.ref, error)
        outcome.errors.append(error)
        outcome.problems += [replace(problem, where=change.ref) for problem in error.problems]
        self.troubles.begin(change.ref, error, now)

    def _calendar_fails(self, error: BackendError, now: datetime, outcome: Outcome) -> None:
        self.reader.fails(error, now)
        outcome.calendar = error
        outcome.errors.append(error)
        outcome.problems += error.problems

    # -- concluding ----------------------------------------------------------------------------------------------------

    def _conclude(self, survey: Survey, changes: Changes | None, now: datetime, outcome: Outcome, *, stopped: bool) -> None:
        plan = survey.plan
        with self.ledger.write():
            if not any(h.clock for h in plan.held):
                self.ledger.set("last_tick", stamp(now))
        if changes is not None:
            self.reader.whereabouts.settle()
        later = [plan.next, outcome.next, self.outbox.next_retry(), *(t.retry_at for t in self.troubles.now().values())]
        outcome.next = min((at for at in later if at is not None and at > now), default=None)
        busy = outcome.done or outcome.delivered.sent or outcome.errors or plan.adopted or plan.records or survey.heard
        clean = not (busy or stopped or plan.clock or changes is None)
        self._settled = (self.ledger.foreign_revision(), outcome.next) if clean else None


def _order(change: Change) -> tuple[int, str]:
    """Withdraw and change before creating: an hour is free before somebody else gets it."""
    return ((Action.WITHDRAW, Action.UPDATE, Action.SEND, Action.CREATE).index(change.action), change.ref)

"""The long-running service: the heartbeat, what signals ask, and what the journal and systemd hear of it.

What a tick does is decided elsewhere; this module decides when there is one, and what its failure means:

    the tick                                    the service
    ------------------------------------------  --------------------------------------------------------------------
    ends, with or without stages that fail      goes on; the engine logs who is down and who is back, once each
    Busy: somebody runs ``apply`` by hand       skips it
    ConfigError: a secret, or planning          the first one: ends. Later: goes on; each problem is one line, once
    StateError                                  ends: a service that can't remember must not write or send
    any other exception: a defect, and none     logs it once and then counts, waits longer each time, and leaves the watchdog
    of a stage's                                unfed, so that systemd starts it afresh when it lasts

``schedule`` is the heartbeat only. It counts in naive local time (set back by an hour, it would sleep an hour longer), drops
missed runs and calls a job that raised again at once; so waiting is capped here, due times come from the tick (and the
ledger), and the job raises nothing that it survives.
"""

from __future__ import annotations

import faulthandler
import logging
import sys
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

from schedule import Scheduler

from beklijf import config as configuration
from beklijf.boundary import deadline, foreign
from beklijf.commands import overview, rights
from beklijf.decide.decider import Decider
from beklijf.ledger.locks import locked
from beklijf.model.errors import BackendError, BeklijfError, Busy, ConfigError, Problem, StateError
from beklijf.service import clock, journal
from beklijf.service import demo as demos
from beklijf.service.notify import Notifier
from beklijf.service.signals import Signals
from beklijf.tick.stages import STAGES
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Plan
    from beklijf.tick.engine import Engine
    from beklijf.tick.outcome import Outcome

log = logging.getLogger("beklijf")

PATIENCE = 3.0
"""Seconds that a tick waits for a manual ``apply`` to end; whoever asks us to stop waits with it."""

LONGEST = timedelta(hours=1)
"""Of the waiting after a defect."""


def run(path: Path, *, clock: Callable[[], datetime] = clock, demo: bool = False) -> int:
    """Run until SIGTERM or Ctrl-C, and return the exit code; a *demo* starts its own clock first.

    What ends it raises, as in every command; in the journal, where lines carry priorities, it is logged instead.
    """
    with journal.log_to(sys.stderr):
        if not journal.in_journal(sys.stderr):
            _run(path, clock, demo=demo)
            return 0
        faulthandler.enable()  # the watchdog ends a hanging service by SIGABRT: this says where it hung
        try:
            _run(path, clock, demo=demo)
        except BeklijfError as error:
            _log(error.problems)
            return error.exit_code
        return 0


def _run(path: Path, clock: Callable[[], datetime], *, demo: bool) -> None:
    with Signals() as signals:
        config = configuration.load(path)
        with locked(config.service.state, "service"), ExitStack() as stack:
            service = Service(clock=clock, signals=signals)
            stack.callback(service.close)
            if demo:
                demos.start_clock(config, clock())
            service.take(config)
            service.run()


class Service:
    def __init__(self, *, clock: Callable[[], datetime], signals: Signals) -> None:
        self._real_clock = clock
        self._shift = timedelta(0)
        self._signals = signals
        self._notifier = Notifier()
        self._opened = ExitStack()
        self._decider = Decider()
        self._screen_waits = not journal.in_journal(sys.stderr)
        self._ticked = False
        self._defects = 0
        self._next: datetime | None = None
        self._said: frozenset[Problem] = frozenset()
        self._held: frozenset[str] = frozenset()
        self._status = "looking at everything"

    def take(self, config: Config) -> None:
        """Work by *config* from now on, if it opens and planning accepts it; raises BeklijfError and changes nothing if not."""
        with ExitStack() as opening:
            engine = opening.enter_context(opened(config, decider=self._decider))
            shift = demos.shift(config)
            now = self._real_clock() + shift
            engine.taker.programme(now)
            self.close()
            self._opened = opening.pop_all()
        self._shift = shift
        self._config: Config = config
        self._engine: Engine = engine
        self._heartbeat = Scheduler()
        self._heartbeat.every(int(config.service.every.total_seconds())).seconds.do(self._beat)
        if config.warnings:
            log.warning("the config is worth a look: beklijf check has %d warnings", len(config.warnings))
        _log([*rights.exposed(config), *rights.unwritable(config)])
        if config.answers.read is None:
            log.warning("nobody has chosen yet whether answers may be read ([answers] read); until then they are not")

    def close(self) -> None:
        self._opened.close()

    def _clock(self) -> datetime:
        return self._real_clock() + self._shift

    def run(self) -> None:
        """Tick, and wait for what comes first: the heartbeat, something that is due, a signal."""
        log.info("beklijf starts with %s", self._config.path)
        log.setLevel(logging.WARNING if sys.stderr.isatty() else logging.INFO)
        self._notifier.ready(self._status, every=self._config.service.every, slowest=self._config.slowest)
        deadline.after_each(self._notifier.fed)
        try:
            while not self._signals.stopping:
                self._heartbeat.run_all()
                self._signals.wait(self._pause())
        finally:
            deadline.after_each(None)
        self._notifier.stopping()
        log.info("beklijf stops; started again, it goes on where it was")

    def _pause(self) -> float:
        every = self._config.service.every
        idle = self._heartbeat.idle_seconds
        return pause(
            idle=every if idle is None else timedelta(seconds=idle),
            every=every,
            due=None if self._next is None else self._next - self._clock(),
            defects=self._defects,
        ).total_seconds()

    def _beat(self) -> None:
        try:
            if self._signals.asked_to_reload():
                self._reload()
            self._tick()
        except Busy as error:
            log.info("not now: %s", error)
        except StateError:
            raise
        except ConfigError as error:
            if not self._ticked:
                raise
            self._say(error.problems)
        except Exception as error:  # noqa: BLE001  # outside of the stages: planning, or the service itself
            self._defects += 1
            self._next = None
            self._engine.stages.defects.met("between the stages of a tick; nothing is lost, and it tries again", error)
            return
        self._defects = 0
        self._notifier.fed()

    # -- one tick --------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        with locked(self._config.service.state, "tick", wait=PATIENCE):
            outcome = self._engine.tick(self._clock(), stop=lambda: self._signals.stopping, done=self._notifier.fed)
        self._ticked = True
        self._next = outcome.next
        if outcome.plan is None or self._signals.stopping:
            return
        known = {problem.what for error in outcome.errors for problem in error.problems}
        self._say(problem for problem in outcome.problems if problem.what not in known)
        self._say_held(outcome.plan)
        self._status = self._describe(outcome.plan)
        self._notifier.status(self._status)
        if self._screen_waits:
            self._show(outcome)

    def _say(self, problems: Iterable[Problem]) -> None:
        """Log what is new among the problems; one that goes and comes back is new."""
        now = tuple(problems)
        _log(problem for problem in now if problem not in self._said)
        self._said = frozenset(now)

    def _say_held(self, plan: Plan) -> None:
        new = (held for held in plan.held if held.hold not in self._held)
        for reason, name in dict.fromkeys((f"{held.change.training}: {held.reason}", held.hold) for held in new):
            log.warning("held: %s; look at it with beklijf plan, and let it go on with beklijf apply --approve %s", reason, name)
        self._held = frozenset(held.hold for held in plan.held)

    def _describe(self, plan: Plan) -> str:
        zone = self._config.organisation.zone
        return overview.status_line(
            None if self._next is None else self._next.astimezone(zone),
            now=self._clock().astimezone(zone),
            mails=[mail.state for mail in self._engine.outbox.open_mails()],
            held=len(plan.held),
            down=[stage for stage in STAGES if stage in self._engine.ledger.outages()],
            aside=len(self._engine.aside.asides.set_aside()),
        )

    def _show(self, outcome: Outcome) -> None:
        """Sum up for who started it by hand: a terminal has this instead of the first tick's lines, a file or pipe after them."""
        try:
            plan = self._engine.plan(self._clock())
        except BackendError:
            pass  # the engine has said that the calendar is down
        else:
            sys.stderr.write(foreign.lines(overview.first_screen(outcome, plan, self._config, shift=self._shift)))
            sys.stderr.flush()
        self._screen_waits = False
        log.setLevel(logging.INFO)

    # -- another config ----------------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        self._notifier.reloading()
        try:
            config = configuration.load(self._config.path)
            if config.service.state == self._config.service.state:
                self.take(config)
                log.info("works by the config as it is now")
            else:
                log.error("another state file needs a restart; until then the config from before stays in force")
        except BeklijfError as error:
            _log([*error.problems, Problem(what="the config from before stays in force", warning=True)])
        finally:
            self._notifier.ready(self._status, every=self._config.service.every, slowest=self._config.slowest)


def pause(*, idle: timedelta, every: timedelta, due: timedelta | None, defects: int) -> timedelta:
    """Return how long to wait: until the heartbeat or what is due first; after defects ever longer, whatever is due."""
    if defects:
        return min(every * (1 << min(defects - 1, 16)), max(every, LONGEST))
    shortest = min(idle, every)
    if due is not None:
        shortest = min(shortest, max(due, timedelta(seconds=1)))
    return max(shortest, timedelta(0))


def _log(problems: Iterable[Problem]) -> None:
    for problem in problems:
        log.log(logging.WARNING if problem.warning else logging.ERROR, "%s", "; ".join(filter(None, (str(problem), problem.hint))))

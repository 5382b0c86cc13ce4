"""The stages of a tick, each of which fails alone: what goes wrong in one is its own outage, and the others go on.

    raised in a stage                        becomes
    ---------------------------------------  -------------------------------------------------------------------------
    Transient, Down, Refused                 its outage, in the server's words: noted, told, tried again with back-off
    any exception that nobody expected       the same, as `Defect`; in full in the journal, once
    StateError, Busy, an error of SQLite     none of a stage's: without its memory nothing may go on
    ConfigError: a secret that isn't there   in the first tick none of a stage's; later its outage, as `Down`
    any of them once we are asked to stop    nothing: it was cut short
    Down, of a login                         its outage; in that tick no other stage tries that login, lest the account be locked

Planning and the ledger are no stages: what goes wrong in them is wrong for all.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beklijf.model.errors import BackendError, Busy, ConfigError, Down, StateError
from beklijf.tick.defects import Defects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from beklijf.model.errors import Defect
    from beklijf.tick.outages import Outages

log = logging.getLogger("beklijf")

CALENDAR, SCHEDULE, INBOX, WRITING, MAIL = "calendar", "schedule inbox", "inbox", "writing", "mail"
"""Reading the calendar, the answers that wait in its server, the mailbox; writing events; sending. As ``status`` names them."""

STAGES = (CALENDAR, SCHEDULE, INBOX, WRITING, MAIL)

ABOUT = {
    CALENDAR: "reading the calendar",
    SCHEDULE: "reading the answers that wait in the calendar's server",
    INBOX: "reading the mailbox",
    WRITING: "writing events",
    MAIL: "sending mail",
}

NOT_A_STAGES = (StateError, Busy, sqlite3.Error)
"""The ledger's, wherever they are raised."""


@dataclass(slots=True, kw_only=True)
class Stages:
    """Those of one engine, from one tick to the next."""

    outages: Outages
    targets: Mapping[str, str]
    """What the journal calls each of them."""
    close: Mapping[str, Callable[[], None]]
    """What is left of a connection after a defect in the middle of it is no use to anybody."""
    accounts: Mapping[str, object]
    """Who logs in for each of them; None for nobody."""
    _refused: dict[object, str] = field(default_factory=dict)
    """Whose login was refused in this tick, and how that was said."""
    defects: Defects = field(default_factory=Defects)
    begun: bool = False
    """A tick has ended: a secret that isn't there is no mistake of the start any more."""

    def begin(self) -> None:
        """Begin a tick: every login may be tried once."""
        self._refused.clear()

    def rests(self, stage: str, now: datetime, *, patient: bool) -> str:
        """Return why a stage is left alone: for a while, or for this tick since its login was refused in another one; else nothing."""
        if refused := self._refused.get(self.accounts[stage]):
            return refused
        outage = self.outages.now().get(stage)
        return outage.what if patient and outage and outage.retry_at > now else ""

    @contextmanager
    def alone(self, stage: str, now: datetime, *, stop: Callable[[], bool], fails: Callable[[str, BackendError], None]) -> Iterator[None]:
        """Let what goes wrong inside be the stage's outage; *fails* is told of it."""
        try:
            yield
        except NOT_A_STAGES:
            raise
        except ConfigError as error:
            if not self.begun:
                raise
            self._down(stage, Down(str(error), hint=error.problems[0].hint), now, stop, fails)
        except BackendError as error:
            self._down(stage, error, now, stop, fails)
        except Exception as error:  # noqa: BLE001  # this is the place where nobody knows what it may be
            if not stop():
                self._down(stage, self.defect(stage, error), now, stop, fails)

    def defect(self, stage: str, error: Exception) -> Defect:
        """Return what nobody expected as an error of ours, and leave the connection: nobody knows what it would say next."""
        with suppress(Exception):
            self.close[stage]()
        return self.defects.met(ABOUT[stage], error)

    def works(self, stage: str) -> None:
        """End a stage's outage, if it had any."""
        if stage in self.outages.now():
            log.warning("%s is back", self.targets[stage])
            self.outages.end(stage)

    def ails(self, stage: str, error: BackendError, now: datetime, fails: Callable[[str, BackendError], None]) -> None:
        """Note that a stage fails over everything, each part of which has a pause of its own; *fails* is told of it."""
        self._down(stage, error, now, lambda: False, fails, rests=False)

    def _down(
        self,
        stage: str,
        error: BackendError,
        now: datetime,
        stop: Callable[[], bool],
        fails: Callable[[str, BackendError], None],
        *,
        rests: bool = True,
    ) -> None:
        if stop():
            return
        if stage not in self.outages.now():
            log.error("%s is down: %s", self.targets[stage], error)
        if isinstance(error, Down) and error.login and self.accounts[stage] is not None:
            self._refused[self.accounts[stage]] = str(error)
        self.outages.begin(stage, error, now, rests=rests)
        fails(stage, error)

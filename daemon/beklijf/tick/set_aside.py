"""One input that fails by itself stops no other: it is tried at three ticks, then set aside, and the coordinator is told.

An input is one mail, one answer that waits, one event to read or to write, one mail to send. What is set aside stays where it
is: ``status`` names it, ``beklijf retry`` and every other version of beklijf try it again.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from beklijf.ledger.aside import TICKS, Asides
from beklijf.model import words
from beklijf.model.errors import BeklijfError
from beklijf.replies.staff_mail import Notices
from beklijf.tick.stages import ABOUT, INBOX, NOT_A_STAGES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from beklijf.contracts.settings import Config
    from beklijf.ledger import Decision, Ledger
    from beklijf.ledger.aside import Aside
    from beklijf.ledger.outbox import Outbox
    from beklijf.tick.defects import Defects

log = logging.getLogger("beklijf")

TOLD_A_DAY = 20
"""So many the coordinator gets a mail about; anybody can send us mails. ``status`` names all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingAside:
    config: Config
    ledger: Ledger
    outbox: Outbox
    defects: Defects

    @property
    def asides(self) -> Asides:
        return Asides(self.ledger)

    @contextmanager
    def alone(self, stage: str, name: str, now: datetime, *, arrived: datetime | None = None) -> Iterator[None]:
        """Let what nobody expected be that one input's failure: nothing of what was written meanwhile stays."""
        try:
            with self.ledger.write():
                yield
                self.asides.settled(stage, name)
        except (*NOT_A_STAGES, BeklijfError):
            raise
        except Exception as error:  # noqa: BLE001  # this is the place where nobody knows what it may be
            self.failed(stage, name, self.defects.met(ABOUT[stage], error), now, arrived=arrived)

    def failed(self, stage: str, name: str, error: BeklijfError, now: datetime, *, arrived: datetime | None = None) -> None:
        """Count that an input failed; at the third tick it is set aside."""
        with self.ledger.write():
            found = self.asides.failed(stage, name, str(error), now, arrived=arrived)
            if found.ticks == TICKS and found.last == now:
                log.error("set aside after %d tries, %s: %s (%s)", TICKS, ABOUT[stage], name, error)
                self._tell(found, now)

    def settled(self, stage: str, name: str) -> None:
        """Forget that an input failed, if it did."""
        if any(each.name == name for each in self.asides.all(stage)):
            with self.ledger.write():
                self.asides.settled(stage, name)

    def only(self, stage: str, names: Collection[str]) -> None:
        """Forget those that are not there any more."""
        for each in self.asides.all(stage):
            if each.name not in names:
                self.settled(stage, each.name)

    def take_up(self, decisions: Iterable[Decision], now: datetime) -> bool:
        """Let be tried again what people asked for (``beklijf retry``); return whether they did."""
        asked = [decision for decision in decisions if decision.kind == "retry"]
        for decision in asked:
            with self.ledger.write():
                for each in self.asides.all(decision.field):
                    if decision.subject in {"", each.name}:
                        self.asides.again(each.stage, each.name)
                        self.ledger.end_outage(each.name)
                self.ledger.taken_up(decision, now)
        return bool(asked)

    def met(self, stage: str, error: Exception) -> BeklijfError:
        """Return an error as it is told: our own as it is, and what nobody expected after the journal has it."""
        return error if isinstance(error, BeklijfError) else self.defects.met(ABOUT[stage], error)

    def _tell(self, aside: Aside, now: datetime) -> None:
        if self.outbox.count("aside", now - timedelta(days=1)) >= TOLD_A_DAY:
            return
        notices = Notices(config=self.config, outbox=self.outbox)
        language, zone = notices.language, self.config.organisation.zone
        arrived = words.moment((aside.arrived or aside.since).astimezone(zone), zone, language)
        notices.tell(
            "aside",
            f"{aside.stage} {aside.name} {aside.since:%Y-%m-%dT%H:%M:%S}",
            now,
            called=words.SET_ASIDE[aside.stage][language],
            name=f"{aside.name} ({arrived})" if aside.stage == INBOX else aside.name,
            what=aside.what,
        )

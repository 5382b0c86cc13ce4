"""One answer that was heard and can't be put away keeps none of the others, and is heard once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.mailroom import Listening, reply, said
from tests.tick.moods import Mood, MoodyCalendar, MoodyInbox, moody
from tests.town import KARIM, SANNE, Town, folder_town

from beklijf.model.conversation import Itip, Waiting
from beklijf.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path)
    made.words = Listening()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    made.invited()
    moody(made, Mood())
    yield made
    made.stop()


class Clinging(MoodyInbox):
    """Won't move the first mail that it was ever asked to move."""

    clings: str = ""

    def file(self, ids: Sequence[str]) -> None:
        self.clings = self.clings or ids[0]
        if self.clings in ids:
            raise Refused(f"{self.clings}: may not be moved")
        super().file(ids)


class Full(MoodyCalendar):
    """Has two answers in its schedule inbox, the first of which can't be taken out."""

    waits: tuple[Waiting, ...] = ()

    def waiting(self) -> tuple[Waiting, ...]:
        return self.waits

    def take(self, waiting: Waiting) -> None:
        if waiting.href == "one.ics":
            raise Refused("one.ics: may not be deleted")
        self.waits = tuple(each for each in self.waits if each.href != waiting.href)


def test_a_mail_that_may_not_be_moved_stays_and_the_next_ones_are_filed(town: Town) -> None:
    assert isinstance(town.engine.inbox, MoodyInbox)
    town.engine.inbox.__class__ = Clinging
    reply(town, "goals", SANNE, "ACCEPTED")
    reply(town, "goals", KARIM, "ACCEPTED")

    town.tick()
    town.tick()

    assert {("goals", "", "sanne"), ("goals", "", "karim")} <= {*said(town)}
    assert "inbox" not in town.engine.outages.now()
    assert town.engine.ledger.get("to_file") == "[]"


def test_an_answer_that_stays_in_the_calendars_inbox_keeps_no_other_there(town: Town) -> None:
    calendar = town.engine.calendar
    assert isinstance(calendar, MoodyCalendar)
    calendar.__class__ = Full
    assert isinstance(calendar, Full)
    uid = town.row("goals").uid
    calendar.waits = tuple(
        Waiting(
            href=href,
            said=Itip(method="REPLY", uid=uid, recurrence_id=None, attendee=who, partstat="ACCEPTED", sequence=0, stamp=town.now),
        )
        for href, who in (("one.ics", SANNE), ("two.ics", KARIM))
    )

    town.tick()
    town.tick()
    outcome = town.tick()

    assert {("goals", "", "sanne"), ("goals", "", "karim")} <= {*said(town)}
    assert [each.href for each in calendar.waits] == ["one.ics"]
    assert "schedule inbox" not in town.engine.outages.now()
    assert outcome.plan is None, "it was heard, and that is that"

"""What becomes of each write of a tick, and what all of it says of writing as a whole.

    the calendar says of one change        what becomes of it                     and of the others
    -------------------------------------  -------------------------------------  --------------------------------------------
    nothing                                done                                   go on
    Conflict, Exists, Missing              planned anew                           go on
    Refused, failing (5xx), a defect       tried again with growing pauses        go on; after `MOST_IN_A_ROW` they wait
    Transient: no answer, too many         planned anew, and comes last; doing    wait, tried again with back-off
                                           so while others are written it is
                                           that one's own, as above
    Down                                   planned anew                           wait, tried again with back-off

Where nothing was written and all of it failed, that is the calendar: an outage of writing, of which the administrator is told. Each
change keeps its own pause then, and whoever was not refused yet is tried. Knows no calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beklijf.decide.plan import Create, Move, Withdraw, Write
from beklijf.ical.timezones import NoYearlyRule
from beklijf.model.errors import BackendError, Defect, Down, Refused, Theirs, Transient
from beklijf.tick.outcome import SAME_FOR_ALL

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from beklijf.decide.plan import Change

MOST_IN_A_ROW = 20
"""So many that a server answers with a failure, one after the other, and nothing written between: the rest would fare no better."""


def is_write(change: Change) -> bool:
    """Tell whether the calendar is asked to hold something else."""
    return isinstance(change.work, Create | Write | Move) or (isinstance(change.work, Withdraw) and not change.work.gone)


@dataclass(slots=True, kw_only=True)
class Writes:
    """Those of one tick."""

    doubted: dict[str, bool]
    """What nothing was heard of when it was last tried, and whether others were written since; kept from one tick to the next."""
    known: AbstractSet[str]
    """What failed by itself before this tick."""
    done: int = 0
    failed: list[tuple[Change, BackendError]] = field(default_factory=list)
    _in_a_row: list[tuple[Change, BackendError]] = field(default_factory=list)

    def in_order(self, changes: Iterable[Change]) -> list[Change]:
        """Put last what failed before: whoever waits behind it waits for nothing."""
        return sorted(changes, key=lambda change: change.ref in self.doubted or change.ref in self.known)

    def works(self, change: Change) -> None:
        self.doubted.pop(change.ref, None)
        if is_write(change):
            self.done += 1
            self.doubted.update(dict.fromkeys(self.doubted, True))
            self._in_a_row.clear()

    def is_its_own(self, change: Change) -> bool:
        """Tell whether silence is about this one change: it is the second time, and others were written since the first."""
        alone = self.doubted.get(change.ref, False)
        self.doubted[change.ref] = bool(self.done)
        return alone

    def fails(self, change: Change, error: BackendError) -> None:
        """Count what failed by itself; raises it where so many did that it is no coincidence."""
        self.failed.append((change, error))
        self._in_a_row = [(c, e) for c, e in self._in_a_row if isinstance(e, Defect) == isinstance(error, Defect)]
        self._in_a_row.append((change, error))
        lost = {each.mentorships for each, _ in self._in_a_row}
        if (len(lost) >= SAME_FOR_ALL) if isinstance(error, Defect) else (len(self._in_a_row) >= MOST_IN_A_ROW):
            raise error

    def verdict(self, target: str, *, pairs: int, ailing: bool) -> BackendError | None:
        """Return what is wrong with *target* as a whole: nothing was written, and what failed now had not failed before.

        A server that fails is one at once; a no is one where `SAME_FOR_ALL` pairs got it, or all that there are; what people's own
        mailboxes say is one where those of so many say it.
        """
        told = [(change, error) for change, error in self.failed if _may_be_everybodys(error)]
        if self.done or not told or not (ailing or any(change.ref not in self.known for change, _ in told)):
            return None
        whole = [error for _, error in told if not isinstance(error, Theirs)]
        if failing := next((error for error in whole if isinstance(error, Transient)), None):
            return Transient(str(failing), hint=failing.hint)
        hit = {key for change, _ in told for key in change.mentorships}
        if len(told) < SAME_FOR_ALL or len(hit) < (min(SAME_FOR_ALL, pairs) if len(whole) == len(told) else SAME_FOR_ALL):
            return None
        said, hint = f"{target} refuses everything: {told[0][1]}", told[0][1].hint
        return Down(said, hint=hint or "may this account write there?") if whole else Transient(said, hint=hint)


def _may_be_everybodys(error: BackendError) -> bool:
    if isinstance(error, NoYearlyRule):  # what we say ourselves, before the calendar is asked
        return False
    return isinstance(error, Refused) or (isinstance(error, Transient) and error.failing)

"""What nobody expected, for the journal: in full the first time, then counted. And for everybody else: in a few words.

The words of an exception may be those of the mail or the answer that it was raised over; so what is told to people, and kept,
is its kind and where in the code it was raised.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from pathlib import Path

from beklijf.model.errors import Defect

log = logging.getLogger("beklijf")

_PACKAGE = Path(__file__).parent.parent

HINT = "a defect of beklijf, please report it with the traceback that the journal of the service has; it is tried again"


class Defects:
    """Those of one process."""

    def __init__(self) -> None:
        self._met: Counter[str] = Counter()

    def met(self, where: str, error: Exception) -> Defect:
        """Log *error*, and return it as an error of ours; *where* says what was being done."""
        said = described(error)
        self._met[said] += 1
        times = self._met[said]
        if times == 1:
            log.error("a defect of beklijf, please report it; %s: %s", where, said, exc_info=error)
        elif times & (times - 1) == 0:  # the second time, the fourth, the eighth
            log.error("the same defect for the %dth time; %s: %s", times, where, said)
        defect = Defect(said, hint=HINT)
        defect.__cause__ = error
        return defect


def described(error: BaseException) -> str:
    """Return ``UnicodeError in inbox/envelopes.py:66``: the innermost place of ours, where most is known of what was done."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [f"{path.relative_to(_PACKAGE)}:{line}" for path, line in frames if path.is_relative_to(_PACKAGE)]
    return f"{type(error).__name__} in {ours[-1]}" if ours else type(error).__name__

"""Every error that a person may see, as one tree.

    BeklijfError
    +-- UsageError 64             the command was called in a way it cannot be
    +-- ConfigError 78            config, method or template; carries all problems at once
    +-- StateError 74             the ledger is unreadable, foreign, or of a newer version
    +-- Held 3                    the guard stopped something until a person approves
    +-- Busy 75                   another tick or service holds the lock; try again later
    +-- BackendError              a calendar or mail server; translated once, inside the backend
        +-- Transient 75          down, slow, throttled, dropped: the same call may succeed later
        |   +-- Conflict          the object changed since it was read: read again, plan again
        |   +-- Unanswered        it was handed over whole and no answer came: nobody knows whether it was taken
        |   +-- Defect            what nobody expected, ours or a library's: it stops one stage, or one input
        +-- Refused 69            the server said no to this one target (a mailbox, an object)
        |   +-- Theirs            one person's mailbox takes nothing now, whatever that is due to
        |   +-- Missing           the object is not there (any more)
        |   +-- Exists            an object with this UID is there already
        +-- Down 69               the server said no to everything (login, TLS, sender): ours to mend

Only ``cli`` prints errors and exits; nothing below it logs an error that it also raises.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One thing that is wrong: where, what, and what to do about it."""

    file: str = ""
    line: int = 0
    where: str = ""
    what: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        """Read as ``training[0].sessions[1]: not a date (config.toml:29)``."""
        position = f"{self.file}:{self.line}" if self.line else self.file
        said = f"{self.where}: {self.what}" if self.where else self.what
        return f"{said} ({position})" if position else said


class BeklijfError(Exception):
    """The root: what happened, and a hint that says what to do."""

    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint

    @property
    def problems(self) -> tuple[Problem, ...]:
        return (Problem(what=str(self), hint=self.hint),)


class UsageError(BeklijfError):
    exit_code = 64


class ConfigError(BeklijfError):
    """Everything that is wrong with what people wrote, in the order of the file."""

    exit_code = 78

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


class StateError(BeklijfError):
    exit_code = 74


class Held(BeklijfError):
    exit_code = 3


class Busy(BeklijfError):
    exit_code = 75


class BackendError(BeklijfError):
    """A server's refusal or silence; ``server`` names it as the administrator knows it."""

    exit_code = 69


class Transient(BackendError):
    """*failing*: the server answers, and says that it fails; while others are served, it is this object that it fails over."""

    exit_code = 75

    def __init__(self, what: str, *, hint: str = "", retry_after: float | None = None, failing: bool = False) -> None:
        super().__init__(what, hint=hint)
        self.retry_after = retry_after
        self.failing = failing


class Conflict(Transient):
    """Somebody wrote the object after we read it; nothing was written."""


class Unanswered(Transient):
    """The whole of it was handed over, and then nothing was heard: it may have been taken all the same."""


class Defect(Transient):
    """What nobody expected: named by its kind and its place in the code, never by its words, which may be a stranger's."""


class Refused(BackendError):
    """This target only: one bad mailbox never stops the rest."""


class Missing(Refused):
    """The object is not there; for a delete that is success."""


class Exists(Refused):
    """The UID is taken already; the caller adopts what is there instead of writing twice."""


class Theirs(Refused):
    """A no of one person's mailbox, or none in time: nobody else is hit, however many say so at once."""

    def __init__(self, what: str, *, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, hint=hint)
        self.retry_after = retry_after


class Down(BackendError):
    """Everybody is hit: the backend is down, nothing is failed, the administrator is told.

    *login*: it is the login that was refused, and each further try may be one of the few before the account is locked.
    """

    def __init__(self, what: str, *, hint: str = "", login: bool = False) -> None:
        super().__init__(what, hint=hint)
        self.login = login

"""What the errors of Exchange Web Services mean for us: one table by response code, one by HTTP status.

Knows exchangelib's exceptions and nothing of events, mails or connections.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from exchangelib import errors as ews  # type: ignore[import-untyped]  # it has no types
from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]  # the same
from requests.exceptions import RequestException, SSLError

from beklijf.boundary.credentials import quoted
from beklijf.model.errors import BackendError, Conflict, Down, Missing, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping

STUMBLES = (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError)
"""What the library raises, and we, over an answer of a form that nobody expected."""

LOGIN = "check user, password and auth of the login; an expired password has to be renewed at the server"
TRUST = "give the authority that signed the server's certificate as ca of the login"
ADDRESS = "check url of the login: it ends in /EWS/Exchange.asmx"
RIGHTS = (
    "with access = impersonation give the login the role ApplicationImpersonation over this mailbox, with access = delegate make it"
    " an editor of this calendar"
)
_THERE = "check the address: there is no such mailbox on this server, or it has moved to another (Exchange Online?)"
_FULL = "the mailbox is full: make room, or raise its limit"

_PASSING = """
    ErrorADUnavailable ErrorBatchProcessingStopped ErrorConnectionFailed ErrorConnectionFailedTransientError
    ErrorExceededConnectionCount ErrorInsufficientResources ErrorMailboxFailover ErrorMailboxLogonFailed ErrorMailboxMoveInProgress
    ErrorMailboxStoreUnavailable ErrorNotEnoughMemory ErrorProxyCallFailed ErrorProxyTokenExpired ErrorServerBusy
    ErrorTooManyObjectsOpened
"""
_FAILING = """
    ErrorInternalServerError ErrorInternalServerTransientError ErrorProxyRequestProcessingFailed ErrorRequestAborted ErrorTimeoutExpired
"""
_CHANGED = "ErrorInvalidChangeKey ErrorIrresolvableConflict ErrorStaleObject"
_GONE = "ErrorCalendarOccurrenceIsDeletedFromRecurrence ErrorItemNotFound"
_LOGIN = """
    ErrorAccountDisabled ErrorInvalidSerializedAccessToken ErrorPasswordChangeRequired ErrorPasswordExpired
    ErrorTokenSerializationDenied UnauthorizedError
"""
_NO_ACCESS = """
    ErrorAccessDenied ErrorCreateItemAccessDenied ErrorCreateSubfolderAccessDenied ErrorImpersonateUserDenied ErrorImpersonationDenied
    ErrorImpersonationFailed
"""
_NO_MAILBOX = """
    ErrorFolderNotFound ErrorInvalidSmtpAddress ErrorMailboxConfiguration ErrorMissingEmailAddress ErrorNoCalendar ErrorNonExistentMailbox
    ErrorParentFolderNotFound ErrorSyncFolderNotFound
"""
_NO_ROOM = "ErrorQuotaExceeded"

MAILBOX = "mailbox"
"""A no to everything in one mailbox: the service's own takes the backend down, a person's is that person's alone."""

FAILING = "failing"
"""It may be this one object that it fails over."""

_MEANING: Mapping[str, tuple[type[BackendError] | str, str]] = {
    code: meaning
    for codes, meaning in (
        (_PASSING, (Transient, "")),
        (_FAILING, (FAILING, "")),
        (_CHANGED, (Conflict, "")),
        (_GONE, (Missing, "")),
        (_LOGIN, (Down, LOGIN)),
        (_NO_ACCESS, (MAILBOX, RIGHTS)),
        (_NO_MAILBOX, (MAILBOX, _THERE)),
        (_NO_ROOM, (MAILBOX, _FULL)),
    )
    for code in codes.split()
}
_PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


def meant(error: Exception, *, server: str, about: str, personal: bool) -> BackendError:
    """Return *error* as one of ours; *personal*: it came of a mailbox that is somebody's own, not the service's."""
    told = f"{server}: {about}"
    cause = error.__context__ if isinstance(error.__context__, RequestException) else error
    if isinstance(cause, RequestException) or isinstance(error, OAuth2Error):
        return _before_exchange(cause, told)
    told = f"{told}: {_said(error)}"
    if isinstance(error, ews.ErrorServerBusy):
        return Transient(told, retry_after=error.back_off or None)  # the library takes nought for none
    # a code that we know nothing of is a no to this one thing; what isn't even a code may be anything that stands in between
    unknown = Refused if isinstance(error, ews.ResponseMessageError) else Transient
    meaning, hint = _MEANING.get(type(error).__name__, (unknown, ""))
    if meaning == FAILING:
        return Transient(told, failing=True)
    if meaning is Down:
        return Down(told, hint=hint, login=hint == LOGIN)
    if isinstance(meaning, type):
        return meaning(told, hint=hint)
    return (Refused if personal else Down)(told, hint=hint)


def _before_exchange(error: Exception, told: str) -> BackendError:
    """Return what went wrong before Exchange said anything."""
    if isinstance(error, SSLError):
        return Down(f"{told}: its certificate is not trusted ({_said(error)})", hint=TRUST)
    if isinstance(error, OAuth2Error):
        hint = "check user, password, tenant and authority of the login"
        return Down(f"{told}: no token ({_said(error)})", hint=hint, login=True)
    return Transient(f"{told}: no connection ({_said(error)})", hint=ADDRESS)


def of_status(status: int, *, server: str, location: str, retry_after: float | None) -> BackendError:
    """Return what an HTTP status says that brings no SOAP message."""
    if status in _PASSING_STATUSES:
        busy = retry_after or status == 429  # noqa: PLR2004  # as the RFC numbers it
        return Transient(f"{server}: answers {status}", retry_after=retry_after, failing=not busy)
    if status == 401:  # noqa: PLR2004  # as the RFC numbers it
        return Down(f"{server}: refuses the login (401)", hint=LOGIN, login=True)
    if status in {301, 302, 307, 308}:
        return Down(f"{server}: sends us elsewhere ({status}, {location})", hint=f"{LOGIN}; {ADDRESS}")
    if status in {403, 404, 405}:
        return Down(f"{server}: there is no EWS for us at this address ({status})", hint=ADDRESS)
    return Refused(f"{server}: answers {status}")


_OBJECT = re.compile(r"<[^<>]* object at 0x[0-9a-f]+>:? ?")


def _said(error: BaseException) -> str:
    """Return what a library or server says as one line: the code, and its own words; the same each time, or each time is news."""
    words = quoted(_OBJECT.sub("", str(error)))
    name = type(error).__name__
    return f"{name}: {words}" if name.startswith("Error") and words else words or name

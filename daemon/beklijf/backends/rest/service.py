"""One REST service behind a bearer token: a keep-alive connection, and every answer sorted into our errors.

Knows no events, no mails and no vendor but by the names of his errors. Retries nothing but a token that was refused; waiting
is the caller's. The table, by the vendor's error code where it says more than the status:

    said                                              means
    no connection, cut off, too late, too large       Transient; the connection is closed
    TLS not to be trusted, a web page instead of JSON Down: it is not the server that we think it is
    408, 423, 425, 429, 5xx; codes of rate limits     Transient, with what Retry-After says (seconds or a date)
    507; codes of a full mailbox                      Down
    409, 412                                          Conflict
    404, 410                                          Missing; Refused where the code says that the mailbox itself isn't there
    401                                               once more with a fresh token, then Down
    403                                               Refused: this mailbox; Down where the code says that it is all of them
    400 and all others                                Refused

A caller who knows better names the statuses that he judges himself (``allowed``), or asks the error for the answer behind it
(`reply_of`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from beklijf.backends.rest.http import AWAY, FULL, Http, Reply
from beklijf.boundary.bodies import LARGEST
from beklijf.boundary.credentials import quoted, remember
from beklijf.contracts.settings import DEADLINE
from beklijf.model.errors import Conflict, Down, Missing, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import timedelta
    from pathlib import Path

    from beklijf.contracts.token import Token
    from beklijf.model.errors import BackendError

__all__ = ["Reply", "Rest", "part_of", "reply_of"]

UNAUTHORIZED, FORBIDDEN = 401, 403

_CHANGED = frozenset({409, 412})
_GONE = frozenset({404, 410})
_FULL = frozenset({"ErrorQuotaExceeded", "ErrorMailboxQuotaExceeded"})

_NO_MAILBOX = frozenset({
    "ErrorInvalidUser",
    "ErrorNonExistentMailbox",
    "MailboxNotEnabledForRESTAPI",
    "MailboxNotSupportedForRESTAPI",
    "MailboxNotHostedInExchangeOnline",
    "RESTAPINotEnabledForComponentSharedMailbox",
    "Request_ResourceNotFound",
    "ResourceNotFound",
})  # fmt: skip
"""A mailbox that isn't there must not look like an event that isn't: for that, deleting counts as done."""

_HINTS: Mapping[str, str] = {
    "ErrorAccessDenied": "the application needs the right for this mailbox: is it in the group that the role is scoped to?",
    "forbidden": "the account needs the right to write in this calendar",
}

_EVERYBODY: Mapping[str, str] = {
    "Authorization_RequestDenied": "the application lacks a right: assign the role, or have an administrator consent to it",
    "Authorization_IdentityNotFound": "the application has no service principal in this tenant: have an administrator consent to it",
    "accessNotConfigured": "switch on the Google Calendar API in the Google Cloud project of the service account",
    "insufficientPermissions": "grant the service account's client the calendar scope under domain-wide delegation",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": "grant the service account's client the calendar scope under domain-wide delegation",
    "forbiddenForServiceAccounts": "a service account can only invite on behalf of a user: set up domain-wide delegation for it",
}
"""By the code of a 403: what is ours to mend for all mailboxes at once."""


class _Answered(Exception):
    """Stands behind an error of ours, as its cause: the answer that it was made of."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(f"{reply.status} {reply.code}".strip())
        self.reply = reply


def reply_of(error: BackendError) -> Reply | None:
    """Return the answer that an error of `Rest` was made of; None where there was none."""
    return error.__cause__.reply if isinstance(error.__cause__, _Answered) else None


def part_of(said: Mapping[str, Any], whole: Reply) -> Reply:
    """Return the answer that a part of a batch is, by the clock of the whole."""
    status, named = said.get("status"), said.get("headers")
    if not isinstance(status, int):
        raise Transient("a part of a batch that doesn't say how it went")
    headers = {str(name).title(): str(value) for name, value in named.items()} if isinstance(named, dict) else {}
    return Reply(status=status, headers={"Date": whole.headers.get("Date", "")} | headers, body=said.get("body"))


class Rest:
    """Ask one service on behalf of one login. Safe to use from several threads; opening it costs nothing."""

    def __init__(
        self,
        base: str,
        token: Token,
        *,
        called: str,
        ca: Path | None = None,
        hint: str = "",
        limit: timedelta = DEADLINE,
        http: Http | None = None,
    ) -> None:
        """Take *base*, which paths are put behind; *called* names the service in errors, *hint* is what to do about a refused login.

        *limit* is how long one request may take. With *http* it shares a connection: many people's tokens, one server.
        """
        self.base = base.rstrip("/")
        self.called = called
        self._token = token
        self._hint = hint
        self._http = http or Http(called=called, ca=ca, hint=hint, limit=limit)
        self._here = _server(self.base)

    def log_in(self) -> None:
        """Have a token: what fails after this has failed with what was asked."""
        self._token()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int | bool] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        allowed: Collection[int] = (),
        largest: int = LARGEST,
        repeatable: bool = False,
    ) -> Reply:
        """Return the answer when it is a yes, or one of the statuses that the caller judges himself; raises by the table above.

        A *path* that is a whole URL (the next page, the next delta) is taken as it is, and only on the same server: the token
        goes to no other.
        """
        url = self._secured(path) if path.startswith(("http://", "https://")) else f"{self.base}{path}"
        what = f"{method} {_shown(path)}"
        if _server(url) != self._here:
            raise Refused(f"{self.called}: {what} leads to another server, which gets no token of ours")
        for fresh in (False, True):
            token = self._token(fresh=True) if fresh else self._token()
            remember(f"token {self.base}", token)
            reply = self._http.send(
                method,
                url,
                params=params,
                json=json,
                content=content,
                largest=largest,
                repeatable=repeatable,
                headers={"Accept": "application/json", **(headers or {}), "Authorization": f"Bearer {token}"},
            )
            if reply.status != UNAUTHORIZED:
                break
        return self.judge(reply, what, allowed=allowed)

    def _secured(self, url: str) -> str:
        """Return a URL that names our own server by http, as proxies that end TLS write it, as one by https."""
        scheme, host, port = self._here
        there = _server(url)
        if scheme == "https" and there[:2] == ("http", host) and there[2] in {None, port}:
            return str(httpx.URL(url).copy_with(scheme="https", port=port))
        return url

    def judge(self, reply: Reply, what: str, *, allowed: Collection[int] = ()) -> Reply:
        """Return an answer that is a yes or *allowed*; raise what another one means. Also for the parts of a batch."""
        if httpx.codes.is_success(reply.status):
            return reply
        said = " ".join(filter(None, (f"{reply.status}", quoted(reply.code), reply.message)))
        told = f"{self.called}: {what}: {said}"
        if reply.passing_code or (reply.passing and reply.status not in allowed):
            wait = reply.retry_after
            raise Transient(told, hint=AWAY, retry_after=wait, failing=reply.failing and not wait) from _Answered(reply)
        if reply.status in allowed:
            return reply
        raise self._error(reply, told) from _Answered(reply)

    def _error(self, reply: Reply, told: str) -> BackendError:
        status, code = reply.status, reply.code
        if status == FULL or code in _FULL:
            return Down(told, hint="make room in the mailbox")
        if status in _CHANGED:
            return Conflict(told)
        if status in _GONE and code not in _NO_MAILBOX:
            return Missing(told)
        if status == UNAUTHORIZED:
            return Down(told, hint=self._hint or "the login is not accepted there: check its keys in the config", login=True)
        if status == FORBIDDEN and code in _EVERYBODY:
            return Down(told, hint=_EVERYBODY[code])
        return Refused(told, hint="is this address a mailbox there?" if code in _NO_MAILBOX else _HINTS.get(code, ""))

    def close(self) -> None:
        """Close connections; the service may be used again afterwards."""
        self._http.close()


def _server(url: str) -> tuple[str, str, int | None]:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return ("", "", None)
    return parts.scheme, parts.host, parts.port


def _shown(path: str) -> str:
    """Return a path for an error: without its query, and of ids that go on and on only the beginning."""
    whole = path.partition("?")[0]
    return whole if len(whole) <= _LONGEST_PATH else f"{whole[:_LONGEST_PATH]}.."


_LONGEST_PATH = 120

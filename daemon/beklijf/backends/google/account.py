"""Google's logins: tokens of a service account that acts for users of a Workspace (domain-wide delegation), by google-auth.

The key's own ``token_uri`` says where tokens come from. google-auth's retries are not used: it sleeps between them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google.auth.exceptions import GoogleAuthError
from google.oauth2.service_account import Credentials

from beklijf.backends.rest.http import Http
from beklijf.backends.rest.service import Rest
from beklijf.boundary.credentials import quoted
from beklijf.contracts.settings import DEADLINE
from beklijf.model.errors import Down, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from beklijf.backends.google.settings import GoogleLogin
    from beklijf.contracts.token import Token
    from beklijf.model.errors import BackendError

CALENDAR = ("https://www.googleapis.com/auth/calendar",)
MAIL = ("https://mail.google.com/",)
"""SMTP and IMAP: there is no smaller one for these."""

_CALLED = "login at Google"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DELEGATION = "in the Admin console, under Security > Access and data control > API controls > Domain-wide delegation"
_KEY = "make a new key (JSON) for the service account in the Google Cloud console, under IAM > Service accounts > Keys"


def tokens(login: GoogleLogin, subject: str, scopes: Sequence[str], *, limit: timedelta = DEADLINE) -> Token:
    """Return where tokens for one user come from, each within *limit*."""
    return ServiceAccount(login, keep=False, limit=limit).tokens(subject, scopes)


def mail_token(login: GoogleLogin, user: str, *, limit: timedelta) -> Token:
    """Return where tokens for SMTP or IMAP come from."""
    return tokens(login, user, MAIL, limit=limit)


class ServiceAccount:
    """One key for many users: read once; with *keep*, one connection to where tokens come from, which `close` ends."""

    def __init__(self, login: GoogleLogin, *, keep: bool = True, limit: timedelta = DEADLINE) -> None:
        self._login = login
        self._limit = limit
        self._http = Http(called=_CALLED, ca=login.ca, keep=keep, limit=limit)
        self._credentials: Credentials | None = None
        self._client = ""
        self._one_at_a_time = Lock()

    def rest(self, subject: str, scopes: Sequence[str] = CALENDAR) -> Rest:
        hint = f"grant the service account's client {', '.join(scopes)} {_DELEGATION}"
        return Rest(
            self._login.url, self.tokens(subject, scopes), called=f"google {subject}", ca=self._login.ca, hint=hint, limit=self._limit
        )

    def tokens(self, subject: str, scopes: Sequence[str]) -> Token:
        return _Tokens(self, subject, scopes)

    def close(self) -> None:
        """End the connection to where tokens come from; it may be used again afterwards."""
        self._http.close()

    def fetch(self, credentials: Credentials, subject: str, scopes: Sequence[str]) -> None:
        """Get a new token into *credentials*."""
        try:
            with self._one_at_a_time:
                credentials.refresh(_Transport(self._http))  # type: ignore[no-untyped-call]  # google-auth's types are not strict
        except GoogleAuthError as error:
            raise self._error(error, subject, scopes) from error

    def credentials(self) -> Credentials:
        """Return what the key says; raises `Down` for what is no key of a service account, ConfigError for what can't be read."""
        if self._credentials is not None:
            return self._credentials
        key = self._login.key
        where = f"{_CALLED}: key {key.kind} {key.name}"
        try:
            said = json.loads(key.reveal())
            kind = said.get("type")
        except (ValueError, AttributeError, RecursionError) as error:
            raise Down(f"{where} is no JSON file of a service account's key", hint=_KEY) from error
        if kind != "service_account":
            raise Down(f"{where} is not the key of a service account but of another kind", hint=_KEY)
        try:
            self._credentials = Credentials.from_service_account_info(said)  # type: ignore[no-untyped-call]  # see above
        except (ValueError, TypeError) as error:  # its own message may show the key
            raise Down(f"{where} is not whole", hint=_KEY) from error
        place = urlsplit(str(said.get("token_uri")))
        if place.scheme != "https" and place.hostname not in _LOOPBACK:
            self._credentials = None
            raise Down(f"{where} has a token_uri without https, by which nothing may be signed for", hint=_KEY)
        self._client = str(said.get("client_id") or said.get("client_email"))
        return self._credentials

    def _error(self, error: GoogleAuthError, subject: str, scopes: Sequence[str]) -> BackendError:
        said: Any = error.args[1] if len(error.args) > 1 else None
        fields: Mapping[str, Any] = said if isinstance(said, dict) else {}
        code, why = str(fields.get("error") or ""), str(fields.get("error_description") or "")
        told = f"{_CALLED} for {subject}: {quoted(f'{code} {why}'.strip() or str(error))}"
        if code in {"unauthorized_client", "access_denied", "invalid_scope"}:
            return Down(told, hint=f"add client {self._client} with {', '.join(scopes)} {_DELEGATION}", login=True)
        if code == "invalid_grant":
            return _invalid_grant(told, why.casefold())
        return Down(told, hint=_KEY)


def _invalid_grant(told: str, why: str) -> BackendError:
    """Sort what Google says in one way, of quite different things."""
    if "email or user id" in why or "user id or email" in why:
        return Refused(told, hint="there is no such user in this Workspace: it must be a user's own address, no group and no alias")
    if "timeframe" in why or "short-lived" in why:
        return Down(told, hint="the clock of this machine is wrong")
    return Down(told, hint=f"the key or the service account was deleted or switched off: {_KEY}", login=True)


class _Tokens:
    """One user's tokens for one set of scopes."""

    def __init__(self, account: ServiceAccount, subject: str, scopes: Sequence[str]) -> None:
        self._account = account
        self._subject = subject
        self._scopes = scopes
        self._credentials: Credentials | None = None

    def __call__(self, *, fresh: bool = False) -> str:
        if self._credentials is None:
            whole = self._account.credentials()
            self._credentials = whole.with_scopes(list(self._scopes)).with_subject(self._subject)
        if fresh or not self._credentials.valid:
            self._account.fetch(self._credentials, self._subject, self._scopes)
        return str(self._credentials.token)


@dataclass(frozen=True, slots=True)
class _Response:
    """What google-auth reads of an answer."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True, slots=True)
class _Transport:
    """What google-auth asks of an HTTP library; errors that pass never get to google-auth, which would sleep over them."""

    http: Http

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> _Response:
        reply = self.http.send(method, url, content=body, headers=headers, repeatable=True)
        if reply.passing:
            raise Transient(f"{_CALLED}: no token now: {reply.status} {reply.message}".rstrip(), retry_after=reply.retry_after)
        return _Response(reply.status, reply.headers, reply.content)

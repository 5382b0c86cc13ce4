"""HTTP under logins: a client of httpx whose errors are ours, and answers with what vendors say in them.

Judges no answer but by whether it says of itself that it may pass; holds no tokens.
"""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from threading import Lock
from typing import TYPE_CHECKING, Any

import httpx

from beklijf.boundary import bodies, deadline
from beklijf.boundary.credentials import quoted
from beklijf.boundary.patience import http_date, retry_after
from beklijf.boundary.repeats import KEPT, Use, is_repeatable
from beklijf.contracts.settings import DEADLINE
from beklijf.model.errors import Down, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

TIMEOUT = httpx.Timeout(60.0, connect=15.0)
"""Seconds of one read or write: searching a large mailbox takes some servers half a minute. All together has the deadline."""

_LIMITED = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEPT)

_DIED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)

FULL = 507

AWAY = "does the server run, and is its address right? it is tried again by itself"

_PASSING_STATUS = frozenset({408, 423, 425, 429})

_FAILING_STATUS = frozenset({408, 423, 425})
_LIMITS = ("ApplicationThrottled", "TooManyRequests", "ErrorServerBusy", "rateLimitExceeded", "userRateLimitExceeded")

_PASSING = frozenset({
    # Google says these with 403: developers.google.com/workspace/calendar/api/guides/errors
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "quotaExceeded",
    "dailyLimitExceeded",
    "backendError",
    # Graph
    "ApplicationThrottled",
    "TooManyRequests",
    "ErrorServerBusy",
    "ErrorTimeoutExpired",
    "ErrorMailboxStoreUnavailable",
    "ErrorInternalServerTransientError",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    """Of any spelling: ``Date``, ``etag``."""
    content: bytes = b""
    body: Any = None
    """What JSON there was."""

    @property
    def code(self) -> str:
        """The vendor's name of the error: Graph's code, Google's reason, OAuth's error; empty when there is none."""
        error = self._error
        if not isinstance(error, dict):
            return error if isinstance(error, str) else ""
        reasons = error.get("errors")
        if isinstance(reasons, list) and reasons and isinstance(reasons[0], dict) and isinstance(reasons[0].get("reason"), str):
            return str(reasons[0]["reason"])
        code = error.get("code")
        return code if isinstance(code, str) else str(error.get("status") or "")

    @property
    def message(self) -> str:
        """What the vendor says of it, as one line that is not too long."""
        error = self._error
        said = error.get("message") if isinstance(error, dict) else self.body.get("error_description") if error else ""
        return quoted(str(said or ""))

    @property
    def date(self) -> datetime | None:
        """When the server sent it, by the server's clock."""
        return http_date(self.headers.get("Date", ""))

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asks us to wait."""
        return retry_after(self.headers.get("Retry-After", ""), self.date)

    @property
    def passing(self) -> bool:
        """Whether the server says that it may say otherwise later."""
        status = self.status
        return status in _PASSING_STATUS or (status >= httpx.codes.INTERNAL_SERVER_ERROR and status != FULL) or self.passing_code

    @property
    def failing(self) -> bool:
        """Whether it fails by its own word, which may be over what was asked only; a limit that was met is no failure."""
        return self.status in _FAILING_STATUS or (self.status >= httpx.codes.INTERNAL_SERVER_ERROR and not self.code.startswith(_LIMITS))

    @property
    def passing_code(self) -> bool:
        """Whether it says so by its code: a rate limit of Google's comes as a 403."""
        return self.code in _PASSING

    @property
    def _error(self) -> Any:  # noqa: ANN401  # whatever the vendor sent
        return self.body.get("error") if isinstance(self.body, dict) else None


class Http:
    """An HTTP client, opened by the first request, whose errors are ours."""

    def __init__(
        self, *, called: str, ca: Path | None = None, hint: str = "", limit: timedelta = DEADLINE, keep: bool = True, use: Use | None = None
    ) -> None:
        """Take as *limit* how long one request may take, from connecting to the last byte of its answer.

        Without *keep* every request has its own connection: for what is asked once in an hour, and closed by nobody.
        """
        self.called = called
        self._limit = limit
        self._keep = keep
        self._trust: ssl.SSLContext | None = None
        self._ca = ca
        self._hint = hint
        self._client: httpx.Client | None = None
        self._use = use or Use()
        self._opening = Lock()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int | bool] | None = None,
        json: object = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        largest: int = bodies.LARGEST,
        repeatable: bool = False,
    ) -> Reply:
        """Return the answer, whatever it says; raises `Transient` when there is none, `Down` where TLS is not to be trusted.

        An answer of more than *largest* bytes is none (`TooLarge`). Whatever goes wrong ends the connection, and no redirect is
        followed: whoever is meant gets the token, and nobody else. What is *repeatable*, as reads and conditional writes are, is sent
        once more where a connection died that had been used before.
        """
        headers = {**(headers or {}), **bodies.ASKED}
        repeatable = repeatable or is_repeatable(method, headers)
        given: dict[str, Any] = {"headers": headers, "json": json, "content": content}
        given["params"] = dict(params) if params else None  # an empty one would take the query of the URL away
        given["data"] = dict(form) if form is not None else None
        with self._translated(), deadline.within(self._limit, f"{self.called}: {method}") as running:
            old = self._use.has_rested
            try:
                response, body = self._once(method, url, given, running.received, largest)
            except _DIED:
                if not (old and repeatable):
                    raise
                response, body = self._once(method, url, given, running.received, largest)
        return Reply(status=response.status_code, headers=response.headers, content=body, body=self._read(response, body))

    def _once(
        self, method: str, url: str, given: Mapping[str, Any], received: Callable[[int], object], largest: int
    ) -> tuple[httpx.Response, bytes]:
        try:
            client = self._opened()
            response = client.send(client.build_request(method, url, **given), stream=True, follow_redirects=False)
            coding = response.headers.get("Content-Encoding", "")
            body = bodies.whole(response.iter_raw(), coding, called=self.called, received=received, largest=largest)
        except BaseException:  # the deadline's too: what was half sent or half read is nobody's any more
            self.close()
            raise
        client.cookies.clear()  # they would grow, and go along with the tokens of others
        self._use.answered()
        if not self._keep:
            self.close()
        return response, body

    def close(self) -> None:
        client, self._client = self._client, None
        self._use.ends()
        if client is not None:
            client.close()

    def _opened(self) -> httpx.Client:
        with self._opening:
            if self._trust is None:
                self._trust = self._trusting()
            if self._client is None:
                self._client = httpx.Client(verify=self._trust, timeout=TIMEOUT, limits=_LIMITED)
            return self._client

    def _trusting(self) -> ssl.SSLContext:
        """Return what certificates are judged by: the system's authorities, or only the one that ca names."""
        try:
            return ssl.create_default_context(cafile=None if self._ca is None else str(self._ca))
        except OSError as error:
            raise Down(f"{self.called}: ca {self._ca}: {error.strerror or error}", hint="it must be a readable PEM file") from error

    def _read(self, response: httpx.Response, content: bytes) -> Any:  # noqa: ANN401  # JSON is anything
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().casefold()
        if response.is_success and kind == "text/html":
            hint = self._hint or "is the address right, and does no proxy stand in between?"
            raise Down(f"{self.called}: answers with a web page where there should be a REST service", hint=hint)
        if not content or not (kind.endswith(("/json", "+json"))):
            return None
        try:
            return loads(content, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            if response.is_success:
                raise Transient(f"{self.called}: an answer broke off in the middle, or is no JSON") from error
            return None  # the status says enough

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Down(
                f"{self.called}: is not the address of a server: {quoted(str(error))}", hint=self._hint or "check its url"
            ) from error
        except httpx.TimeoutException as error:
            raise Transient(f"{self.called}: no answer in time", hint=AWAY) from error
        except httpx.HTTPError as error:
            if reason := _untrusted(error):
                hint = "if the server's certificate is by an authority of your own: ca = its PEM file; else mind the host's name"
                raise Down(f"{self.called}: shows a certificate that can't be trusted: {reason}", hint=hint) from error
            raise Transient(f"{self.called}: no connection ({quoted(str(error)) or type(error).__name__})", hint=AWAY) from error


def _no_number(name: str) -> None:
    """Refuse what Python writes beside JSON: NaN and the infinities."""
    raise ValueError(name)


def _untrusted(error: BaseException | None) -> str:
    """Return what is wrong with a certificate, which stands some causes deep."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return ""

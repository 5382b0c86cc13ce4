"""Microsoft's logins: an application's tokens by msal (client secret or certificate), and Graph behind them.

Tokens are remembered in memory only, by msal. Nothing is asked but the tenant's token endpoint: its address is documented, so
discovery (which would go to Microsoft's public cloud, whatever the authority) is answered here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from json import dumps
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cryptography import x509  # comes with msal
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from msal import ConfidentialClientApplication  # type: ignore[import-untyped]  # has none

from beklijf.backends.rest.http import Http
from beklijf.backends.rest.service import Rest
from beklijf.boundary.credentials import quoted
from beklijf.contracts.settings import DEADLINE
from beklijf.model.errors import Down, Transient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from beklijf.backends.graph.settings import GraphLogin
    from beklijf.boundary.credentials import Secret
    from beklijf.contracts.token import Token
    from beklijf.model.errors import BackendError

_MAIL_HOSTS = {
    "login.microsoftonline.us": "outlook.office365.us",
    "login.partner.microsoftonline.cn": "partner.outlook.cn",
    "login.chinacloudapi.cn": "partner.outlook.cn",
}
"""National clouds whose mail is elsewhere than outlook.office365.com."""

_NEW_SECRET = "make a new client secret in Entra (App registrations > Certificates & secrets), and write down its value, not its id"  # noqa: S105  # no secret, but where to get one

_HINTS = {
    "7000215": f"the client secret is wrong: {_NEW_SECRET}",
    "7000222": f"the client secret has expired: {_NEW_SECRET}",
    "700016": "there is no such application in this tenant: compare client and tenant with its overview in Entra",
    "7000229": "the application has no service principal in this tenant: have an administrator consent to it",
    "90002": "there is no such tenant: it is the directory's id or one of its domains; mind the authority of national clouds",
    "900023": "tenant must be the directory's id or one of its domains",
    "700027": "upload this certificate (without its key) to the application in Entra, and mind until when it is valid",
    "700024": "the clock of this machine is wrong",
    "500011": "the service is not known in this tenant: check url, which differs in national clouds",
    "53003": "a Conditional Access policy blocks the application: allow it from this address",
}
"""By AADSTS number, what to do: learn.microsoft.com/entra/identity-platform/reference-error-codes."""

_PASSING = frozenset({"90033", "90006", "90012"})
"""AADSTS numbers that Microsoft calls transient."""

_TRANSIENT_ERRORS = frozenset({"temporarily_unavailable", "server_error"})


def open_rest(login: GraphLogin, limit: timedelta = DEADLINE) -> Rest:
    """Return Graph behind this login, where a request takes no longer than *limit*; nothing is opened before the first one."""
    hint = "check tenant, client and url of the login, and which rights the application has"
    return Rest(login.url, tokens(login, limit=limit), called=f"graph {_host(login.url)}", ca=login.ca, hint=hint, limit=limit)


def tokens(login: GraphLogin, scope: str = "", *, limit: timedelta = DEADLINE) -> Token:
    """Return where tokens come from; for Graph itself unless *scope* says otherwise."""
    return _Tokens(login, scope or _scope(login.url), limit)


def mail_token(login: GraphLogin, _user: str, *, limit: timedelta) -> Token:
    """Return where tokens for SMTP or IMAP come from."""
    return tokens(login, mail_scope(login), limit=limit)


def mail_scope(login: GraphLogin) -> str:
    """Return the scope of SMTP and IMAP in the cloud of this login."""
    return f"https://{_MAIL_HOSTS.get(_host(login.authority), 'outlook.office365.com')}/.default"


def _scope(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/.default"


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


class _Tokens:
    """One application's tokens for one scope."""

    def __init__(self, login: GraphLogin, scope: str, limit: timedelta) -> None:
        self._login = login
        self._scope = scope
        self._limit = limit
        self._called = f"login at {_host(login.authority)}"
        self._application: Any = None
        self._one_at_a_time = Lock()

    def __call__(self, *, fresh: bool = False) -> str:
        with self._one_at_a_time:
            return self._token(fresh=fresh)

    def _token(self, *, fresh: bool) -> str:
        if self._application is None:
            self._application = self._opened()
        elif fresh:
            self._application.remove_tokens_for_client()
        # Our transport raises our errors: named here, msal lets a token that is aging be used on while there are none to be had.
        said: Mapping[str, Any] = self._application.acquire_token_for_client([self._scope], http_exceptions=(Transient,))
        token = said.get("access_token")
        if isinstance(token, str):
            return token
        self._application = None  # msal remembers a no for a minute; and a secret that was mended must be read again
        raise self._error(said)

    def _opened(self) -> Any:  # noqa: ANN401  # msal has no types
        login = self._login
        place = urlsplit(login.authority)
        http = Http(called=self._called, ca=login.ca, hint=_CHECK, limit=self._limit, keep=False)
        return ConfidentialClientApplication(
            login.client,
            client_credential=_credential(login, self._called),
            authority=f"https://{place.netloc}/{login.tenant}",  # msal knows no other; `_Posts` puts http back, where that is meant
            validate_authority=False,
            instance_discovery=False,
            http_client=_Posts(http, plain=place.scheme == "http"),
        )

    def _error(self, said: Mapping[str, Any]) -> BackendError:
        description = str(said.get("error_description") or said.get("error") or "no reason given")
        number = re.search(r"AADSTS(\d+)", description)
        code = number[1] if number else ""
        # what follows differs each time, and an error that differs each time is logged each time
        told = f"{self._called}: {quoted(description.partition('Trace ID:')[0])}"
        if code in _PASSING or said.get("error") in _TRANSIENT_ERRORS:
            return Transient(told, hint="it is tried again by itself")
        return Down(told, hint=_HINTS.get(code, _CHECK), login=True)


_CHECK = "check tenant, client, secret or certificate, and authority of the login"


@dataclass(frozen=True, slots=True)
class _Response:
    """What msal reads of an answer."""

    status_code: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Posts:
    """What msal asks of an HTTP library; errors that pass never get to msal, which would hold them for a while."""

    http: Http
    plain: bool
    """Without TLS: for a test server on loopback."""

    def get(self, url: str, **_: object) -> _Response:
        """Answer what msal wants to know of a tenant."""
        tenant = url.partition("/v2.0/.well-known/")[0]
        places = {"authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize", "token_endpoint": f"{tenant}/oauth2/v2.0/token"}
        return _Response(200, dumps(places), {})

    def post(self, url: str, *, data: Mapping[str, object], headers: Mapping[str, str] | None = None, **_: object) -> _Response:
        place = url.replace("https://", "http://", 1) if self.plain else url
        form = {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in data.items()}  # assertions are bytes
        reply = self.http.send("POST", place, form=form, headers=headers)
        if reply.passing:
            raise Transient(f"{self.http.called}: no token now: {reply.status} {reply.message}".rstrip(), retry_after=reply.retry_after)
        if not isinstance(reply.body, dict):
            raise Down(f"{self.http.called}: answers {reply.status} without saying why", hint="is authority right?")
        return _Response(reply.status, reply.content.decode("utf-8", "replace"), dict(reply.headers))

    def close(self) -> None:
        self.http.close()


def _credential(login: GraphLogin, called: str) -> str | dict[str, str]:
    if login.certificate is not None:
        return _key_pair(login.certificate, called)
    return login.secret.reveal(user=login.client) if login.secret else ""


def _key_pair(certificate: Secret, called: str) -> dict[str, str]:
    """Return key and certificate as msal takes them; with a chain, the certificate that belongs to the key."""
    pem = certificate.reveal().encode()
    where = f"{called}: certificate {certificate.kind} {certificate.name}"
    hint = "it must be a PEM text with -----BEGIN CERTIFICATE----- and -----BEGIN PRIVATE KEY-----, the key without a passphrase"
    try:
        key = load_pem_private_key(_private_key(pem), None)
        certificates = x509.load_pem_x509_certificates(pem)
    except (ValueError, TypeError) as error:  # TypeError: there is a passphrase on it
        raise Down(f"{where} can't be read", hint=hint) from error
    if not isinstance(key, RSAPrivateKey):
        raise Down(f"{where}: its key is none of RSA", hint="Entra takes RSA keys only: make a new pair")
    own = next((found for found in certificates if found.public_key() == key.public_key()), None)
    if own is None:
        raise Down(f"{where}: the key does not belong to the certificate", hint="put both of one pair in it")
    return {
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "public_certificate": own.public_bytes(Encoding.PEM).decode(),
    }


def _private_key(pem: bytes) -> bytes:
    """Return the part with the key, without certificates and what people write in between."""
    for block in pem.split(b"-----BEGIN ")[1:]:
        kind, mark, rest = block.partition(b"PRIVATE KEY-----")
        if mark and b"-" not in kind:
            return b"-----BEGIN " + kind + mark + rest.partition(mark)[0] + mark
    return b""

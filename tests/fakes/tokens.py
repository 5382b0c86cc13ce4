"""Where tokens come from, on loopback: Microsoft's token endpoint and Google's, which judge every request for one.

Microsoft's takes client credentials with a secret, or with an assertion that the certificate's key has signed; Google's the
assertion of a service account that acts for a user. Both answer in the words of the real ones. What the tokens are good for is
the business of others: `TokenServer.issued` says who got which.
"""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from beklijf.backends.google.settings import GoogleLogin
from beklijf.backends.graph.settings import GraphLogin
from beklijf.boundary.credentials import Secret

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "99999999-8888-7777-6666-555555555555"
SECRET = "Zo8Q~geheim-van-de-applicatie"
ACCOUNT = "beklijf@voorbeeld.iam.gserviceaccount.com"
ACCOUNT_CLIENT = "104000000000000000001"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
GOOGLE_AUDIENCE = "https://oauth2.googleapis.com/token"
TRACE = " Trace ID: {n}0000000-aaaa-bbbb-cccc-dddddddddddd Correlation ID: {n} Timestamp: 2026-12-01 09:00:0{n}Z"


@dataclass(frozen=True, slots=True)
class Issued:
    """What a token says of its bearer."""

    who: str
    """The application's client id, or the user that the service account acts for."""
    scope: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls) -> Pair:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "beklijf")])
        first = datetime(2026, 1, 1, tzinfo=UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(first).not_valid_after(first + timedelta(days=3650))
        return cls(key, builder.sign(key, hashes.SHA256()))

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def thumbprint(self) -> str:
        """The certificate's SHA-256 as a JWT header has it (``x5t#S256``)."""
        return base64.urlsafe_b64encode(self.certificate.fingerprint(hashes.SHA256())).rstrip(b"=").decode()


class No(Exception):
    """An answer of the endpoint that is no token."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error = status, error


@dataclass(slots=True)
class TokenServer:
    pair: Pair
    """Whose certificate is uploaded at Microsoft, and whose key is the service account's at Google."""
    folder: Path
    """Where secrets and keys are kept."""
    url: str = ""
    users: set[str] = field(default_factory=lambda: {"mentor@voorbeeld.example"})
    """Whom Google knows."""
    granted: set[str] = field(default_factory=lambda: {"https://www.googleapis.com/auth/calendar", "https://mail.google.com/"})
    """Which scopes an administrator has delegated to the service account."""
    lifetime: int = 3599
    """Seconds that tokens are good for."""
    mood: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    """What is answered to the next requests instead: status, headers, body."""
    asked: list[str] = field(default_factory=list)
    """The paths of all requests."""
    issued: dict[str, Issued] = field(default_factory=dict)
    assertions: set[str] = field(default_factory=set)

    # -- logins that lead here -----------------------------------------------------------------------------------------

    def graph(self, url: str = "https://graph.microsoft.com/v1.0", *, secret: str = SECRET, tenant: str = TENANT) -> GraphLogin:
        return GraphLogin(tenant=tenant, client=CLIENT, secret=self.kept("secret", secret), url=url, authority=self.url)

    def graph_by_certificate(self, pem: str) -> GraphLogin:
        return GraphLogin(tenant=TENANT, client=CLIENT, certificate=self.kept("certificate.pem", pem), authority=self.url)

    def google(self, url: str = "https://www.googleapis.com/calendar/v3", **changes: object) -> GoogleLogin:
        key = {
            "type": "service_account",
            "project_id": "voorbeeld",
            "private_key_id": KEY_ID,
            "private_key": self.pair.key_pem,
            "client_email": ACCOUNT,
            "client_id": ACCOUNT_CLIENT,
            "token_uri": f"{self.url}/token",
            **changes,
        }
        return GoogleLogin(key=self.kept("key.json", json.dumps(key)), url=url)

    def kept(self, name: str, text: str) -> Secret:
        (self.folder / name).write_text(text + "\n", encoding="utf-8")
        return Secret("file", str(self.folder / name))

    # -- the endpoints -------------------------------------------------------------------------------------------------

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, dict[str, str], str]:
        self.asked.append(path)
        if self.mood:
            return self.mood.pop(0)
        try:
            issued = self._google(form) if path == "/token" else self._microsoft(path, form)
        except No as no:
            return no.status, {}, json.dumps({"error": no.error, "error_description": str(no)})
        token = f"token-{len(self.issued) + 1}-{issued.who}"
        self.issued[token] = issued
        return 200, {}, json.dumps({"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token})

    def _microsoft(self, path: str, form: dict[str, str]) -> Issued:
        tenant, _, rest = path.removeprefix("/").partition("/")
        if rest != "oauth2/v2.0/token":
            raise No(404, "not_found", "no such page")
        if tenant != TENANT:
            raise self._aadsts(400, "invalid_request", f"AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have it right.")
        if form["grant_type"] != "client_credentials" or not form["scope"].endswith("/.default"):
            raise self._aadsts(400, "invalid_scope", "AADSTS1002012: The provided value for scope is not valid.")
        if form["client_id"] != CLIENT:
            raise self._aadsts(400, "unauthorized_client", f"AADSTS700016: Application '{form['client_id']}' was not found.")
        if "client_assertion" in form:
            self._judge(form)
        elif form.get("client_secret") == "verlopen":
            raise self._aadsts(401, "invalid_client", f"AADSTS7000222: The provided client secret keys for app '{CLIENT}' are expired.")
        elif form.get("client_secret") != SECRET:
            raise self._aadsts(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        return Issued(CLIENT, form["scope"])

    def _judge(self, form: dict[str, str]) -> None:
        """Verify a client assertion: learn.microsoft.com/entra/identity-platform/certificate-credentials."""
        assertion = form["client_assertion"]
        try:
            assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            header = jwt.get_unverified_header(assertion)
            assert header["x5t#S256"].rstrip("=") == self.pair.thumbprint  # msal pads it, which RFC 7515 does not
            audience = f"https://{self.url.partition('://')[2]}/{TENANT}/oauth2/v2.0/token"
            claims = jwt.decode(assertion, self.pair.key.public_key(), ["PS256"], {"require": ["exp", "jti"]}, audience=audience)
            assert claims["iss"] == claims["sub"] == CLIENT
            assert claims["jti"] not in self.assertions
        except (AssertionError, KeyError, jwt.PyJWTError) as error:
            raise self._aadsts(401, "invalid_client", f"AADSTS700027: Client assertion failed signature validation. {error!r}") from error
        self.assertions.add(claims["jti"])

    def _aadsts(self, status: int, error: str, said: str) -> No:
        return No(status, error, said + TRACE.format(n=len(self.asked) % 10))

    def _google(self, form: dict[str, str]) -> Issued:
        if form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            raise No(400, "unsupported_grant_type", f"Invalid grant_type: {form['grant_type']}")
        assertion = form["assertion"]
        if jwt.get_unverified_header(assertion)["kid"] != KEY_ID:
            raise No(400, "invalid_grant", "Invalid JWT Signature.")
        try:
            claims = jwt.decode(assertion, self.pair.key.public_key(), ["RS256"], {"require": ["exp", "iat"]}, audience=GOOGLE_AUDIENCE)
        except jwt.InvalidSignatureError as error:
            raise No(400, "invalid_grant", "Invalid JWT Signature.") from error
        if claims["iss"] != ACCOUNT or claims["exp"] - claims["iat"] > 3600:
            raise No(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
        if not {*claims["scope"].split()} <= self.granted:
            said = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes"
            raise No(401, "unauthorized_client", f"{said} requested.")
        if claims["sub"] not in self.users:
            raise No(400, "invalid_grant", "Invalid email or User ID")
        return Issued(claims["sub"], claims["scope"])


@contextmanager
def token_server(folder: Path, pair: Pair, tls: ssl.SSLContext | None = None) -> Iterator[TokenServer]:
    """Run both endpoints on a free port of loopback."""
    desk = TokenServer(pair, folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server's name
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
            is_form = self.headers["Content-Type"] == "application/x-www-form-urlencoded"
            status, headers, answer = desk.answer(self.path, form) if is_form else (415, {}, "")
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(answer.encode()))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        desk.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield desk
        server.shutdown()
        thread.join()

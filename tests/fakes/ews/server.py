"""The HTTP side: logging in, impersonation, bad moods, judging what goes over the wire, counting it."""

from __future__ import annotations

import base64
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from lxml import etree
from tests.fakes.company import Company
from tests.fakes.ews import availability, soap
from tests.fakes.ews.operations import Operations
from tests.fakes.judges import Illegal
from tests.fakes.judges.ews import judge

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

PATH = "/EWS/Exchange.asmx"
TOKEN = "/token"  # where they come from, and none itself


@dataclass(frozen=True, slots=True)
class Status:
    """An answer without any SOAP: something that stands before Exchange, or Exchange before it looks."""

    code: int
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection breaks, before the work is done or after it."""

    after: bool


Mood = soap.Refusal | Status | Drop | None
"""What is done instead of the next request; None: as usual."""


@dataclass(slots=True)
class EwsServer:
    company: Company = field(default_factory=Company)
    password: str = "mentorpw"
    users: dict[str, str] = field(default_factory=dict)
    """Mailboxes by user, for those who log in by another name than their address."""
    impersonates: bool = True
    """Logins have the role ApplicationImpersonation."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Users by bearer token, as the token endpoint gave them out."""
    mood: list[Mood] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    """The operations that were asked for, in order."""
    lifetime: int = 3600
    """Seconds that a token is good for."""
    token_requests: list[dict[str, str]] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    """What the judge said of anybody's messages; a test ends with none."""
    garbles: Callable[[bytes], bytes] | None = None
    """What becomes of answers after the judge has seen them: what no server should say, and one may."""
    connections: int = 0
    url: str = ""
    operations: Operations = field(init=False)

    def __post_init__(self) -> None:
        self.operations = Operations(self.company)

    def share(self, mailbox: str, acting: str, rights: str = "editor") -> None:
        """Let somebody into a calendar (``editor``, ``reviewer``), or out of it (empty)."""
        self.operations.shared.setdefault(mailbox, {})[acting] = rights

    def answer(self, body: bytes, authorization: str) -> Status | Drop | tuple[int, bytes]:
        """Return what the server says to one request."""
        user = self._user(authorization)
        if user is None:
            return Status(401, {"WWW-Authenticate": 'Basic realm="mail"'})
        self.requests.append(_operation(body))
        mood = self.mood.pop(0) if self.mood else None
        if isinstance(mood, Status) or (isinstance(mood, Drop) and not mood.after):
            return mood
        try:
            judge(body)
        except Illegal as wrong:
            self.illegal.append(f"request: {wrong}")
            return 500, soap.fault(soap.Refusal("ErrorSchemaValidation", str(wrong)))
        status, answer = self._done(etree.fromstring(body), user, mood if isinstance(mood, soap.Refusal) else None)
        try:
            judge(answer)
        except Illegal as wrong:
            self.illegal.append(f"response: {wrong}\n{answer.decode()}")
        if self.garbles is not None:
            answer = self.garbles(answer)
        return mood if isinstance(mood, Drop) else (status, answer)

    def _done(self, envelope: etree._Element, user: str, no: soap.Refusal | None) -> tuple[int, bytes]:
        request = soap.find(envelope, "s:Body")
        assert request is not None
        try:
            if isinstance(no, soap.Fault):
                raise no
            acting = self._acting(envelope, user)
            if no is not None:
                return 200, soap.envelope(_refused(request[0], no))
            return 200, soap.envelope(self.operations.do(request[0], acting))
        except soap.Refusal as said:
            return 500, soap.fault(said)

    def _acting(self, envelope: etree._Element, user: str) -> str:
        """Return whose rights hold: the impersonated mailbox's, else those of who logged in."""
        wanted = soap.find(envelope, "s:Header/t:ExchangeImpersonation/t:ConnectingSID")
        if wanted is None:
            return self.users.get(user, user).casefold()
        if not self.impersonates:
            raise soap.Fault("ErrorImpersonateUserDenied", "The account does not have permission to impersonate the requested user.")
        address = (wanted[0].text or "").casefold()
        if address not in self.company.mailboxes:
            raise soap.Fault("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
        return address

    def _user(self, authorization: str) -> str | None:
        kind, _, value = authorization.partition(" ")
        if kind == "Bearer":
            return self.tokens.get(value)
        if kind != "Basic":
            return None
        user, _, password = base64.b64decode(value).decode().partition(":")
        return user if password == self.password else None

    def token(self, form: dict[str, str]) -> tuple[int, bytes]:
        """Give an application a token for the service's mailbox."""
        self.token_requests.append(form)
        if form.get("client_secret") != self.password:
            return 401, b'{"error": "invalid_client", "error_description": "MSIS9622: the client is not who it says"}'
        token = f"token-{len(self.tokens)}"
        self.tokens[token] = form.get("client_id", "")
        return 200, f'{{"access_token": "{token}", "token_type": "bearer", "expires_in": {self.lifetime}}}'.encode()


def _operation(body: bytes) -> str:
    try:
        content = soap.find(etree.fromstring(body), "s:Body")
    except etree.XMLSyntaxError:
        return "?"
    return "?" if content is None else soap.local(content[0]).removesuffix("Request")


_LISTS = dict.fromkeys(("GetItem", "MoveItem", "DeleteItem"), "m:ItemIds") | {"CreateItem": "m:Items", "UpdateItem": "m:ItemChanges"}


def _refused(request: etree._Element, no: soap.Refusal) -> etree._Element:
    """Return a no to each thing of a request, in the words of its operation."""
    name = soap.local(request)
    if name == "GetUserAvailabilityRequest":
        return availability.refusal(request, no)
    there = soap.find(request, _LISTS[name]) if name in _LISTS else None
    content = [soap.M.Items] if name in _LISTS.keys() - {"DeleteItem"} else []
    return soap.response(name, [soap.refused(name, no, *(each() for each in content)) for _ in range(1 if there is None else len(there))])


@contextmanager
def running(server: EwsServer, context: ssl.SSLContext | None = None) -> Iterator[EwsServer]:
    """Serve on loopback until the block ends."""

    class Handler(_Handler):
        ews = server
        lock = threading.Lock()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        if context is not None:
            http.socket = context.wrap_socket(http.socket, server_side=True)
        server.url = f"{'https' if context else 'http'}://{'localhost' if context else '127.0.0.1'}:{http.server_port}{PATH}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    ews: EwsServer
    lock: threading.Lock

    def setup(self) -> None:
        self.ews.connections += 1
        super().setup()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.endswith(TOKEN):
            status, said = self.ews.token(dict(parse_qsl(body.decode())))
            self.send(status, said, {"Content-Type": "application/json"})
        elif self.path != PATH:
            self.send(404, b"", {})
        else:
            self.speak(self.answer(body))

    def answer(self, body: bytes) -> Status | Drop | tuple[int, bytes]:
        with self.lock:
            try:
                return self.ews.answer(body, self.headers.get("Authorization", ""))
            except Exception:  # a fake that fails must not look like a connection that breaks
                self.ews.illegal.append(traceback.format_exc())
                raise

    def speak(self, answer: Status | Drop | tuple[int, bytes]) -> None:
        if isinstance(answer, Drop):
            self.close_connection = True
        elif isinstance(answer, Status):
            self.send(answer.code, b"", answer.headers)
        else:
            self.send(*answer, {"Content-Type": "text/xml; charset=utf-8"})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

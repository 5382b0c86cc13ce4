"""The fake as an HTTP server on loopback: bearer tokens, partial responses, the judge, and bad moods on demand."""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

from tests.fakes.google.patching import No
from tests.fakes.google.service import SCOPE, Call, Google
from tests.fakes.judges import Illegal
from tests.fakes.judges.google import judge_request, judge_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.company import Company
    from tests.fakes.google.items import Item
    from tests.fakes.tokens import TokenServer

ROOT = "/calendar/v3"
_WRITES = {"POST", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Mood:
    """What becomes of one request instead: an error, or a connection that is cut off before or after it was done."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    dropped: Literal["", "before", "after"] = ""


@dataclass
class GoogleServer:
    """The service on the wire."""

    service: Google
    url: str = ""
    moods: list[Mood | None] = field(default_factory=list)
    """For the next requests, in order; None: done as asked."""
    garbled: Callable[[Any], Any] | None = None
    """What becomes of answers after the judge has seen them: what no server should say, and one may."""
    requests: list[str] = field(default_factory=list)
    """What was asked: method, and path with query."""
    bodies: list[Any] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    """What the judge said against requests or answers."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, method: str, target: str, headers: Any, content: bytes) -> tuple[int, Item | None, dict[str, str]] | None:  # noqa: ANN401  # http.server's message
        """Return status, body and headers; None where the connection is cut off."""
        with self.lock:
            self.requests.append(f"{method} {target.removeprefix(ROOT)}")
            mood = self.moods.pop(0) if self.moods else None
            if mood is not None and mood.dropped == "before":
                return None
            if mood is not None and mood.status:
                return mood.status, No(mood.status, mood.reason).body() if mood.reason else {}, mood.headers
            status, body = self._answer(method, target, headers, content)
            if self.garbled is not None:
                body = self.garbled(deepcopy(body))
            return None if mood is not None and mood.dropped else (status, body, {})

    def _answer(self, method: str, target: str, headers: Any, content: bytes) -> tuple[int, Item | None]:  # noqa: ANN401  # as above
        parts = urlsplit(target)
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
        body = json.loads(content) if content else None
        self.bodies.append(body)
        try:
            _judge(method, parts.path, query, body)
            plain = {name: values[0] for name, values in query.items()}
            subject, etag = self._subject(headers.get("Authorization", "")), headers.get("If-Match", "")
            status, found = self.service.answer(Call(method, parts.path.removeprefix(ROOT), plain, body or {}, subject, etag))
        except Illegal as error:
            self.illegal.append(str(error))
            status, found = 400, No(400, "badRequest", str(error)).body()
        except No as error:
            status, found = error.status, error.body()
        answer = thinned(found, query["fields"][0]) if found is not None and status == 200 and "fields" in query else found
        try:
            if status == 200:
                judge_response(method, parts.path, status, found)  # whole, so that what is always there is asked for
            judge_response(method, target, status, answer)
        except Illegal as error:
            self.illegal.append(str(error))
        return status, answer

    def _subject(self, authorization: str) -> str:
        """Return who acts, by the token."""
        token = self.service.tokens.issued.get(authorization.removeprefix("Bearer "))
        if token is None or SCOPE not in token.scope.split() or token.who not in self.service.company.mailboxes:
            raise No(401, "authError", "Invalid Credentials")
        return token.who


def _judge(method: str, path: str, query: dict[str, list[str]], body: object) -> None:
    judge_request(method, path, {name: values[0] if len(values) == 1 else values for name, values in query.items()}, body)
    if method in _WRITES and "/events" in path and "sendUpdates" not in query:
        raise Illegal(f"{method} {path}", "does not say who is told")


def thinned(value: Item, mask: str) -> Item:
    """Return what a ``fields`` mask leaves: ``a,b(c,d),e/f``."""
    wanted: dict[str, list[str]] = {}
    for part in _split(mask):
        found = re.fullmatch(r"([^(/]+)(?:/(.+)|\((.+)\))?", part)
        assert found is not None, f"no mask: {part}"
        wanted.setdefault(found[1], []).append(found[2] or found[3] or "*")
    left = {}
    for name, inner in wanted.items():
        if name in value:
            masks = ",".join(inner)
            left[name] = value[name] if masks == "*" else _inner(value[name], masks)
    return left


def _inner(value: Any, mask: str) -> Any:  # noqa: ANN401  # JSON
    return [thinned(each, mask) for each in value] if isinstance(value, list) else thinned(value, mask)


def _split(mask: str) -> Iterator[str]:
    depth, part = 0, ""
    for character in mask:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            yield part
            part = ""
        else:
            part += character
    yield part


@contextmanager
def google_server(company: Company, tokens: TokenServer) -> Iterator[GoogleServer]:
    """Run the service on a free port of loopback."""
    fake = GoogleServer(Google(company, tokens))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet: else each answer waits for an acknowledgement

        def _do(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = fake.handle(self.command, self.path, self.headers, content)
            if answer is None:
                self.close_connection = True
                return
            status, body, headers = answer
            sent = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json; charset=UTF-8", **headers, "Content-Length": str(len(sent))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def do_GET(self) -> None:  # http.server's name, as are the others
            self._do()

        def do_POST(self) -> None:
            self._do()

        def do_PATCH(self) -> None:
            self._do()

        def do_DELETE(self) -> None:
            self._do()

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake.url = f"http://127.0.0.1:{server.server_port}{ROOT}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()

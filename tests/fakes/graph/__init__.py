"""Microsoft Graph v1.0 in front of a company, on loopback: bearer tokens, batches, throttling, and bad moods on demand.

Every request and every answer goes before the judge (`judges.graph`); what he finds illegal is collected in `Graph.illegal`, and
answered with 400. Tokens come from `tokens.TokenServer`, whose word is taken for who they are of.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fakes.graph.calendars import Calendars
from tests.fakes.graph.mail import Mails
from tests.fakes.graph.shapes import Json, Wrong
from tests.fakes.graph.views import Asked, Said, Switches
from tests.fakes.judges import Illegal
from tests.fakes.judges import graph as judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.company import Company

AT_ONCE = 4
BATCH = 20


@dataclass(frozen=True, slots=True)
class Mood:
    """What is done instead of the next request: an answer, or a dropped connection, before or after the work."""

    status: int = 0
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    drop: Literal["", "before", "after"] = ""


class Dropped(Exception):
    """The connection breaks in the middle of a batch."""


class Graph:
    """The fake: `url` is what a config says."""

    def __init__(self, company: Company, may: Callable[[str], bool]) -> None:
        """Take who *may* come in with a token."""
        self.company = company
        self.switches = Switches()
        self.calendars = Calendars(company, self.switches)
        self.mails = Mails(company)
        self.url = ""
        self.requests: list[str] = []
        """Method and path of each request, batches as such."""
        self.targets: list[str] = []
        """The same with their queries."""
        self.parts: list[str] = []
        """The same of what stands in batches, and of what doesn't."""
        self.moods: list[Mood | None] = []
        """For the next requests; None lets one pass."""
        self.part_moods: list[Mood | None] = []
        """The same for parts of batches; one that drops breaks the connection, with the parts before it done."""
        self.garbled: Callable[[str, Any], Any] | None = None
        """What becomes of a yes on its way: of method and path, and of what was answered."""
        self.closed: dict[str, Mood] = {}
        """Mailboxes (addresses) that answer so to everything."""
        self.illegal: list[str] = []
        self.most_at_once = 0
        self.sizes: list[int] = []
        """Of batches."""
        self._may = may
        self._now = 0
        self._lock = threading.Lock()

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    def known_at(self, address: str) -> None:
        """Name ourselves by this address in the links to next pages."""
        self.url = self.calendars.views.base = self.mails.base = f"{address}/v1.0"

    def respond(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Said | None:
        """Return the answer to one request of HTTP; None: the connection is dropped."""
        mood = (self.moods.pop(0) if self.moods else None) or Mood()
        if mood.drop == "before":
            return None
        self.requests.append(f"{method} {urlsplit(target).path.removeprefix(self.path)}")
        self.targets.append(f"{method} {target}")
        with self._one_more() as allowed:
            if not allowed:
                return refusal(Wrong(429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit."))
            try:
                said = self._judged(method, target, headers, content_of(headers, body), mood)
            except Dropped:
                return None
        if self.garbled and said.status < 300:
            said.body = self.garbled(self.requests[-1], said.body)
        return None if mood.drop == "after" else said

    def _judged(self, method: str, target: str, headers: dict[str, str], content: Any, mood: Mood) -> Said:  # noqa: ANN401  # JSON is anything
        """Return the answer, with request and answer judged, be it a yes or a no."""
        try:
            judge.judge_request(method, target, content)
            try:
                said = self._answer(asked_for(method, target, headers, content, self.path), mood)
            except Wrong as wrong:
                said = refusal(wrong)
            judge.judge_response(method, target, said.status, said.body, content)
        except Illegal as illegal:
            self.illegal.append(str(illegal))
            return refusal(Wrong(400, "BadRequest", str(illegal)))
        return Said(said.status, said.body, {**said.headers, **mood.headers})

    def _answer(self, asked: Asked, mood: Mood) -> Said:
        if mood.status:
            raise Wrong(mood.status, mood.code)
        if not self._may(asked.header("Authorization").removeprefix("Bearer ")):
            raise Wrong(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
        return self._batch(asked) if asked.path == "/$batch" else self._one(asked)

    def _one(self, asked: Asked) -> Said:
        self.parts.append(f"{asked.method} {asked.path}")
        for address, mood in self.closed.items():
            if asked.path.startswith(f"/users/{address}/"):
                raise Wrong(mood.status, mood.code)
        said = self.calendars.handle(asked) or self.mails.handle(asked)
        if said is None:
            raise Wrong(400, "BadRequest", f"Resource not found for the segment: {asked.method} {asked.path}")
        return said

    def _batch(self, asked: Asked) -> Said:
        parts = asked.body["requests"]
        if len(parts) > BATCH:
            raise Wrong(400, "MaximumValueExceeded", "Number of batch request steps exceeds the maximum value of 20.")
        self.sizes.append(len(parts))
        apart = min(AT_ONCE, sum(1 for part in parts if not part.get("dependsOn")))
        self.most_at_once = max(self.most_at_once, self._now - 1 + apart)
        done: dict[str, Said] = {}
        for part in parts:
            needs = part.get("dependsOn", [])
            if any(done[each].status >= 400 for each in needs):
                done[part["id"]] = refusal(Wrong(424, "FailedDependency", "Failed Dependency"))
                continue
            done[part["id"]] = self._part(part)
        responses = [
            {"id": name, "status": said.status, "headers": {"Cache-Control": "private", **said.headers}}
            | ({} if said.body is None else {"body": said.body})
            for name, said in reversed(done.items())  # in any order, and so in this one
        ]
        return Said(200, {"responses": responses})

    def _part(self, part: Json) -> Said:
        mood = self.part_moods.pop(0) if self.part_moods else None
        if mood is not None and mood.status:
            said = refusal(Wrong(mood.status, mood.code))
            return Said(said.status, said.body, dict(mood.headers))
        if mood is not None and mood.drop == "before":
            raise Dropped
        try:
            said = self._one(asked_for(part["method"], part["url"], part.get("headers", {}), part.get("body"), ""))
        except Wrong as wrong:
            said = refusal(wrong)
        if mood is not None and mood.drop == "after":
            raise Dropped
        return said

    @contextmanager
    def _one_more(self) -> Iterator[bool]:
        """Count requests at once; too many are refused."""
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            allowed = self._now <= AT_ONCE
        try:
            yield allowed
        finally:
            with self._lock:
                self._now -= 1


def content_of(headers: dict[str, str], body: bytes) -> Any:  # noqa: ANN401  # JSON is anything
    if body and headers.get("Content-Type") == "text/plain":
        return body.decode()
    return json.loads(body) if body else None


def _content(headers: dict[str, str], body: bytes) -> Any:  # noqa: ANN401  # JSON is anything
    """Return what was sent: nothing, what JSON says, or the bytes of something else (MIME)."""
    kind = next((value for name, value in headers.items() if name.casefold() == "content-type"), "")
    return None if not body else json.loads(body) if "json" in kind else body


def asked_for(method: str, target: str, headers: dict[str, str], body: Any, root: str) -> Asked:  # noqa: ANN401  # JSON is anything
    parts = urlsplit(target)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Asked(
        method, unquote(parts.path.removeprefix(root)) if "%40" in parts.path else parts.path.removeprefix(root), options, headers, body
    )


def refusal(wrong: Wrong) -> Said:
    inner = {"date": "2026-11-23T12:00:00", "request-id": "1", "client-request-id": "1"}
    return Said(wrong.status, {"error": {"code": wrong.code, "message": str(wrong), "innerError": inner}})


@contextmanager
def serving(company: Company, may: Callable[[str], bool]) -> Iterator[Graph]:
    """Run the fake on a free port of loopback."""
    graph = Graph(company, may)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two packets, and the second would wait for the first one's echo

        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            said = graph.respond(self.command, self.path, dict(self.headers.items()), body)
            if said is None:
                self.close_connection = True
            else:
                self.say(said)

        do_GET = do_POST = do_PATCH = do_DELETE = do  # noqa: N815  # http.server's names

        def say(self, said: Said) -> None:
            content = said.body if isinstance(said.body, bytes) else b"" if said.body is None else json.dumps(said.body).encode()
            self.send_response(said.status)
            told = {"Content-Type": "application/json; odata.metadata=minimal; charset=utf-8"} if content else {}
            for name, value in {**told, **said.headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def date_time_string(self, timestamp: float | None = None) -> str:
            del timestamp
            return format_datetime(company.now, usegmt=True)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        graph.known_at(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield graph
        server.shutdown()
        thread.join()

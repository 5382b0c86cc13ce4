"""A CalDAV server on loopback that misbehaves on demand: what it says of each resource, where it sends on to, how its bytes come.

Small on purpose, and nothing of ours in it. What a server does that behaves is shown on Radicale and Xandikos.
"""

from __future__ import annotations

import http.server
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from lxml import etree

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping

    Mood = Callable[["Asked"], bool]
    """Answers a request in its own way, and returns whether it did."""

NAMES = {"d": "DAV:", "c": "urn:ietf:params:xml:ns:caldav"}
XMLNS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())
HOME = "/dav/mentor/"
CALENDAR = f"{HOME}track/"
INBOX, OUTBOX = f"{HOME}inbox/", f"{HOME}outbox/"
MENTOR = "mailto:mentor@voorbeeld.example"


class Asked(http.server.BaseHTTPRequestHandler):
    """One request, and the way to answer it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets, and the second would wait for the first one's echo
    server: _Listening
    body: bytes

    def do(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        desk = self.server.desk
        desk.asked.append((self.command, self.path))
        desk.headers.append(dict(self.headers))
        with suppress(BrokenPipeError, ConnectionResetError):
            if not any(mood(self) for mood in desk.moods):
                desk.answer(self)

    do_GET = do_PUT = do_DELETE = do_POST = do_PROPFIND = do_REPORT = do_OPTIONS = do_MKCALENDAR = do  # noqa: N815 (http.server's names)

    def say(self, status: int, content: str | bytes = b"", headers: Mapping[str, str] | None = None) -> bool:
        data = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        for name, value in {"Content-Type": "application/xml; charset=utf-8", **(headers or {}), "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
        return True

    def multistatus(self, *responses: str, token: str = "") -> bool:
        said = f"<d:sync-token>{token}</d:sync-token>" if token else ""
        return self.say(207, f"<d:multistatus {XMLNS}>{''.join(responses)}{said}</d:multistatus>")

    def wants(self, *reports: str) -> bool:
        return any(report.encode() in self.body for report in reports)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


class _Listening(http.server.ThreadingHTTPServer):
    desk: Dav
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that went away."""


@dataclass(slots=True)
class Dav:
    port: int
    tls: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)
    """By path."""
    whole: dict[str, int] = field(default_factory=dict)
    """What is said of a resource as a whole, by path."""
    parts: dict[tuple[str, str], int] = field(default_factory=dict)
    """What is said of one property of it: ``("/dav/mentor/track/x.ics", "c:calendar-data")``."""
    silent: set[str] = field(default_factory=set)
    """Of which nothing is said."""
    props: dict[tuple[str, str], str] = field(default_factory=dict)
    """What stands in a property, as XML."""
    syncs: bool = True
    counts: bool = False
    """Whether ETags count the writes to an object, as SOGo's do."""
    page: int = 0
    """How many members a sync-collection has at most; 0: all."""
    moods: list[Mood] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    _history: list[str] = field(default_factory=list)
    _writes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        calendar = "<d:collection/><c:calendar/>"
        self.props |= {
            ("/", "d:resourcetype"): "<d:collection/>",
            ("/", "d:current-user-principal"): f"<d:href>{HOME}</d:href>",
            (HOME, "d:resourcetype"): "<d:collection/><d:principal/>",
            (HOME, "c:calendar-home-set"): f"<d:href>{HOME}</d:href>",
            (HOME, "c:calendar-user-address-set"): f"<d:href>{MENTOR}</d:href>",
            (HOME, "c:schedule-inbox-URL"): f"<d:href>{INBOX}</d:href>",
            (HOME, "c:schedule-outbox-URL"): f"<d:href>{OUTBOX}</d:href>",
            (CALENDAR, "d:resourcetype"): calendar,
            (CALENDAR, "d:displayname"): "Track",
            (INBOX, "d:resourcetype"): "<d:collection/>",
        }

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/"

    def put(self, path: str, data: bytes) -> None:
        """Write an object, as another program does."""
        self._writes[path] = self._writes[path] + 1 if path in self.objects else 0
        self.objects[path] = data
        self._history.append(path)

    def remove(self, path: str) -> None:
        del self.objects[path]
        self._history.append(path)

    def answer(self, asked: Asked) -> bool:
        match asked.command:
            case "OPTIONS":
                return asked.say(200, headers={"DAV": "1, 3, calendar-access"})
            case "PROPFIND":
                return self._propfind(asked)
            case "REPORT":
                return self._report(asked)
            case "PUT" | "DELETE":
                return self._write(asked)
        return asked.say(405)

    def _report(self, asked: Asked) -> bool:
        if (asked.path, "d:resourcetype") not in self.props:
            return asked.say(404)
        if asked.wants("sync-collection"):
            return self._sync(asked)
        hrefs = [href.text or "" for href in etree.fromstring(asked.body).iterfind("d:href", NAMES)]
        return asked.multistatus(*(self.response(href, "d:getetag", "c:calendar-data") for href in hrefs))

    def _write(self, asked: Asked) -> bool:
        new = asked.path not in self.objects
        if asked.command == "DELETE":
            self.remove(asked.path)
            return asked.say(204)
        self.put(asked.path, asked.body)
        return asked.say(201 if new else 204, headers={"ETag": self.etag(asked.path)})

    def etag(self, path: str) -> str:
        return f'"gcs{self._writes[path]:08}"' if self.counts else f'"{sha256(self.objects[path]).hexdigest()[:16]}"'

    def response(self, path: str, *names: str) -> str:
        """Return what a multistatus says of one resource."""
        if path in self.silent:
            return ""
        status = self.whole.get(path, 200 if path in self.objects or (path, "d:resourcetype") in self.props else 404)
        if status != 200:
            return f"<d:response><d:href>{path}</d:href><d:status>HTTP/1.1 {status} So</d:status></d:response>"
        told: dict[int, list[str]] = {}
        for name in names:
            content = self._prop(path, name)
            said = self.parts.get((path, name), 404 if content is None else 200)
            told.setdefault(said, []).append(f"<{name}>{content}</{name}>" if said == 200 else f"<{name}/>")
        stats = (f"<d:propstat><d:prop>{''.join(p)}</d:prop><d:status>HTTP/1.1 {s} So</d:status></d:propstat>" for s, p in told.items())
        return f"<d:response><d:href>{path}</d:href>{''.join(stats)}</d:response>"

    def _prop(self, path: str, name: str) -> str | None:
        if path in self.objects:
            known = {"d:getetag": escape(self.etag(path)), "c:calendar-data": escape(self.objects[path].decode()), "d:resourcetype": ""}
            return known.get(name)
        return self.props.get((path, name))

    def _propfind(self, asked: Asked) -> bool:
        prefixes = {uri: prefix for prefix, uri in NAMES.items()}
        wanted = (etree.QName(prop) for prop in etree.fromstring(asked.body).iterfind("d:prop/*", NAMES))
        names = [f"{prefixes[name.namespace or '']}:{name.localname}" for name in wanted]
        if asked.path not in self.objects and not any(asked.path == path for path, _ in self.props):
            return asked.say(404)
        paths = [asked.path]
        if asked.headers.get("Depth") == "1":
            known = {*self.objects, *(path for path, _ in self.props), *self.whole}
            paths += sorted(path for path in known if path.rstrip("/").rpartition("/")[0] + "/" == asked.path and path != asked.path)
        return asked.multistatus(*(self.response(path, *names) for path in paths))

    def _sync(self, asked: Asked) -> bool:
        if not self.syncs:
            return asked.say(403)
        token = etree.fromstring(asked.body).findtext("d:sync-token", "", NAMES)
        since = int(token.rpartition("/")[2]) if token else 0
        until = min(since + self.page, len(self._history)) if self.page else len(self._history)
        changed = [path for path in dict.fromkeys(self._history[since:until]) if path.startswith(asked.path)]
        responses = [self.response(path, "d:getetag") for path in changed if token or path in self.objects]
        if until < len(self._history):
            responses.append(f"<d:response><d:href>{CALENDAR}</d:href><d:status>HTTP/1.1 507 More</d:status></d:response>")
        return asked.multistatus(*responses, token=f"http://sync/{until}")


@contextmanager
def dav_server(tls: ssl.SSLContext | None = None) -> Iterator[Dav]:
    with _Listening(("127.0.0.1", 0), Asked) as server:
        server.daemon_threads = True
        server.desk = Dav(server.server_port, tls is not None)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.desk
        finally:
            server.shutdown()
            thread.join()

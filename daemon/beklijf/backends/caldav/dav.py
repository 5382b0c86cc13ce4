"""One keep-alive connection to a CalDAV server, its XML, and its refusals as our errors.

Uses the caldav library for sessions and authentication, and its plain request underneath: that leaves bytes and SEQUENCE alone,
where the library's event objects rewrite both. Knows no events.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

import niquests
from caldav.davclient import DAVClient
from caldav.lib.error import AuthorizationError, RateLimitError
from lxml import etree

from beklijf.backends.caldav import multistatus
from beklijf.backends.caldav.multistatus import GONE, NAMES
from beklijf.backends.caldav.origins import Origins, origin_of
from beklijf.backends.caldav.session import Session
from beklijf.boundary import bodies, deadline
from beklijf.boundary.patience import http_date, retry_after
from beklijf.model.errors import BackendError, Conflict, Down, Exists, Missing, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import timedelta

    from caldav.response import DAVResponse
    from lxml.etree import _Element

    from beklijf.backends.caldav.multistatus import Resource
    from beklijf.backends.caldav.settings import CalendarByCaldav

TIMEOUT = 60
"""Seconds; a first REPORT over a large calendar takes some servers half a minute."""
_UID_CONFLICT = "{urn:ietf:params:xml:ns:caldav}no-uid-conflict"
OK = frozenset({200, 201, 204, 207})
PASSING = frozenset({408, 423, 425, 429})
_MOVED = frozenset({301, 302, 307, 308})
_MOST_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    tree: _Element | None
    preconditions: tuple[str, ...] = ()
    url: str = ""
    """Where it was found in the end: some servers send on to another place (Cyrus: somebody else's calendar)."""
    body: str = ""
    """What came, where that is no XML."""

    def resources(self) -> list[Resource]:
        """Return what a multistatus says of each resource; raises `Transient` where something else comes in its name."""
        if self.tree is not None and multistatus.is_multistatus(self.tree):
            return list(multistatus.resources(self.tree, self.url))
        if self.status == HTTPStatus.MULTI_STATUS:
            raise Transient(f"{urlsplit(self.url).netloc}: what it sent as an answer is none", hint="does a proxy stand in between?")
        return []

    def text(self, path: str) -> str:
        return "" if self.tree is None else (self.tree.findtext(path, "", NAMES) or "").strip()


class Connection:
    """Opened by the first request, to the host of the settings and where that says that its things are."""

    def __init__(self, maker: CalendarByCaldav, limit: timedelta) -> None:
        self._maker = maker
        self._limit = limit
        place = urlsplit(maker.url)
        self.server = f"{place.hostname}:{place.port}" if place.port else place.hostname or maker.url
        self.url = maker.url if "://" in maker.url else self._located()
        self._origins = Origins(origin_of(self.url), maker.hosts)
        self._spelling: dict[str, str] = {}
        """By `path_of`, how the server itself spells what it told of."""
        with self._translated():
            self._client = DAVClient(
                url=self.url,
                username=maker.user or None,
                password=maker.password.reveal() if maker.password else None,
                auth_type=maker.auth if maker.password else None,
                ssl_verify_cert=str(maker.ca) if maker.ca else True,
                timeout=TIMEOUT,
                enable_rfc6764=False,  # it trusts more than `dns` does, and reads without an end
            )
            self._renew()

    def _located(self) -> str:
        """Return the URL of the server of a mail domain."""
        from beklijf.backends.caldav.dns import located  # noqa: PLC0415  # what asks DNS is wanted by few

        with deadline.within(self._limit, f"{self.server}: looking in DNS for its calendar server"):
            return located(self._maker.url, self._maker.hosts)

    def request(self, method: str, url: str, body: str = "", **headers: str) -> Answer:
        """Return the server's answer, whatever its status but for those that are the same everywhere (401, 429, 5xx)."""
        answer = self.tried(method, url, body, **headers)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR and answer.status != HTTPStatus.INSUFFICIENT_STORAGE:
            raise Transient(f"{self.server}: {method} of {path_of(url)} failed with {answer.status}", failing=True)
        return answer

    def tried(self, method: str, url: str, body: str = "", **headers: str) -> Answer:
        """Return the answer also when that is a 500 or 501: to what a server need not know, some say no in this way."""
        place, before = self.follow(url), set[str]()
        with deadline.within(self._limit, f"{self.server}: {method}") as running:
            while place not in before and len(before) < _MOST_REDIRECTS:
                before.add(place)
                answer = self._once(method, place, body, headers, running.received)
                if answer.status not in _MOVED or not (onward := answer.headers.get("Location", "")):
                    return answer
                place = self.follow(onward, place)
        raise Refused(f"{self.server}: {path_of(place)} leads round in a circle")

    def follow(self, url: str, base: str = "") -> str:
        """Return where *url* leads, counted from *base* or the settings' own; raises `Refused` where the password doesn't go.

        Every URL passes here, wherever it came from.
        """
        return self._origins.follow(url, base or self.url)

    def named(self, href: str) -> str:
        """Return the one spelling that we compare by of what the server names, which is asked for as it spells it from then on."""
        path, theirs = path_of(href), urlsplit(href).path
        self._spelling[path] = theirs if _PLAIN.fullmatch(theirs) else path
        return path

    def spelt(self, path: str) -> str:
        return self._spelling.get(path, path)

    def other(self, path: str) -> str | None:
        """Return another spelling for what the server never told of; two spellings are two names for some (Stalwart: ``@``, ``%40``)."""
        folder, _, name = path.rpartition("/")
        return f"{folder}/{name.replace('@', '%40')}" if path not in self._spelling and "@" in name else None

    def _once(self, method: str, url: str, body: str, headers: Mapping[str, str], received: Callable[[int], object]) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._session.received = received
        with self._translated():
            try:
                response = self._client.request(url, method, body, named)
            except AuthorizationError as error:
                if error.status != HTTPStatus.FORBIDDEN:
                    raise
                return Answer(HTTPStatus.FORBIDDEN, {}, None, tuple(error.preconditions), url)
            said = _text(response) if response.tree is None and response.status in OK else ""
        if response.status in {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}:
            raise Transient(f"{self.server}: {method} of {path_of(url)} failed with {response.status}", failing=True)
        tree = response.tree
        if tree is not None and tree.getroottree().docinfo.doctype:  # type: ignore[attr-defined]  # lxml-stubs has it not
            tree = None  # no answer has a type of its own: entities are a way to make much of little
        found = () if tree is None or response.status in OK else tuple(str(e.tag) for e in tree.iter())
        return Answer(response.status, response.headers, tree, found, url, said)

    def propfind(self, url: str, *names: str, depth: int = 0) -> Answer:
        return self.request("PROPFIND", url, asking(names), Depth=str(depth))

    def sync(self, url: str, token: str) -> Answer:
        """Ask what happened since *token*. Never with DAV:limit, with which Nextcloud and Xandikos lose entries.

        A server that knows no such question may say so by 500 or 501 (Zimbra, Posteo, GMX).
        """
        body = (
            f"<d:sync-collection {XMLNS}><d:sync-token>{escape(token)}</d:sync-token><d:sync-level>1</d:sync-level>"
            f"<d:prop><d:getetag/></d:prop></d:sync-collection>"
        )
        return self.tried("REPORT", url, body, Depth="0")

    def multiget(self, url: str, hrefs: Iterable[str]) -> Answer:
        return self.request("REPORT", url, getting(map(self.spelt, hrefs)), Depth="1")

    def is_gone(self, url: str) -> bool:
        """Ask about one object at its own URL."""
        answer = self.tried("PROPFIND", url, asking(["d:getetag"]), Depth="0")
        return answer.status in GONE or any(resource.is_gone for resource in answer.resources())

    def make_calendar(self, url: str, name: str) -> Answer:
        body = (
            f"<c:mkcalendar {XMLNS}><d:set><d:prop><d:displayname>{escape(name)}</d:displayname>"
            f'<c:supported-calendar-component-set><c:comp name="VEVENT"/></c:supported-calendar-component-set>'
            f"</d:prop></d:set></c:mkcalendar>"
        )
        return self.request("MKCALENDAR", url, body)

    def refuse(self, answer: Answer, what: str) -> None:
        """Raise what an answer about one object means; returns when it was a yes."""
        status = answer.status
        if status == HTTPStatus.MULTI_STATUS:  # what it says of each counts (RFC 4918 section 13)
            told = [resource.trouble() for resource in answer.resources()] or [multistatus.NO_STATUS]
            status = next((each for each in told if each is not None), HTTPStatus.OK)
        if status in OK:
            return
        said = f"{self.server}: {what} refused with {status}"
        if _UID_CONFLICT in answer.preconditions:
            raise Exists(said)
        if status in GONE:
            raise Missing(said)
        if status == HTTPStatus.PRECONDITION_FAILED:
            raise Conflict(f"{self.server}: {what}: changed since it was read")
        if status == HTTPStatus.INSUFFICIENT_STORAGE:
            raise Down(f"{self.server}: the calendar is full", hint="make room on the server")
        if status in PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Transient(said, failing=True)
        raise Refused(said)

    def close(self) -> None:
        self._client.close()

    @property
    def _session(self) -> Session:
        session = self._client.session
        assert isinstance(session, Session)
        return session

    def _renew(self) -> None:
        """Begin with a new session, whose sockets are all closed: what was broken off in one must not be read in the next."""
        self._client.session.close()
        self._client.session = Session(self.server)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except RateLimitError as error:
            wait = retry_after(error.retry_after or "", http_date(self._session.date))
            raise Transient(f"{self.server}: asks us to slow down", retry_after=wait) from error
        except AuthorizationError as error:
            hint = "check calendar.user, calendar.password and calendar.auth"
            raise Down(f"{self.server}: the login was refused", hint=hint, login=True) from error
        except BaseException as error:
            self._renew()
            if isinstance(error, BackendError) or not isinstance(error, Exception):
                raise
            raise self._meant(error) from error

    def _meant(self, error: Exception) -> BackendError:
        """Return what it means that no answer came, whatever the libraries stumbled over."""
        if isinstance(error, etree.XMLSyntaxError):
            if error.code == etree.ErrorTypes.ERR_RESOURCE_LIMIT:  # type: ignore[attr-defined]  # as above
                return bodies.TooLarge(f"{self.server}: an answer with more in one piece than may be ({error.msg})")
            return Transient(f"{self.server}: an answer broke off in the middle, or is no XML")
        if isinstance(error, niquests.exceptions.SSLError) and _UNTRUSTED.search(str(error)):
            hint = "check calendar.url; for a certificate of your own authority set calendar.ca to its PEM file"
            return Down(f"{self.server}: no trusted TLS connection", hint=hint)
        if isinstance(error, _NO_URL):
            return Down(f"{self._maker.url}: is not a URL of a calendar server", hint="check calendar.url")
        if isinstance(error, niquests.exceptions.Timeout):
            return Transient(f"{self.server}: no answer in time", hint=_AWAY)
        return Transient(f"{self.server}: no connection ({type(error).__name__})", hint=_AWAY)


_UNTRUSTED = re.compile(r"certificate|hostname", re.IGNORECASE)
"""What OpenSSL says of those; all else of TLS is a connection that broke off."""
_NO_URL = (niquests.exceptions.InvalidURL, niquests.exceptions.InvalidSchema, niquests.exceptions.MissingSchema)
_PLAIN = re.compile(r"[!-~]+")
"""A path as it goes over the wire."""
_AWAY = "does the server run, and is calendar.url right? it is tried again by itself"

XMLNS = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMES.items())


def _text(response: DAVResponse) -> str:
    """Return what came where that is no XML; nothing for what is no text either."""
    try:
        return response.raw
    except UnicodeDecodeError:
        return ""


def path_of(href: str) -> str:
    """Return one spelling of a path: servers write ``@`` as ``%40`` or not, and sometimes the whole URL."""
    return quote(unquote(urlsplit(href).path), safe="/@+!$&'()*,;=~-._:")


def asking(names: Iterable[str]) -> str:
    """Return the body of a PROPFIND for these properties."""
    return f"<d:propfind {XMLNS}><d:prop>{''.join(f'<{name}/>' for name in names)}</d:prop></d:propfind>"


def getting(hrefs: Iterable[str]) -> str:
    """Return the body of a REPORT for these objects, whole."""
    wanted = "".join(f"<d:href>{escape(href)}</d:href>" for href in hrefs)
    return f"<c:calendar-multiget {XMLNS}><d:prop><d:getetag/><c:calendar-data/></d:prop>{wanted}</c:calendar-multiget>"

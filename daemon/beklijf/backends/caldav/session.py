"""How bytes come from a CalDAV server: HTTP/1.1 by one connection, each answer whole and within its limits. Judges none.

    what comes                                         what follows
    -------------------------------------------------  ---------------------------------------------------------------------
    a body beyond `bodies.LARGEST`, unpacked           `TooLarge`: nothing more of it is taken in
    more elements or attributes than `MOST_MARKS`      `TooLarge`, before a parser makes a tree of them
    a head beyond some 16 kB                           the library's own limit (h11): as a broken connection
    more than `MOST_INTERIM` answers before the answer `Transient`: the library would take them in for ever (1xx)
    a redirect                                         comes back as an answer: the library would drop the request's body
    nothing, on a connection that was used before      once more on a new one, for what may be repeated (`repeats`); what may
                                                       not goes on a new one at once

What the library does beside is off: HTTP/2 and HTTP/3 (of which it hears by Alt-Svc), revocation checks (they ask other hosts,
which a closed network doesn't let through), and its thread that watches idle connections. An exception in the middle of a head or
body, be it one that is no `Exception`, makes it close the socket.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import niquests
from niquests.adapters import HTTPAdapter

from beklijf.boundary import bodies
from beklijf.boundary.repeats import Use, is_repeatable
from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from niquests.models import PreparedRequest, Response

MOST_MARKS = 500_000
"""Of ``<`` and of ``=``, of which a listed object has ten to twenty: 25,000 objects at least. A tree of them takes up to 150 MB."""

MOST_INTERIM = 8
"""A server may say 103 once, and 102 every twenty seconds that it takes."""

_MOST_COOKIES = 50

_DIED = niquests.exceptions.ConnectionError
_NEVER_BEGAN = (niquests.exceptions.Timeout, niquests.exceptions.SSLError, niquests.exceptions.ProxyError)
"""Of those: no connection came about, or its answer takes long."""


class Session(niquests.Session):
    """One for a login; whoever opens it says whose it is, and is told of each piece that comes."""

    def __init__(self, called: str) -> None:
        super().__init__(revocation_configuration=None, disable_http2=True, disable_http3=True)
        self.called = called
        self.received: Callable[[int], object] = lambda _: None
        self.date = ""
        """When the last answer was sent, by the server's clock."""
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Whole(self))

    def get_redirect_target(self, _resp: Response) -> str | None:
        return None


class _Whole(HTTPAdapter):
    """Reads an answer to its end before anybody sees it: also those to which a login is only the next step (digest)."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._use = Use()
        super().__init__(revocation_configuration=None, disable_http2=True, disable_http3=True)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # the library's own
        super().init_poolmanager(*args, **kwargs, background_watch_delay=None)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:  # noqa: ANN401  # as above
        return super().proxy_manager_for(proxy, **kwargs, background_watch_delay=None)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:  # noqa: ANN401  # as above
        interim = iter(range(MOST_INTERIM))

        def count(_: object) -> None:
            if next(interim, None) is None:
                raise Transient(f"{self._session.called}: sends one interim answer after the other")

        kwargs |= {"stream": True, "on_early_response": count}
        repeatable = is_repeatable(str(request.method), request.headers or ())
        if self._use.is_over or (self._use.has_been and not repeatable):
            self._leave()
        try:
            response = super().send(request, *args, **kwargs)
        except _DIED as error:
            if isinstance(error, _NEVER_BEGAN) or not (repeatable and self._use.has_been):
                raise
            self._leave()
            response = super().send(request, *args, **kwargs)
        response.encoding = "utf-8"  # else the library guesses, which takes long, or believes any name of a code
        try:
            content = self._content(response)
        finally:
            response.close()  # which does nothing to a connection whose answer was read
        if response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            if response.raw is not None:
                response.raw.close()
            raise Transient(f"{self._session.called}: wants to speak another protocol")
        self._use.answered()
        # The library has no other way to say that a body is there.
        response._content, response._content_consumed = content, True  # noqa: SLF001
        return response

    def _leave(self) -> None:
        """Close what is open: the next request has a connection of its own."""
        self._use.ends()
        self.poolmanager.clear()
        for manager in self.proxy_manager.values():
            manager.clear()

    def _content(self, response: Response) -> bytes:
        session = self._session
        session.date = str(response.headers.get("Date", ""))
        if len(session.cookies) > _MOST_COOKIES:
            session.cookies.clear()
        coding = str(response.headers.get("Content-Encoding", ""))
        content = bodies.whole(response.iter_raw(bodies.PIECE), coding, called=session.called, received=session.received)
        if max(content.count(b"<"), content.count(b"=")) > MOST_MARKS:
            raise bodies.TooLarge(f"{session.called}: an answer of more than {MOST_MARKS:,} elements or attributes")
        return content

"""What goes over the wire to an Exchange server: exchangelib's connections, each of whose operations has a deadline and a size.

Knows the library's protocol and the HTTP below it (requests, on urllib3 or urllib3-future); no services and no meanings.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.parsers import expat

from exchangelib.protocol import Protocol  # type: ignore[import-untyped]  # it has no types
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as Died
from requests.exceptions import ProxyError, RequestException, SSLError, Timeout

from beklijf.boundary import bodies, deadline
from beklijf.boundary.repeats import Use, is_repeatable
from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

    from exchangelib import Configuration  # type: ignore[import-untyped]

    from beklijf.boundary.deadline import Deadline

LARGEST = 48 * 2**20
"""Bytes of an answer, unpacked: a mail of thirty million bytes comes in base64."""

_DECLARATION = re.compile(
    rb"""<\?xml\s+version=["']1\.0["'](\s+encoding=["'](utf-8|us-ascii|iso-8859-\d{1,2}|windows-125\d)["'])?"""
    rb"""(\s+standalone=["'](yes|no)["'])?\s*\?>""",
    re.IGNORECASE,
)
"""How XML begins in which ASCII is ASCII, so that it can't hide anything."""

_QUESTION = re.compile(rb"<(?:[a-z]{1,8}:)?Body>\s{0,100}<(?:[a-z]{1,8}:)?(?:Get|Find|Sync|Resolve)[A-Z]")
"""How an operation begins that changes nothing."""
_FAR = 20_000
"""Bytes within which it does."""

_HEAD = 1000
"""Bytes within which a SOAP message says that it is one."""
_PASTED = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|&#(?:x[0-9a-fA-F]{1,8}|[0-9]{1,8});")
"""Characters that XML has no room for, plain or as references; any other reference may go with them where only the form counts."""


class Wire:
    """How one login connects: trusting *ca*, if there is one, instead of the system's authorities; each operation within *limit*."""

    def __init__(self, ca: Path | None, limit: timedelta, largest: int = LARGEST) -> None:
        self._ca = ca
        self._limit = limit
        self._largest = largest
        self._running: Deadline | None = None

    @contextmanager
    def within(self, what: str) -> Iterator[None]:
        """Do one operation within the deadline: a request with the token and the handshake that it needs."""
        with deadline.within(self._limit, what) as self._running:
            yield

    def received(self, size: int) -> None:
        """Note that so many bytes of the operation's answer came."""
        if self._running is not None:
            self._running.received(size)

    def protocol(self, configuration: Configuration) -> Protocol:
        """Return a connection of our own: the library would share one per login in the whole process, and never forget it."""
        wire = self

        class Own(Protocol):  # type: ignore[misc]  # exchangelib has no types
            HTTP_ADAPTER_CLS = wire.adapter()
            RETRY_WAIT = 0  # what it takes for the server's hint where there is none
            within = staticmethod(wire.within)
            made: Any = None

            def raw_session(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
                self.made = super().raw_session(*arguments, **options)
                self.made.get_redirect_target = _nowhere
                return self.made

            def create_session(self) -> Any:  # noqa: ANN401
                try:
                    return super().create_session()
                except Exception:  # no token: the library forgets what it opened to ask for one
                    self.made.close()
                    raise

            def close(self) -> None:
                """End the session in use too: interrupted, the library never gives it back."""
                super().close()
                if self.made is not None:
                    self.made.close()

        made: Protocol = type.__call__(Own, config=configuration)
        return made

    def adapter(self) -> type[HTTPAdapter]:
        """Return how the library sends and reads everything, tokens and autodiscover included."""
        wire, ca = self, self._ca

        class Bounded(_Renewing):
            def send(self, request: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # requests' own
                """Return an answer with its whole body, of no more bytes than it may have."""
                request.headers.update(bodies.ASKED)
                try:
                    response = self.sent(request, *arguments, **options)
                    response._content = self._whole(response)  # noqa: SLF001  # where requests looks first
                    self.use.answered()
                except (RequestException, Transient):
                    raise
                except Exception as error:
                    raise Transient(f"{_host(request.url)}: an answer that can't be read ({type(error).__name__})") from error
                return response

            def _whole(self, response: Any) -> bytes:  # noqa: ANN401  # as above
                host = _host(response.url)
                if response.status_code < 200:  # noqa: PLR2004  # urllib3 takes an interim answer for the answer
                    response.close()
                    raise Transient(f"{host}: answers {response.status_code} before its answer")
                try:
                    coding = response.raw.headers.pop("Content-Encoding", "")  # with it, the library would unpack by itself
                    pieces = response.iter_content(bodies.PIECE)
                    content = bodies.whole(pieces, coding, called=host, received=wire.received, largest=wire._largest)
                except BaseException:  # the deadline's too: what is half read is nobody's any more
                    response.close()
                    raise
                return _sound(content, host)

        class Trusting(Bounded):
            def cert_verify(self, conn: Any, url: str, verify: object, cert: Any) -> None:  # noqa: ANN401
                del verify
                super().cert_verify(conn=conn, url=url, verify=str(ca), cert=cert)

            def build_connection_pool_key_attributes(self, request: Any, verify: object, cert: Any = None) -> Any:  # noqa: ANN401
                del verify
                return super().build_connection_pool_key_attributes(request, str(ca), cert)

        return Bounded if ca is None else Trusting


class _Renewing(HTTPAdapter):
    """Leaves a connection that rested for too long, and one that died while it rested."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401  # requests' own
        self.use = Use()
        super().__init__(*arguments, **options)

    def _leave(self) -> None:
        """Close what rests: the next request has a connection of its own."""
        self.use.ends()
        self.poolmanager.clear()

    def sent(self, request: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Send a request, and what only reads once more where a connection died that had been used before."""
        if self.use.is_over:
            self._leave()
        try:
            return super().send(request, *arguments, **options)
        except Died as error:
            began = not isinstance(error, Timeout | SSLError | ProxyError)
            if not (began and self.use.has_rested and _only_reads(request)):
                raise
            self._leave()
            return super().send(request, *arguments, **options)


def _only_reads(request: Any) -> bool:  # noqa: ANN401  # requests' own
    """Tell whether a request may be made twice: a question of EWS, and no step of a login that is about one connection (NTLM)."""
    if str(request.headers.get("Authorization", "")).startswith(("NTLM", "Negotiate")):
        return False
    if is_repeatable(request.method or "", request.headers):
        return True
    body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
    return _QUESTION.search(body, 0, _FAR) is not None


def _nowhere(_: object) -> None:
    """Say that no answer leads elsewhere: whoever is asked for a token gets the secret, and nobody else."""


def _sound(content: bytes, host: str) -> bytes:
    """Return an answer that the library may read as it reads."""
    if not _is_plain(content):
        hint = "does a proxy stand in between?"
        raise Transient(f"{host}: an answer with declarations of its own, of which SOAP has none", hint=hint)
    if not _is_whole(content):
        raise Transient(f"{host}: an answer that broke off, or whose XML is broken")
    return content


def _is_plain(content: bytes) -> bool:
    """Tell whether an answer declares no entities, if it is XML.

    A SOAP message has no document type (SOAP 1.1 section 3); the library's parser would let entities grow in attributes, each
    of them to any number of others.
    """
    text = content.removeprefix(BOM_UTF8)
    if text.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in text[:4]:
        return False
    return b"<!ENTITY" not in text and (not text.startswith(b"<?xml") or _DECLARATION.match(text) is not None)


def _is_whole(content: bytes) -> bool:
    """Tell whether a SOAP message is all there.

    The library mends XML: of an answer that a proxy cut short it reads what came, and a series without its rhythm is taken for
    a meeting. Only characters that XML has no room for are to be mended, since Exchange sends what people paste.
    """
    if b"Envelope" not in content[:_HEAD]:  # a web page, or a token: others judge it
        return True
    try:
        expat.ParserCreate().Parse(_PASTED.sub(b"", content), True)
    except expat.ExpatError:
        return False
    return True


def _host(url: str) -> str:
    return urlsplit(url).netloc

"""What an Exchange server can cost at most: time, bytes and connections, whatever it sends."""

from __future__ import annotations

import gzip
import re
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from tests.backends.examples import MEETING, ORGANIZER, SANNE, SERIES
from tests.backends.mailer_contract import letter
from tests.fakes.ews.soap import Fault
from tests.fakes.stubborn import drops, flood, head, packed, said, silence, stubborn

from beklijf.backends.exchange.mailer import ExchangeMailer
from beklijf.backends.exchange.settings import MailByExchange
from beklijf.backends.exchange.wire import Wire
from beklijf.contracts.settings import MailSettings
from beklijf.mime.by_header import MAY_HAVE_ARRIVED
from beklijf.model.errors import Down, Exists, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.ews.site import Site
    from tests.fakes.stubborn import Stubborn

    from beklijf.backends.exchange.calendar import ExchangeCalendar

# A connection in the midst of being opened ends with whoever opened it, which Python tells of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


SHORT = timedelta(seconds=0.8)
"""What a server that is well needs is a twentieth of it, since the tests run beside each other."""
LONGEST = 30
"""Seconds that nothing here may take: a server that nobody leaves goes on for ever."""
LONG = timedelta(minutes=1)
XML = "text/xml; charset=utf-8"
PATH = "/EWS/Exchange.asmx"


@pytest.fixture
def server(site: Site) -> Iterator[Stubborn]:
    """Stand before the company's server."""

    def answer(request: bytes) -> bytes:
        lines, _, body = request.partition(b"\r\n\r\n")
        if b"/token" in lines.partition(b"\r\n")[0]:
            return said(site.server.token({"client_secret": "mentorpw"})[1])
        authorization = next(line.split(b": ", 1)[1] for line in lines.split(b"\r\n") if line.lower().startswith(b"authorization"))
        found = site.server.answer(body, authorization.decode())
        assert isinstance(found, tuple)
        return said(found[1], kind=XML)

    with stubborn() as made:
        made.answer = answer
        yield made


def opened(site: Site, server: Stubborn, limit: timedelta = SHORT, **other: str) -> ExchangeCalendar:
    site.settings = replace(site.settings, deadline=limit)
    return site.open(url=server.url + PATH, **other)


HELD: dict[str, Callable[[], Iterator[bytes]]] = {
    "nothing": silence,
    "a head in drops": lambda: drops(b"HTTP/1.1 200 OK\r\nX-A: "),
    "a body in drops": lambda: drops(head()),
    "drops of an announced body": lambda: drops(head("Content-Length: 1000000")),
    "a chunk in drops": lambda: drops(head("Transfer-Encoding: chunked") + b"FFFFF\r\n"),
    "100 Continue again and again": lambda: flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "other statuses first": lambda: flood(b"HTTP/1.1 102 Processing\r\n\r\n"),
    "a login in drops": lambda: drops(b"HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 999\r\n\r\n"),
}


HOW = dict.fromkeys(
    ("100 Continue again and again", "other statuses first"), r"not done within|can't be read|no connection|answers 102 before"
)
"""How it ends where urllib3 and urllib3-future differ: some of them count."""


# The timer may ring in a callback of Python's own, which swallows what it raises: it rings again.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <function WeakSet:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("auth", ["basic", "ntlm"])
@pytest.mark.parametrize("name", HELD)
def test_whatever_a_server_sends_a_request_ends_in_time_and_the_next_one_works(site: Site, server: Stubborn, name: str, auth: str) -> None:
    stored = site.create(MEETING)
    calendar = opened(site, server, auth=auth)
    server.acts = [HELD[name]()]
    began = time.monotonic()

    with pytest.raises(Transient) as caught:
        calendar.changes(None)

    assert time.monotonic() - began < LONGEST
    assert re.search(HOW.get(name, r": SyncFolderItems: not done within 0\.8 seconds$"), str(caught.value))
    assert server.was_left
    if auth == "basic":
        assert calendar.changes(None).changed == (stored,)


def test_a_request_over_a_connection_that_worked_before_ends_in_time_too(site: Site, server: Stubborn) -> None:
    calendar = opened(site, server)
    token = calendar.changes(None).token
    server.acts = [silence()]

    for _ in range(2):  # its one session is not lost over it
        with pytest.raises(Transient, match="not done within"):
            calendar.changes(token)
        assert server.was_left
        server.acts = [silence()]
    server.acts = []

    assert calendar.changes(token).token == token


def test_an_event_whose_answer_was_lost_to_the_deadline_is_found_and_not_written_twice(site: Site, server: Stubborn) -> None:
    calendar = opened(site, server)
    calendar.changes(None)

    def done_without_a_word(request: bytes) -> Iterator[bytes]:
        server.answer(request)
        yield from silence()

    server.acts = [lambda request: [server.answer(request)], done_without_a_word]
    with pytest.raises(Transient, match="CreateItem: not done within"):
        calendar.create(MEETING, sequence=0, agent=Agent.SERVER)

    with pytest.raises(Exists):
        calendar.create(MEETING, sequence=0, agent=Agent.SERVER)
    assert site.news(SANNE.email) == ["REQUEST"]


def test_an_answer_that_ends_early_is_none_wherever_it_ends(site: Site, server: Stubborn) -> None:
    """The library makes up what is missing: a series without its rhythm would be changed as a single meeting."""
    stored = site.create(replace(SERIES, text="Één café, en naïef: in the midst of a letter"))
    calendar = opened(site, server, LONG)

    def cut(request: bytes) -> Iterator[bytes]:
        whole.append(server.answer(request).partition(b"\r\n\r\n")[2])
        yield said(whole[-1][:length], kind=XML)

    whole: list[bytes] = []
    length = 0
    while not whole or length < len(whole[-1]):  # in the midst of a letter too
        server.acts = [cut]
        with pytest.raises(Transient, match=r"broke off|No Body element|Bad SOAP|declarations"):
            calendar.fetch(stored.href)
        length += 1 if whole[-1][length : length + 1] > b"\x7f" else 13

    assert calendar.fetch(stored.href) == stored


@pytest.mark.parametrize("spoilt", ["</t:Subject>", "<t:Subject", '"', "&nope;"])
def test_broken_markup_is_no_answer(site: Site, server: Stubborn, spoilt: str) -> None:
    stored = site.create(SERIES)
    calendar = opened(site, server, LONG)

    def broken(request: bytes) -> Iterator[bytes]:
        whole = server.answer(request).partition(b"\r\n\r\n")[2].decode()
        before, mark, after = whole.partition("<t:Subject>")
        yield said(f"{before}{spoilt}{mark}{after}".encode() if spoilt != '"' else whole.replace('"', "", 1).encode(), kind=XML)

    server.acts = [broken]
    with pytest.raises(Transient, match="broke off"):
        calendar.fetch(stored.href)


def test_a_character_that_xml_does_not_have_is_no_reason_to_leave_an_answer(site: Site, server: Stubborn) -> None:
    """Exchange sends them, where a person pasted them."""
    stored = site.create(SERIES)
    calendar = opened(site, server, LONG)

    def pasted(request: bytes) -> Iterator[bytes]:
        whole = server.answer(request).partition(b"\r\n\r\n")[2]
        yield said(whole.replace(b"<t:Subject>", b"<t:Subject>&#x0B;"), kind=XML)

    server.acts = [pasted]
    assert calendar.fetch(stored.href) == stored


@pytest.mark.usefixtures("insecure")
def test_a_token_that_comes_in_drops_is_not_waited_for(site: Site, server: Stubborn) -> None:
    calendar = opened(site, server, user="app-id", auth="oauth", authority=server.url + "/token")
    server.acts = [drops(head())]

    with pytest.raises(Transient, match="not done within"):
        calendar.changes(None)

    assert server.was_left
    assert calendar.changes(None).changed == ()


@pytest.mark.usefixtures("insecure")
def test_no_secret_follows_a_redirect_of_the_token_endpoint(site: Site, server: Stubborn) -> None:
    calendar = opened(site, server, user="app-id", auth="oauth", authority=server.url + "/token")
    with stubborn() as elsewhere:
        server.acts = [[said(b"{}", f"Location: {elsewhere.url}/token", status="307 Temporary")]]

        with pytest.raises(Down, match="no token"):
            calendar.changes(None)

        assert elsewhere.asked == []
    assert calendar.changes(None).changed == ()


def test_a_letter_whose_answer_is_lost_to_the_deadline_may_have_arrived(site: Site, server: Stubborn) -> None:
    account = replace(site.login, url=server.url + PATH)
    mailer = ExchangeMailer(MailSettings(maker=MailByExchange(login=account), sender=ORGANIZER, deadline=SHORT))
    server.acts = [silence()]

    with pytest.raises(Transient, match=MAY_HAVE_ARRIVED):
        mailer.send(letter(), recipient=SANNE.email)

    assert server.was_left
    mailer.close()


# -- bytes -----------------------------------------------------------------------------------------------------------------

SMALL = 20_000

UNREADABLE: dict[str, tuple[str, Callable[[], Iterator[bytes]]]] = {
    "announced": ("more than 20,000 bytes", lambda: iter([said(b" " * (SMALL + 1), kind=XML)])),
    "packed": ("more than 20,000 bytes", lambda: iter([packed(b" " * (SMALL + 1), kind=XML)])),
    "without an end": ("more than 20,000 bytes", lambda: flood(b" " * 1000, head())),
    "in chunks without an end": (
        "more than 20,000 bytes",
        lambda: flood(b"3e8\r\n" + b" " * 1000 + b"\r\n", head("Transfer-Encoding: chunked")),
    ),
    "packed twice": ("nobody asked for", lambda: iter([said(gzip.compress(gzip.compress(b"<a/>")), "Content-Encoding: gzip, gzip")])),
    "packed otherwise": ("nobody asked for", lambda: iter([said(b"", "Content-Encoding: br")])),
    "entities": ("declarations", lambda: iter([said(b'<!DOCTYPE a [<!ENTITY b "c">]><a d="&b;"/>')])),
    "entities in UTF-16": ("declarations", lambda: iter([said('<!DOCTYPE a [<!ENTITY b "c">]><a d="&b;"/>'.encode("utf-16"))])),
    "entities in UTF-7": (
        "declarations",
        lambda: iter([said(b"<?xml version='1.0' encoding='utf-7'?>" + '<!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode("utf-7"))]),
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_answer_that_is_too_large_or_grows_when_it_is_read_is_left(server: Stubborn, name: str) -> None:
    """Asked as the library asks, by requests."""
    why, act = UNREADABLE[name]
    server.acts = [act()]
    wire = Wire(None, SHORT, largest=SMALL)
    with requests.Session() as session, wire.within("asking"):
        session.mount("http://", wire.adapter()())

        with pytest.raises(Transient, match=why):
            session.post(server.url, timeout=5)

    assert b"accept-encoding: gzip\r\n" in server.asked[0].lower()
    assert server.was_left


def test_an_answer_as_large_as_it_may_be_is_read(server: Stubborn) -> None:
    body = b'<?xml version="1.0" encoding="utf-8"?><a/>'.ljust(SMALL)
    server.acts = [[said(body)], [packed(body)], [packed(body)]]
    wire = Wire(None, SHORT, largest=SMALL)
    with requests.Session() as session:
        session.mount("http://", wire.adapter()())

        assert [session.post(server.url).content for _ in range(3)] == [body] * 3


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [("90000", 90), ("-90000", None), ("soon", None), ("", None), ("9" * 400, None), ("9" * 5000, None), ("٩٠٠٠٠", None)],
)
def test_how_long_a_server_asks_us_to_wait_is_believed_where_it_can_be(site: Site, asked: str, seconds: int | None) -> None:
    site.server.mood = [Fault("ErrorServerBusy", back_off=1)]
    site.server.garbles = lambda answer: answer.replace(b'"BackOffMilliseconds">1<', f'"BackOffMilliseconds">{asked}<'.encode())

    with pytest.raises(Transient, match="ErrorServerBusy") as caught:
        site.calendar.changes(None)

    assert caught.value.retry_after == seconds

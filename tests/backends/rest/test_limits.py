"""What a server of REST can cost at most: time, bytes and connections, whatever it sends."""

from __future__ import annotations

import gzip
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.fakes.stubborn import Stubborn, drops, flood, head, packed, said, silence, stubborn
from tests.fakes.tokens import Pair, TokenServer

from beklijf.backends.google import account as google
from beklijf.backends.graph import account as graph
from beklijf.backends.rest.service import Rest
from beklijf.boundary import bodies
from beklijf.boundary.bodies import TooLarge
from beklijf.model.errors import Down, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHORT = timedelta(seconds=0.6)
"""What a server that is well needs is a twentieth of it, since the tests run beside each other."""
LONGEST = 30
"""Seconds that nothing here may take: a server that nobody leaves goes on for ever."""
LONG = timedelta(seconds=30)
SMALL = 20_000
"""Bytes that an answer may have in these tests."""


class Tokens:
    """Hands out two tokens."""

    def __call__(self, *, fresh: bool = False) -> str:
        return "geheim-2" if fresh else "geheim-1"


@pytest.fixture
def server() -> Iterator[Stubborn]:
    with stubborn() as made:
        made.answer = lambda _: said(b'{"value": []}')
        yield made


def opened(server: Stubborn, limit: timedelta = SHORT) -> Rest:
    return Rest(server.url, Tokens(), called="dienst", limit=limit)


def works(rest: Rest, server: Stubborn) -> bool:
    """Tell whether the next request is answered, over a connection that begins with it."""
    before = len(server.asked)
    return rest.request("GET", "/me").body == {"value": []} and len(server.asked) == before + 1


# -- time ------------------------------------------------------------------------------------------------------------------

HELD: dict[str, Callable[[], Iterator[bytes]]] = {
    "nothing": silence,
    "a head in drops": lambda: drops(b"HTTP/1.1 200 OK\r\nX-A: "),
    "a body in drops": lambda: drops(head()),
    "drops of an announced body": lambda: drops(head("Content-Length: 1000000")),
    "a chunk in drops": lambda: drops(head("Transfer-Encoding: chunked") + b"FFFFF\r\n"),
    "other statuses first": lambda: flood(b"HTTP/1.1 102 Processing\r\n\r\n"),
    "100 Continue again and again": lambda: flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("name", HELD)
def test_whatever_a_server_sends_a_request_ends_in_time_and_the_next_one_works(server: Stubborn, name: str) -> None:
    server.acts = [HELD[name]()]
    rest = opened(server)
    began = time.monotonic()

    with pytest.raises(Transient, match=r"^dienst: GET: not done within 0\.6 seconds$"):
        rest.request("GET", "/me")

    assert time.monotonic() - began < LONGEST
    assert server.was_left
    assert works(rest, server)
    rest.close()


def test_a_request_over_a_connection_that_worked_before_ends_in_time_too(server: Stubborn) -> None:
    rest = opened(server)
    assert works(rest, server)
    server.acts = [silence()]

    with pytest.raises(Transient, match="not done within"):
        rest.request("PATCH", "/me", json={})

    assert server.was_left
    assert len(server.asked) == 2  # nothing was sent once more
    assert works(rest, server)
    rest.close()


def test_a_long_answer_that_comes_fast_enough_may_go_on_beyond_the_deadline(server: Stubborn) -> None:
    pieces = [piece for n in range(12) for piece in (b" " * 2**17, b"")]  # 128 KiB each twentieth of a second, over 0.6 of them
    server.acts = [[head("Content-Length: 1572866"), *pieces, b"{}"]]
    rest = opened(server)

    assert rest.request("GET", "/me").body == {}
    rest.close()


@pytest.mark.parametrize("kind", ["graph", "google"])
def test_a_token_that_comes_in_drops_is_not_waited_for(server: Stubborn, tmp_path: Path, kind: str) -> None:
    desk = TokenServer(Pair.made(), tmp_path)
    desk.url = server.url
    token = graph.tokens(desk.graph(), limit=SHORT) if kind == "graph" else google.tokens(desk.google(), "a@b.example", (), limit=SHORT)
    token_said = said(b'{"access_token": "geheim", "expires_in": 3599, "token_type": "Bearer"}')
    server.acts = [drops(head()), [token_said]]

    with pytest.raises(Transient, match=r"^login at .*: POST: not done within 0\.6 seconds$"):
        token()

    assert server.was_left
    assert token() == "geheim"


# -- bytes -----------------------------------------------------------------------------------------------------------------

LARGE: dict[str, Callable[[], Iterator[bytes]]] = {
    "announced": lambda: iter([said(b" " * (SMALL + 1))]),
    "packed": lambda: iter([packed(b" " * (SMALL + 1))]),
    "without an end": lambda: flood(b" " * 1000, head()),
    "in chunks without an end": lambda: flood(b"3e8\r\n" + b" " * 1000 + b"\r\n", head("Transfer-Encoding: chunked")),
}


@pytest.mark.parametrize("name", LARGE)
def test_an_answer_that_is_too_large_is_left_and_the_next_request_works(server: Stubborn, name: str) -> None:
    server.acts = [LARGE[name]()]
    rest = opened(server, LONG)

    with pytest.raises(TooLarge, match=r"^dienst: an answer of more than 20,000 bytes$"):
        rest.request("GET", "/me", largest=SMALL)

    assert server.was_left
    assert works(rest, server)
    rest.close()


def test_an_answer_as_large_as_it_may_be_is_read(server: Stubborn) -> None:
    body = b'{"value": []}'.ljust(SMALL)
    server.acts = [[said(body)], [packed(body)], [said(body, "Content-Encoding: identity")]]
    rest = opened(server)

    for _ in range(3):
        assert rest.request("GET", "/me", largest=SMALL).content == body
    rest.close()


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "deflate", "compress"])
def test_no_packing_is_undone_but_the_one_that_was_asked_for(server: Stubborn, coding: str) -> None:
    server.acts = [[said(gzip.compress(gzip.compress(b"{}")), f"Content-Encoding: {coding}")]]
    rest = opened(server)

    with pytest.raises(Transient, match="nobody asked for"):
        rest.request("GET", "/me")

    assert b"\r\naccept-encoding: gzip\r\n" in server.asked[0].lower()
    assert works(rest, server)
    rest.close()


def test_what_is_no_gzip_is_no_answer(server: Stubborn) -> None:
    server.acts = [[said(b"{}", "Content-Encoding: gzip")]]
    rest = opened(server)

    with pytest.raises(Transient, match="can't be unpacked"):
        rest.request("GET", "/me")
    rest.close()


def test_unpacking_takes_in_no_more_than_there_is_room_for() -> None:
    asked: list[int] = []

    def pieces() -> Iterator[bytes]:
        whole = gzip.compress(bytes(10 * SMALL))
        for n in range(0, len(whole), 10):
            asked.append(n)
            yield whole[n : n + 10]

    with pytest.raises(TooLarge):
        bodies.whole(pieces(), "gzip", called="dienst", received=lambda _: None, largest=SMALL)

    assert 0 < len(asked) < 10  # it stops where the room ends, not at the end of the answer


@pytest.mark.parametrize("name", ["lines", "one line"])
def test_a_head_without_an_end_is_left(server: Stubborn, name: str) -> None:
    begin = b"HTTP/1.1 200 OK\r\n"
    server.acts = [flood(b"X-A: b\r\n", begin) if name == "lines" else flood(b"b" * 1000, begin + b"X-A: ")]
    rest = opened(server, LONG)

    with pytest.raises(Transient, match="no connection"):
        rest.request("GET", "/me")

    assert server.was_left
    assert works(rest, server)
    rest.close()


# -- what is in it -----------------------------------------------------------------------------------------------------------

NO_JSON = {
    "deeper than can be": b"[" * 2000 + b"]" * 2000,
    "a number of five thousand digits": b"[" + b"1" * 5000 + b"]",
    "NaN": b'{"interval": NaN}',
    "infinity": b'{"interval": -Infinity}',
    "half a character": b'{"id": "\xc3"}',
    "UTF-16 that breaks off": b'\xff\xfe{\x00"',
}


@pytest.mark.parametrize("name", NO_JSON)
def test_a_yes_that_is_no_json_may_be_a_better_one_the_next_time(server: Stubborn, name: str) -> None:
    server.acts = [[said(NO_JSON[name])]]
    rest = opened(server)

    with pytest.raises(Transient, match="is no JSON"):
        rest.request("GET", "/me")

    assert works(rest, server)
    rest.close()


def test_what_a_server_wants_kept_is_not_kept(server: Stubborn) -> None:
    """Cookies would grow from answer to answer, and go along with other people's tokens."""
    server.acts = [[said(b"{}", "Set-Cookie: a=b; Path=/")]]
    rest = opened(server)

    for _ in range(2):
        rest.request("GET", "/me")

    assert b"cookie" not in server.asked[1].lower()
    rest.close()


# -- where it leads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed_and_no_token_goes_elsewhere(server: Stubborn, status: str) -> None:
    with stubborn() as elsewhere:
        server.acts = [[said(b"", f"Location: {elsewhere.url}/me", status=status)]]
        rest = opened(server)

        with pytest.raises(Refused):
            rest.request("GET", "/me")

        assert elsewhere.asked == []
        rest.close()


@pytest.mark.parametrize("kind", ["graph", "google"])
def test_no_secret_follows_a_redirect_of_the_token_endpoint(server: Stubborn, tmp_path: Path, kind: str) -> None:
    desk = TokenServer(Pair.made(), tmp_path)
    desk.url = server.url
    token = graph.tokens(desk.graph()) if kind == "graph" else google.tokens(desk.google(), "a@b.example", ())
    with stubborn() as elsewhere:
        server.acts = [[said(b"{}", f"Location: {elsewhere.url}/token", status="307 Temporary")]]

        with pytest.raises(Down, match="login at"):
            token()

        assert elsewhere.asked == []

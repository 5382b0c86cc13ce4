"""A connection to a REST service that died while it rested: what may be sent twice is, and nothing else."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.backends.idle import Forwarder, forwarder
from tests.fakes.dav import dav_server

from beklijf.backends.rest.http import Http
from beklijf.boundary.repeats import Use
from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def between() -> Iterator[Forwarder]:
    with dav_server() as server, forwarder(server.port) as made:
        server.moods.append(lambda asked: asked.say(200, "{}", {"Content-Type": "application/json"}))
        yield made


@pytest.fixture
def http(between: Forwarder) -> Iterator[Http]:
    with closing(Http(called=f"127.0.0.1:{between.port}", limit=timedelta(seconds=5), use=Use(rested=0))) as opened:
        opened.send("GET", f"http://127.0.0.1:{between.port}/")
        between.dies = True
        yield opened


def test_a_question_is_asked_once_more_on_a_new_connection(between: Forwarder, http: Http) -> None:
    for _ in range(3):
        assert http.send("GET", f"http://127.0.0.1:{between.port}/").status == 200

    assert between.opened == 4


def test_so_is_what_carries_its_condition_or_a_name_of_its_own(between: Forwarder, http: Http) -> None:
    url = f"http://127.0.0.1:{between.port}/"

    assert http.send("DELETE", url, headers={"If-Match": "1"}).status == 200
    assert http.send("POST", url, json={"id": "one"}, repeatable=True).status == 200


def test_what_would_happen_twice_is_sent_once(between: Forwarder, http: Http) -> None:
    with pytest.raises(Transient):
        http.send("POST", f"http://127.0.0.1:{between.port}/")

    assert [line.split()[0] for line in between.requests] == [b"GET", b"POST"]

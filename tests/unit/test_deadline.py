"""One whole operation has a deadline, whatever the server sends and whatever the library catches."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import weakref
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from beklijf.boundary import deadline
from beklijf.model.errors import Transient
from beklijf.service.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHORT = timedelta(seconds=0.2)
LONG = timedelta(seconds=30)


@contextmanager
def dripping() -> Iterator[socket.socket]:
    """Yield a connection to a server that sends a byte every twentieth of a second, so that no read ever times out."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        over = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                while not over.wait(0.05):
                    connection.sendall(b".")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with socket.create_connection(server.getsockname(), timeout=5) as client:
                yield client
        finally:
            over.set()
            thread.join()


class Opened:
    """Something that ends with whoever holds it."""


def read_forever(connection: socket.socket) -> None:
    while connection.recv(1):
        pass


def given_up(operation: Callable[[socket.socket], object], limit: timedelta = SHORT) -> str:
    """Do *operation* with a dripping server, and return in which words it was given up."""
    with dripping() as server, pytest.raises(Transient) as caught, deadline.within(limit, "mail"):
        operation(server)
    return str(caught.value)


def test_a_server_that_answers_in_drops_is_left_when_the_operation_is_over() -> None:
    began = time.monotonic()

    assert given_up(read_forever) == "mail: not done within 0.2 seconds"
    assert time.monotonic() - began < 10


def test_a_library_that_catches_every_exception_does_not_outlive_it() -> None:
    tries = []

    def stubborn(connection: socket.socket) -> None:
        while True:
            try:
                read_forever(connection)
            except Exception:  # noqa: BLE001  # as libraries do
                tries.append("again")

    given_up(stubborn)

    assert tries == []


def test_a_library_that_catches_everything_is_asked_again() -> None:
    caught = []

    def careless(connection: socket.socket) -> None:
        try:
            read_forever(connection)
        except BaseException as error:  # noqa: BLE001  # as a destructor does
            caught.append(error)
        read_forever(connection)

    given_up(careless)

    assert len(caught) == 1


def test_what_a_library_had_just_opened_and_told_nobody_of_ends_with_it() -> None:
    opened: list[weakref.ref[Opened]] = []

    def opening(connection: socket.socket) -> None:
        mine = Opened()
        opened.append(weakref.ref(mine))
        read_forever(connection)

    with dripping() as server, pytest.raises(Transient) as caught, deadline.within(SHORT, "mail"):
        opening(server)

    assert caught.value.args  # the error is still there, and is kept for a while as any other
    assert opened[0]() is None


def test_what_ends_in_time_is_left_alone_and_so_is_what_comes_after() -> None:
    with deadline.within(SHORT, "mail"):
        answer = "250"
    time.sleep(0.3)

    assert answer == "250"


def test_the_error_of_an_operation_stays_its_own() -> None:
    with pytest.raises(ZeroDivisionError), deadline.within(SHORT, "mail"):
        _ = 1 // 0


def test_a_short_operation_inside_a_long_one_ends_alone() -> None:
    with deadline.within(LONG, "the tick"):
        said = given_up(read_forever)

    assert said == "mail: not done within 0.2 seconds"


def test_a_long_operation_inside_a_short_one_ends_with_it() -> None:
    went_on = []

    def two(connection: socket.socket) -> None:
        with deadline.within(LONG, "the first of two"):
            read_forever(connection)
        went_on.append(True)

    assert given_up(two) == "mail: not done within 0.2 seconds"
    assert went_on == []


def test_what_brings_its_content_fast_enough_may_go_on() -> None:
    with deadline.within(SHORT, "a listing") as limit:
        limit.received(deadline.RATE)  # a minute's worth
        time.sleep(0.4)


def test_asked_to_stop_it_waits_for_no_server_longer_than_that() -> None:
    def asked(connection: socket.socket) -> None:
        deadline.hurry(0.2)
        read_forever(connection)

    began = time.monotonic()
    try:
        under_way, begun_then = given_up(asked, LONG), given_up(read_forever, LONG)
    finally:
        deadline.hurry(None)

    assert under_way == begun_then == "mail: cut short, since beklijf stops"
    assert time.monotonic() - began < 10


def test_sigterm_ends_an_operation_within_five_seconds() -> None:
    def stopped(connection: socket.socket) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        read_forever(connection)

    began = time.monotonic()
    with Signals() as signals:
        given_up(stopped, LONG)

    assert signals.stopping
    assert time.monotonic() - began < 5
    with deadline.within(LONG, "another service in this process"):
        time.sleep(0.01)


def test_whoever_watches_hears_of_each_operation_that_ended() -> None:
    ended: list[str] = []
    deadline.after_each(lambda: ended.append("one"))
    try:
        with deadline.within(LONG, "mail"):
            pass
        with dripping() as server, suppress(Transient), deadline.within(SHORT, "mail"):
            read_forever(server)
    finally:
        deadline.after_each(None)

    assert ended == ["one", "one"]


def test_in_another_thread_nothing_is_limited_and_nothing_fails() -> None:
    done = []

    def work() -> None:
        with deadline.within(SHORT, "mail"):
            time.sleep(0.3)
            done.append("all of it")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done == ["all of it"]

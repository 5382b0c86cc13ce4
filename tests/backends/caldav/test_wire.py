"""A CalDAV server that answers in drops, for ever, or with too much, costs one operation and leaves nothing behind."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.dav import CALENDAR, OUTBOX, XMLNS, Asked, Dav, dav_server
from tests.fakes.settings import with_maker

from beklijf.backends.caldav.session import MOST_INTERIM, MOST_MARKS
from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.registry import open_calendar
from beklijf.boundary import bodies
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.ical import ics
from beklijf.model.domain import Contact, Event, Person
from beklijf.model.errors import BackendError, Refused, Transient
from beklijf.model.stored import Agent, Stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar

STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SHORT = timedelta(seconds=0.8)
"""What a server that is well needs is a twentieth of it, since the tests run beside each other."""
LONGEST = 30
"""Seconds that no operation here may take: half of what a server goes on for that nobody leaves."""
ORGANIZER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
KARIM = Person(
    key="karim@voorbeeld.example",
    name="Karim Bakker",
    email="karim@voorbeeld.example",
    language="nl",
    zone=ZoneInfo("Europe/Amsterdam"),
    works=frozenset({0}),
)
ONE = Event(
    uid="one-12345678@beklijf",
    start=datetime(2027, 1, 7, 15, tzinfo=UTC),
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Gesprek",
    text="",
    location="Zaal 1",
    organizer=ORGANIZER,
    people=(Contact(KARIM.name, KARIM.email),),
    alarms=(),
    free=False,
)
TWO = replace(ONE, uid="two-12345678@beklijf")
FIRST, SECOND = f"{CALENDAR}{ONE.uid}.ics", f"{CALENDAR}{TWO.uid}.ics"
MULTISTATUS = f"<d:multistatus {XMLNS}>"


@pytest.fixture
def dav() -> Iterator[Dav]:
    with dav_server() as server:
        server.put(FIRST, ics.build(ONE, sequence=0, stamp=STAMP, agent=Agent.CLIENT))
        yield server


@pytest.fixture
def settings(tmp_path: Path, dav: Dav) -> CalendarSettings:
    password = tmp_path / "password"
    password.write_text("mentorpw\n", encoding="utf-8")
    return CalendarSettings(
        maker=CalendarByCaldav(url=dav.url, user="mentor", password=Secret("file", str(password))),
        organizer=ORGANIZER,
        organized_by="service",
        invitations="auto",
        name="Track",
        deadline=SHORT,
    )


@pytest.fixture
def calendar(settings: CalendarSettings) -> Iterator[Calendar]:
    with closing(open_calendar(settings, ORGANIZER.email)) as opened:
        yield opened


@pytest.fixture
def patient(settings: CalendarSettings) -> Iterator[Calendar]:
    """Open it with more time, for what is about size."""
    with closing(open_calendar(replace(settings, deadline=timedelta(seconds=20)), ORGANIZER.email)) as opened:
        yield opened


# -- drops -------------------------------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 207 Multi-Status\r\nContent-Type: application/xml\r\n"


class Hanging:
    """Sends *before* at once, and then a byte every hundredth of a second, until the client goes away."""

    def __init__(self, method: str, before: bytes, drop: bytes) -> None:
        self.method, self.before, self.drop = method, before, drop
        self.left = threading.Event()
        self.began = 0

    def __call__(self, asked: Asked) -> bool:
        if asked.command != self.method:
            return False
        self.began += 1
        asked.close_connection = True
        asked.wfile.write(self.before)
        try:
            for _ in range(6000):
                if self.drop:
                    asked.wfile.write(self.drop)
                else:
                    asked.connection.settimeout(0.01)
                    with suppress(TimeoutError):
                        if not asked.connection.recv(1):
                            break
                time.sleep(0.01)
        except OSError:
            pass
        self.left.set()
        return True


DROPS = {
    "nothing": (b"", b""),
    "head": (b"HTTP/1.1 207 Multi-Status\r\nX: ", b"a"),
    "interim": (b"HTTP/1.1 102 Processing\r\n", b""),
    "body": (HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "no-length": (HEAD + b"\r\n", b" "),
    "packed": (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n" + b"\x1f\x8b\x08\x10" + b"\0" * 6, b"a"),
}
ACTS: dict[str, Callable[[Calendar, Stored], object]] = {
    "PROPFIND": lambda calendar, _: calendar.check(),
    "REPORT": lambda calendar, _: calendar.changes(None),
    "PUT": lambda calendar, _: calendar.create(TWO, sequence=0, agent=Agent.CLIENT, stamp=STAMP),
    "DELETE": lambda calendar, stored: calendar.delete(stored),
    "POST": lambda calendar, _: calendar.busy([KARIM], STAMP, STAMP + timedelta(days=7)),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("drops", DROPS)
def test_an_operation_ends_in_time_and_leaves_nothing_behind(dav: Dav, calendar: Calendar, act: str, drops: str) -> None:
    [stored] = calendar.changes(None).changed
    threads = {*threading.enumerate()}
    hanging = Hanging(act, *DROPS[drops])
    dav.moods.append(hanging)
    began = time.monotonic()

    with pytest.raises(Transient, match="within"):
        ACTS[act](calendar, stored)

    assert time.monotonic() - began < LONGEST
    assert hanging.left.wait(LONGEST), "the connection is still open"
    assert hanging.began == 1
    assert {thread.name for thread in {*threading.enumerate()} - threads if "process_request" not in thread.name} == set()
    dav.moods.clear()
    assert [s.event for s in calendar.changes(None).changed] == [ONE]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Python says of each socket that it closes it itself
def test_a_server_that_greets_nobody_is_left_in_time(settings: CalendarSettings) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        began = time.monotonic()

        with closing(open_calendar(with_maker(settings, url=url), ORGANIZER.email)) as calendar:
            with pytest.raises(Transient):
                calendar.check()

            assert time.monotonic() - began < LONGEST
            peer, _ = silent.accept()
            with peer:
                peer.settimeout(LONGEST)
                while peer.recv(4096):  # its greeting, and then the end of the connection
                    pass


def test_a_long_listing_that_comes_fast_enough_may_take_longer(dav: Dav, calendar: Calendar) -> None:
    calendar.changes(None)
    listing = (MULTISTATUS + dav.response(FIRST, "d:getetag") + "<d:sync-token>http://sync/1</d:sync-token></d:multistatus>").encode()

    def slowly(asked: Asked) -> bool:
        if not asked.wants("sync-collection"):
            return False
        asked.wfile.write(HEAD + f"Content-Length: {len(listing) + 400_000}\r\n\r\n".encode())
        for _ in range(40):
            asked.wfile.write(b" " * 10_000)
            time.sleep(0.05)
        asked.wfile.write(listing)
        return True

    dav.moods.append(slowly)
    began = time.monotonic()

    assert [s.event for s in calendar.changes(None).changed] == [ONE]
    assert time.monotonic() - began > 2 * SHORT.total_seconds()


def test_no_thread_watches_a_connection_that_rests(calendar: Calendar) -> None:
    calendar.check()

    assert not [thread.name for thread in threading.enumerate() if "watch" in thread.name]


# -- too much ----------------------------------------------------------------------------------------------------------


def says(content: bytes, headers: dict[str, str] | None = None, report: str = "sync-collection") -> Callable[[Asked], bool]:
    return lambda asked: asked.wants(report) and asked.say(207, content, headers)


LISTING = f"{MULTISTATUS}<d:sync-token>1</d:sync-token>"
TOO_MUCH: dict[str, tuple[bytes, dict[str, str]]] = {
    "bytes": (LISTING.encode() + b" " * bodies.LARGEST, {}),
    "packed bytes": (gzip.compress(LISTING.encode() + b" " * bodies.LARGEST), {"Content-Encoding": "gzip"}),
    "elements": (LISTING.encode() + b"<d:x/>" * (MOST_MARKS + 1) + b"</d:multistatus>", {}),
    "attributes": (LISTING.encode() + b"<d:x " + b"".join(b'a%d="" ' % n for n in range(MOST_MARKS + 1)) + b"/></d:multistatus>", {}),
    "depth": (LISTING.encode() + b"<d:x>" * 3000 + b"</d:x>" * 3000 + b"</d:multistatus>", {}),
    "cut": (LISTING.encode() + b"<d:resp", {}),
    "no XML": (b"\x00\x01\x02", {}),
    "a type of its own": (f'<!DOCTYPE m [<!ENTITY a "b">]>{LISTING}</d:multistatus>'.encode(), {}),
    "packed by nobody's wish": (b"\x1b\x00\x00", {"Content-Encoding": "br"}),
    "packed twice": (gzip.compress(gzip.compress(LISTING.encode())), {"Content-Encoding": "gzip, gzip"}),
    "badly packed": (b"no gzip", {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_an_answer_that_is_too_much_is_left(dav: Dav, patient: Calendar, what: str) -> None:
    patient.changes(None)
    dav.moods.append(says(*TOO_MUCH[what]))

    with pytest.raises(Transient):
        patient.changes(None)

    dav.moods.clear()
    assert [s.event for s in patient.changes(None).changed] == [ONE]


def test_a_packed_answer_is_read(dav: Dav, patient: Calendar) -> None:
    listing = f"{MULTISTATUS}{dav.response(FIRST, 'd:getetag')}<d:sync-token>1</d:sync-token></d:multistatus>".encode()
    dav.moods.append(says(gzip.compress(listing), {"Content-Encoding": "gzip"}))

    assert [s.event for s in patient.changes(None).changed] == [ONE]


@pytest.mark.parametrize(("interim", "read"), [(MOST_INTERIM, True), (MOST_INTERIM + 1, False), (5000, False)])
def test_interim_answers_come_to_an_end(dav: Dav, patient: Calendar, interim: int, *, read: bool) -> None:
    patient.changes(None)

    def keep_saying(asked: Asked) -> bool:
        if asked.wants("sync-collection"):
            asked.wfile.write(b"HTTP/1.1 102 Processing\r\n\r\n" * interim)
        return False

    dav.moods.append(keep_saying)

    if read:
        assert [s.event for s in patient.changes(None).changed] == [ONE]
    else:
        with pytest.raises(Transient):
            patient.changes(None)


def test_a_head_without_an_end_is_left(dav: Dav, patient: Calendar) -> None:
    patient.changes(None)

    def flood(asked: Asked) -> bool:
        asked.close_connection = True
        asked.wfile.write(HEAD + b"".join(b"X-%d: aaaaaaaa\r\n" % n for n in range(20_000)))
        return True

    dav.moods.append(flood)

    with pytest.raises(Transient):
        patient.changes(None)


def test_cookies_do_not_gather(dav: Dav, patient: Calendar) -> None:
    patient.check()

    def bake(asked: Asked) -> bool:
        return asked.command == "OPTIONS" and asked.say(200, headers={"Set-Cookie": f"n{len(dav.asked)}=1; Path=/"})

    dav.moods.append(bake)
    connection = patient.connection  # type: ignore[attr-defined]  # the wire is not in the contract
    for _ in range(120):
        connection.request("OPTIONS", "/")

    assert max(headers.get("Cookie", "").count("=") for headers in dav.headers) <= 52


def test_an_event_that_is_too_large_stops_no_other(dav: Dav, patient: Calendar) -> None:
    dav.put(SECOND, ics.build(TWO, sequence=0, stamp=STAMP, agent=Agent.CLIENT))
    large = dav.objects[FIRST].replace(b"SUMMARY:", b"X-LARGE:" + b"a" * 11_000_000 + b"\r\nSUMMARY:", 1)
    dav.put(FIRST, large)

    changes = patient.changes(None)

    assert [s.href for s in changes.changed] == [SECOND]
    assert [*changes.unreadable] == [FIRST]


# -- nothing of a library gets out -------------------------------------------------------------------------------------

CHALLENGES = [
    "",
    "Digest",
    'Digest realm="x"',
    'Digest nonce="n", realm="r", algorithm=ROT13',
    "Digest " + "," * 50,
    "Basic",
    "Bearer",
    "\u00e9",
]


@pytest.mark.parametrize("challenge", CHALLENGES)
@pytest.mark.parametrize("auth", ["basic", "digest", "bearer"])
def test_whatever_a_server_asks_for_as_a_login_is_an_error_of_ours(dav: Dav, settings: CalendarSettings, challenge: str, auth: str) -> None:
    dav.moods.append(lambda asked: asked.say(401, "no", {"WWW-Authenticate": challenge} if challenge else {}))

    with closing(open_calendar(with_maker(settings, auth=auth), ORGANIZER.email)) as calendar, pytest.raises(BackendError):
        calendar.check()


def test_a_digest_login_is_the_next_step_after_a_no_of_limited_size(dav: Dav, settings: CalendarSettings) -> None:
    challenge = {"WWW-Authenticate": 'Digest realm="dav", nonce="n1", qop="auth"'}
    content = [b"no"]
    dav.moods.append(
        lambda asked: not asked.headers.get("Authorization", "").startswith("Digest ") and asked.say(401, content[0], challenge)
    )
    digest = replace(with_maker(settings, auth="digest"), deadline=timedelta(seconds=20))

    with closing(open_calendar(digest, ORGANIZER.email)) as calendar:
        assert [s.event for s in calendar.changes(None).changed] == [ONE]
    content[0] = b" " * (bodies.LARGEST + 1)
    with closing(open_calendar(digest, ORGANIZER.email)) as calendar, pytest.raises(Transient, match="more than"):
        calendar.changes(None)

    assert not [headers for headers in dav.headers if "mentorpw" in headers.get("Authorization", "")]


RAW = {
    "not HTTP": b"220 smtp.voorbeeld.example ESMTP\r\n",
    "another version": b"HTTP/9.9 200 OK\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "a status of its own": b"HTTP/1.1 799 So\r\nContent-Length: 0\r\n\r\n",
    "a length that is none": b"HTTP/1.1 207 OK\r\nContent-Length: many\r\n\r\n",
    "a negative length": b"HTTP/1.1 207 OK\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"HTTP/1.1 207 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "chunks that are none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "cut in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n100\r\nabc",
    "cut in the body": HEAD + b"Content-Length: 100\r\n\r\n<d:multi",
    "cut in the head": b"HTTP/1.1 207 OK\r\nX-",
    "nothing": b"",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a location that is none": b"HTTP/1.1 301 Moved\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n",
    "a type that is none": b"HTTP/1.1 207 OK\r\nContent-Type: text/html; charset=zip\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd",
    "text in no code": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n\xff\xfe\xfd",
}


@pytest.mark.parametrize("raw", RAW)
@pytest.mark.parametrize("act", [act for act in ACTS if act != "POST"])
def test_whatever_a_server_sends_is_an_error_of_ours(dav: Dav, patient: Calendar, raw: str, act: str) -> None:
    [stored] = patient.changes(None).changed

    def send(asked: Asked) -> bool:
        if asked.command != act:
            return False
        asked.close_connection = True
        asked.wfile.write(RAW[raw])
        return True

    dav.moods.append(send)

    if act == "DELETE" and raw in {"text in no code", "another version"}:
        ACTS[act](patient, stored)  # 200 is a yes, whatever is said beside
    else:
        with pytest.raises(BackendError):
            ACTS[act](patient, stored)


def test_a_page_in_another_code_beside_a_no_hides_no_status(dav: Dav, patient: Calendar) -> None:
    [stored] = patient.changes(None).changed
    dav.moods.append(lambda asked: asked.command == "DELETE" and asked.say(403, b"<html>verbod\xe9n</html>", {"Content-Type": "text/html"}))

    with pytest.raises(Refused, match="403"):
        patient.delete(stored)


@pytest.mark.parametrize(
    ("asked_for", "seconds"),
    [("120", 120.0), ("Tue, 01 Dec 2026 09:02:00 GMT", 120.0), ("soon", None), ("9" * 400, None), ("Tue, 01 Dec 2099 09:00:00 GMT", None)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait_is_what_the_server_says_by_its_own_clock(
    dav: Dav, patient: Calendar, status: int, asked_for: str, seconds: float | None
) -> None:
    patient.changes(None)
    head = f"HTTP/1.1 {status} Busy\r\nDate: Tue, 01 Dec 2026 09:00:00 GMT\r\nRetry-After: {asked_for}\r\nContent-Length: 0\r\n\r\n"
    dav.moods.append(lambda asked: bool(asked.wfile.write(head.encode())))

    with pytest.raises(Transient) as caught:
        patient.changes(None)

    assert caught.value.retry_after == seconds


def test_free_and_busy_without_an_end_is_taken_in_part(dav: Dav, patient: Calendar) -> None:
    periods = "".join(f"FREEBUSY:202701{5 + n % 20:02}T{n % 23:02}0000Z/PT1H\r\n" for n in range(5000))
    data = f"BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\n{periods}END:VFREEBUSY\r\nEND:VCALENDAR\r\n"
    response = (
        f"<c:response><c:recipient><d:href>mailto:{KARIM.email}</d:href></c:recipient><c:request-status>2.0;Success</c:request-status>"
        f"<c:calendar-data>{data}</c:calendar-data></c:response>"
    )
    content = f"<c:schedule-response {XMLNS}>{response}</c:schedule-response>"
    dav.moods.append(lambda asked: asked.path == OUTBOX and asked.say(200, content))

    assert patient.busy([KARIM], STAMP, STAMP + timedelta(days=90))[KARIM.key]

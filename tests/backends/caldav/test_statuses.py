"""What a CalDAV server says of one object is about that object; and a no, or silence, never means that it isn't there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.backends.caldav.track import FIRST, KARIM, ONE, ORGANIZER, SECOND, TWO, read, written
from tests.fakes.dav import CALENDAR, HOME, INBOX, OUTBOX, XMLNS, Asked, Dav, dav_server
from tests.fakes.settings import with_maker

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.domain import Person
from beklijf.model.errors import BackendError, Down, Missing, Refused, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar

PASSING = (500, 503, 507)
NO = (403, 451)
DATA, ETAG = "c:calendar-data", "d:getetag"


@pytest.fixture(params=[True, False], ids=["sync-collection", "propfind"])
def dav(request: pytest.FixtureRequest) -> Iterator[Dav]:
    """Serve a calendar with two events of ours, that tells what changed by sync token, or by ETags alone."""
    with dav_server() as server:
        server.syncs = request.param
        server.put(FIRST, written(ONE))
        server.put(SECOND, written(TWO))
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
    )


@pytest.fixture
def calendar(settings: CalendarSettings) -> Iterator[Calendar]:
    opened = open_calendar(settings, ORGANIZER.email)
    yield opened
    opened.close()


# -- one object among others -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [*PASSING, *NO])
@pytest.mark.parametrize("name", [DATA, ETAG, ""], ids=["content", "etag", "whole"])
def test_an_edited_event_of_which_the_server_says_no_is_named_and_read_when_it_says_yes(
    dav: Dav, calendar: Calendar, status: int, name: str
) -> None:
    token, _ = read(calendar)
    dav.put(FIRST, written(ONE, "Zaal 2"))
    dav.put(SECOND, written(TWO, "Zaal 2"))
    if name:
        dav.parts[FIRST, name] = status
    else:
        dav.whole[FIRST] = status

    while_ill = calendar.changes(token)
    still_ill = calendar.changes(while_ill.token)
    dav.parts.clear()
    dav.whole.clear()
    healed = calendar.changes(still_ill.token)

    assert (while_ill.gone, [s.href for s in while_ill.changed]) == ((), [SECOND])
    assert [*while_ill.unreadable] == [FIRST]
    assert str(status) in str(while_ill.unreadable[FIRST])
    assert (still_ill.gone, still_ill.changed, [*still_ill.unreadable]) == ((), (), [FIRST])
    assert [(s.href, s.event.location) for s in healed.changed] == [(FIRST, "Zaal 2")]
    assert (healed.gone, healed.unreadable) == ((), {})


@pytest.mark.parametrize("status", [*PASSING, *NO])
def test_in_a_full_reading_it_is_there_but_unreadable(dav: Dav, calendar: Calendar, status: int) -> None:
    dav.whole[FIRST] = status

    changes = calendar.changes(None)

    assert [s.href for s in changes.changed] == [SECOND]
    assert changes.full
    assert [*changes.unreadable] == [FIRST]
    assert changes.gone == ()


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("whole", [True, False], ids=["resource", "every-property"])
def test_what_the_server_says_is_gone_is_gone(dav: Dav, calendar: Calendar, status: int, *, whole: bool) -> None:
    token, _ = read(calendar)
    dav.put(FIRST, written(ONE, "Zaal 2"))
    if whole:
        dav.whole[FIRST] = status
    else:
        dav.parts |= dict.fromkeys([(FIRST, DATA), (FIRST, ETAG), (FIRST, "d:resourcetype")], status)

    changes = calendar.changes(token)

    assert changes.gone == (FIRST,)
    assert changes.unreadable == {}
    with pytest.raises(Missing):
        calendar.fetch(FIRST)


def test_an_event_without_content_is_not_gone(dav: Dav, calendar: Calendar) -> None:
    token, _ = read(calendar)
    dav.put(FIRST, written(ONE, "Zaal 2"))
    dav.parts[FIRST, DATA] = 404

    changes = calendar.changes(token)

    assert (changes.gone, [*changes.unreadable]) == ((), [FIRST])


def test_an_event_that_is_passed_over_in_silence_is_not_gone(dav: Dav, calendar: Calendar) -> None:
    token, _ = read(calendar)
    dav.put(FIRST, written(ONE, "Zaal 2"))
    dav.put(SECOND, written(TWO, "Zaal 2"))

    def leave_out(asked: Asked) -> bool:
        return asked.wants("calendar-multiget") and asked.multistatus(dav.response(SECOND, ETAG, DATA))

    dav.moods.append(leave_out)

    changes = calendar.changes(token)

    assert (changes.gone, [*changes.unreadable], [s.href for s in changes.changed]) == ((), [FIRST], [SECOND])


@pytest.mark.parametrize("line", ["", "500", "kaput", "HTTP/1.1", "HTTP/1.1 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 ٢٠٠ OK"])
def test_a_status_that_is_none_is_no_yes(dav: Dav, calendar: Calendar, line: str) -> None:
    token, _ = read(calendar)
    dav.put(FIRST, written(ONE, "Zaal 2"))
    said = f"<d:response><d:href>{FIRST}</d:href><d:status>{line}</d:status></d:response>"
    dav.moods.append(lambda asked: asked.wants("calendar-multiget") and asked.multistatus(said))

    changes = calendar.changes(token)

    assert (changes.gone, changes.changed, [*changes.unreadable]) == ((), (), [FIRST])


MEANING: dict[int, type[BackendError]] = {
    500: Transient,
    503: Transient,
    507: Transient,
    423: Transient,
    403: Refused,
    404: Missing,
    410: Missing,
}


@pytest.mark.parametrize(("status", "error"), MEANING.items())
def test_reading_one_event_says_what_the_server_said(dav: Dav, calendar: Calendar, status: int, error: type[BackendError]) -> None:
    _, stored = read(calendar)
    dav.whole[FIRST] = status

    with pytest.raises(error) as caught:
        calendar.fetch(FIRST)
    with pytest.raises(error):
        calendar.update(stored[0], replace(ONE, location="Zaal 3"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT)

    assert type(caught.value) is error
    assert not [path for method, path in dav.asked if method == "PUT"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(("status", "error"), MEANING.items())
def test_a_no_inside_of_a_yes_to_a_write_is_a_no(dav: Dav, calendar: Calendar, method: str, status: int, error: type[BackendError]) -> None:
    _, (stored, *_) = read(calendar)
    said = f"<d:response><d:href>{FIRST}</d:href><d:status>HTTP/1.1 {status} So</d:status></d:response>"
    dav.moods.append(lambda asked: asked.command == method and asked.multistatus(said))
    acts: dict[str, Callable[[], object]] = {
        "PUT": lambda: calendar.update(stored, replace(ONE, location="Zaal 3"), frozenset({"place"}), sequence=1, agent=Agent.CLIENT),
        "DELETE": lambda: calendar.delete(stored),
    }

    with pytest.raises(BackendError) as caught:
        acts[method]()

    assert type(caught.value) is (Down if status == 507 else error)  # there is no room to write


@pytest.mark.parametrize("responses", [[], [f"<d:response><d:href>{FIRST}</d:href><d:status>so</d:status></d:response>"]])
def test_a_yes_to_a_write_that_says_nothing_is_no_yes(dav: Dav, calendar: Calendar, responses: list[str]) -> None:
    _, (stored, *_) = read(calendar)
    dav.moods.append(lambda asked: asked.command == "DELETE" and asked.multistatus(*responses))

    with pytest.raises(BackendError):
        calendar.delete(stored)


def test_nothing_is_asked_again_of_a_server_that_said_everything(dav: Dav, calendar: Calendar) -> None:
    token, _ = read(calendar)
    before = len(dav.asked)

    changes = calendar.changes(token)

    assert (changes.token, len(dav.asked) - before) == (token, 1)


# -- the calendar as a whole -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "<html><body>welcome</body></html>", f"<d:error {XMLNS}/>", "not xml"])
def test_an_answer_that_is_no_multistatus_empties_no_calendar(dav: Dav, calendar: Calendar, content: str) -> None:
    token, _ = read(calendar)
    dav.moods.append(lambda asked: asked.command in {"REPORT", "PROPFIND"} and asked.say(207, content, {"Content-Type": "text/html"}))

    with pytest.raises(Transient):
        calendar.changes(token)
    with pytest.raises(Transient):
        calendar.changes(None)


@pytest.mark.parametrize("status", [403, 500, 507])
def test_a_listing_whose_calendar_is_refused_empties_no_calendar(dav: Dav, calendar: Calendar, status: int) -> None:
    dav.syncs = False
    token, _ = read(calendar)
    dav.whole[CALENDAR] = status

    with pytest.raises(Transient):
        calendar.changes(token)


def test_a_listing_of_nothing_at_all_empties_no_calendar(dav: Dav, calendar: Calendar) -> None:
    dav.syncs = False
    token, _ = read(calendar)
    dav.moods.append(lambda asked: asked.headers.get("Depth") == "1" and asked.multistatus())

    with pytest.raises(Transient):
        calendar.changes(token)


def test_a_list_of_changes_comes_in_pages(dav: Dav, calendar: Calendar) -> None:
    dav.page = 1

    assert {stored.href for stored in read(calendar)[1]} == {FIRST, SECOND}


def test_a_list_of_changes_that_gets_nowhere_is_left(dav: Dav, calendar: Calendar) -> None:
    if not dav.syncs:
        pytest.skip("has no such list")
    token, _ = read(calendar)
    more = f"<d:response><d:href>{CALENDAR}</d:href><d:status>HTTP/1.1 507 More</d:status></d:response>"
    dav.moods.append(lambda asked: asked.wants("sync-collection") and asked.multistatus(more, token="http://sync/2"))

    with pytest.raises(Transient, match="no end"):
        calendar.changes(token)


# -- finding the calendar ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 500, 507])
@pytest.mark.parametrize("name", ["d:displayname", "d:resourcetype", ""])
def test_a_calendar_whose_name_is_not_told_is_not_made_again(dav: Dav, calendar: Calendar, status: int, name: str) -> None:
    if name:
        dav.parts[CALENDAR, name] = status
    else:
        dav.whole[CALENDAR] = status

    with pytest.raises(Transient):
        calendar.changes(None)
    with pytest.raises(Transient):
        calendar.create(ONE, sequence=0, agent=Agent.CLIENT)

    assert not [path for method, path in dav.asked if method in {"MKCALENDAR", "PUT"}]


@pytest.mark.parametrize("part", [("", 403), ("", 404), ("", 500), ("d:resourcetype", 500), ("d:resourcetype", 403)])
def test_another_calendar_never_takes_the_place_of_the_one_that_the_url_names(
    dav: Dav, settings: CalendarSettings, part: tuple[str, int]
) -> None:
    dav.props |= {("/.well-known/caldav", "d:resourcetype"): "<d:collection/>", (f"{HOME}other/", "d:resourcetype"): "<c:calendar/>"}
    dav.props["/.well-known/caldav", "d:current-user-principal"] = f"<d:href>{HOME}</d:href>"
    name, status = part
    if name:
        dav.parts[CALENDAR, name] = status
    else:
        dav.whole[CALENDAR] = status
    calendar = open_calendar(replace(with_maker(settings, url=f"{dav.url.rstrip('/')}{CALENDAR}"), name=""), ORGANIZER.email)

    with pytest.raises((Down, Transient)):
        calendar.changes(None)
    calendar.close()


@pytest.mark.parametrize("status", [403, 500])
def test_what_is_no_calendar_may_have_a_name_that_is_not_told(dav: Dav, settings: CalendarSettings, status: int) -> None:
    dav.parts[INBOX, "d:displayname"] = status
    calendar = open_calendar(replace(settings, name="Another"), ORGANIZER.email)

    assert "will be made" in calendar.check()
    calendar.close()


def test_a_home_that_lists_nothing_is_no_home_without_calendars(dav: Dav, calendar: Calendar) -> None:
    dav.moods.append(lambda asked: asked.headers.get("Depth") == "1" and asked.multistatus())

    with pytest.raises(Transient):
        calendar.create(ONE, sequence=0, agent=Agent.CLIENT)

    assert "MKCALENDAR" not in {method for method, _ in dav.asked}


@pytest.mark.parametrize("status", [403, 404, 500, 507])
@pytest.mark.parametrize("name", ["d:resourcetype", ""])
def test_one_persons_calendar_that_is_refused_is_theirs_alone(dav: Dav, settings: CalendarSettings, status: int, name: str) -> None:
    theirs = {email: f"/dav/people/{email.partition('@')[0]}/" for email in ("sanne@voorbeeld.example", "noor@voorbeeld.example")}
    dav.props |= {(path, "d:resourcetype"): "<d:collection/><c:calendar/>" for path in theirs.values()}
    if name:
        dav.parts["/dav/people/sanne/", name] = status
    else:
        dav.whole["/dav/people/sanne/"] = status
    people = [
        Person(key=email, name="x", email=email, language="nl", zone=ZoneInfo("Europe/Amsterdam"), works=frozenset()) for email in theirs
    ]
    pattern = f"{dav.url}dav/people/{{local}}/"
    calendar = open_calendar(replace(with_maker(settings, people=pattern), organized_by="mentee"), ORGANIZER.email, people)

    changes = calendar.changes(None)
    calendar.close()

    assert [*changes.away] == ["sanne@voorbeeld.example"]
    assert [s.href for s in changes.changed] == [FIRST, SECOND]


# -- free and busy, and what waits -------------------------------------------------------------------------------------

PERIOD = "BEGIN:VCALENDAR\r\nBEGIN:VFREEBUSY\r\nFREEBUSY:20270105T090000Z/20270105T100000Z\r\nEND:VFREEBUSY\r\nEND:VCALENDAR\r\n"
START, END = datetime(2027, 1, 4, tzinfo=UTC), datetime(2027, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "data", "told"),
    [
        ("2.0;Success", PERIOD, True),
        ("3.7;Invalid user", PERIOD, False),
        ("5.1;Could not", "", False),
        ("2.0;Success", "", False),
        ("2.0;Success", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", False),
        ("", PERIOD, False),
    ],
)
def test_of_whom_the_server_tells_nothing_nobody_says_that_they_are_free(
    dav: Dav, calendar: Calendar, said: str, data: str, *, told: bool
) -> None:
    response = (
        f"<c:response><c:recipient><d:href>mailto:{KARIM.email}</d:href></c:recipient><c:request-status>{said}</c:request-status>"
        f"<c:calendar-data>{data}</c:calendar-data></c:response>"
    )
    dav.moods.append(
        lambda asked: asked.path == OUTBOX and asked.say(200, f"<c:schedule-response {XMLNS}>{response}</c:schedule-response>")
    )
    person = Person(
        key=KARIM.email, name=KARIM.name, email=KARIM.email, language="nl", zone=ZoneInfo("Europe/Amsterdam"), works=frozenset()
    )

    assert (KARIM.email in calendar.busy([person], START, END)) is told


def test_free_and_busy_of_who_is_named_in_plain_text_is_heard(dav: Dav, calendar: Calendar) -> None:
    """Answer as SOGo does, without DAV:href."""
    response = (
        f"<c:response><c:recipient>mailto:{KARIM.email}</c:recipient><c:request-status>2.0;Success</c:request-status>"
        f"<c:calendar-data>{PERIOD}</c:calendar-data></c:response>"
    )
    dav.moods.append(
        lambda asked: asked.path == OUTBOX and asked.say(200, f"<c:schedule-response {XMLNS}>{response}</c:schedule-response>")
    )
    person = Person(
        key=KARIM.email, name=KARIM.name, email=KARIM.email, language="nl", zone=ZoneInfo("Europe/Amsterdam"), works=frozenset()
    )

    [busy] = calendar.busy([person], START, END)[KARIM.email]

    assert (busy.start, busy.end) == (datetime(2027, 1, 5, 9, tzinfo=UTC), datetime(2027, 1, 5, 10, tzinfo=UTC))


@pytest.mark.parametrize("status", PASSING)
def test_a_message_that_cannot_be_read_now_is_asked_for_again(dav: Dav, calendar: Calendar, status: int) -> None:
    message = f"{INBOX}reply.ics"
    reply = written(ONE).replace(b"BEGIN:VEVENT", b"METHOD:REPLY\r\nBEGIN:VEVENT", 1).replace(b"NEEDS-ACTION", b"ACCEPTED")
    dav.put(message, reply)
    dav.parts[message, DATA] = status

    assert calendar.waiting() == ()
    dav.parts.clear()

    assert {waiting.href for waiting in calendar.waiting()} == {message}

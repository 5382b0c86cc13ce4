"""What an attendee's message says, read from calendar parts as programs form them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.ical import itip
from beklijf.model.conversation import Itip
from beklijf.model.stored import Unreadable

UID = "0d7f6c1a-5a1b-4c0e-9d55-3b1f6a0f2c11-1a2b3c4d@beklijf"
KARIM = "ATTENDEE;CN=Karim;PARTSTAT=ACCEPTED:mailto:Karim@Voorbeeld.example"
ACCEPTED = Itip(
    method="REPLY", uid=UID, recurrence_id=None, attendee="karim@voorbeeld.example", partstat="ACCEPTED", sequence=0, stamp=None
)


def event(*lines: str, uid: str = UID) -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT", ""])


def calendar(*parts: str, method: str = "REPLY") -> bytes:
    said = f"METHOD:{method}\r\n" if method else ""
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{said}{''.join(parts)}END:VCALENDAR\r\n".encode()


def only(*lines: str, method: str = "REPLY") -> Itip:
    (found,) = itip.read(calendar(event(*lines), method=method))
    return found


def zone(tzid: str, *, rule: str = "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=", more: str = "") -> str:
    """Return Amsterdam's clock under another name."""
    return (
        f"BEGIN:VTIMEZONE\r\nTZID:{tzid}\r\n{more}"
        f"BEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\n{rule}10\r\nEND:STANDARD\r\n"
        f"BEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n{rule}3\r\nEND:DAYLIGHT\r\n"
        "END:VTIMEZONE\r\n"
    )


def test_a_reply_says_who_answers_what_to_which_event() -> None:
    assert only(KARIM) == ACCEPTED


def test_a_reply_carries_the_revision_that_it_is_about() -> None:
    found = only(KARIM, "SEQUENCE:3", "DTSTAMP:20270222T083011Z")

    assert (found.sequence, found.stamp) == (3, datetime(2027, 2, 22, 8, 30, 11, tzinfo=UTC))


@pytest.mark.parametrize("given", ["SEQUENCE:x", "SEQUENCE:-4", "SEQUENCE:", "X-A:b"])
def test_a_revision_that_is_none_counts_as_the_first(given: str) -> None:
    assert only(KARIM, given).sequence == 0


def test_the_method_inside_decides_and_else_that_of_the_part() -> None:
    assert itip.read(calendar(event(KARIM), method=""), "reply") == (ACCEPTED,)
    assert itip.read(calendar(event(KARIM), method="REQUEST"), "REPLY") == ()
    assert itip.read(calendar(event(KARIM), method="REPLY"), "REQUEST") == (ACCEPTED,)
    assert itip.read(calendar(event(KARIM), method="")) == ()


@pytest.mark.parametrize("method", ["REQUEST", "CANCEL", "PUBLISH", "ADD", "DECLINECOUNTER", "REPLY;X=1", ""])
def test_other_methods_are_no_answers(method: str) -> None:
    assert itip.read(calendar(event(KARIM), method=method)) == ()


def test_events_of_others_are_nobodys_business() -> None:
    assert itip.read(calendar(event(KARIM, uid="040000008200E00074C5B7101A82E008"))) == ()
    assert itip.read(calendar(event(KARIM, uid="x@beklijf.elders.example"))) == ()


def test_several_meetings_of_a_series_are_answered_at_once() -> None:
    found = itip.read(calendar(event(KARIM), event(KARIM, "RECURRENCE-ID:20270316T090000Z"), event(KARIM, uid="other")))

    assert [each.recurrence_id for each in found] == [None, datetime(2027, 3, 16, 9, tzinfo=UTC)]


@pytest.mark.parametrize(
    "given",
    [
        "RECURRENCE-ID:20270330T080000Z",
        "RECURRENCE-ID;TZID=Europe/Amsterdam:20270330T100000",
        "RECURRENCE-ID;TZID=W. Europe Standard Time:20270330T100000",
        'RECURRENCE-ID;TZID="W. Europe Standard Time":20270330T100000',
        "RECURRENCE-ID;VALUE=DATE-TIME;TZID=/freeassociation.sourceforge.net/Europe/Amsterdam:20270330T100000",
        "recurrence-id;tzid=Europe/Amsterdam:20270330T100000",
        "RECURRENCE-ID;TZID=Europe/Ams\r\n terdam:20270330T100000",
        "RECURRENCE-ID;TZID=Eigen:20270330T100000",
        "RECURRENCE-ID;TZID=America/New_York:20270330T040000",
    ],
)
def test_a_meeting_is_named_by_its_place_in_the_rhythm_whatever_the_clock(given: str) -> None:
    (found,) = itip.read(calendar(zone("Eigen"), event(KARIM, given)))

    assert found.recurrence_id == datetime(2027, 3, 30, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    [
        "RECURRENCE-ID;VALUE=DATE:20270330",
        "RECURRENCE-ID:20270330T100000",
        "RECURRENCE-ID;TZID=Nergens:20270330T100000",
        "RECURRENCE-ID;TZID=Europe:20270330T100000",
        f"RECURRENCE-ID;TZID={'x' * 300}:20270330T100000",
        "RECURRENCE-ID;RANGE=THISANDFUTURE:20270330T080000Z",
        "RECURRENCE-ID:morgen",
        "RECURRENCE-ID;=:20270330T080000Z",
        'RECURRENCE-ID;X="a:20270330T080000Z',
        "RECURRENCE-ID:00010101T000000",
        "RECURRENCE-ID:20270330T080000Z\r\nRECURRENCE-ID:20270413T080000Z",
        "UID:another@beklijf",
        "ATTENDEE;=x:mailto:sanne@voorbeeld.example",
        f"ATTENDEE;CN={'x' * 3_000}:mailto:sanne@voorbeeld.example",
    ],
)
def test_an_answer_of_which_a_line_gets_lost_is_none(given: str) -> None:
    # Without its RECURRENCE-ID, a single meeting that is declined would be the whole series.
    with pytest.raises(Unreadable):
        itip.read(calendar(event(KARIM, given)))


def test_what_can_be_understood_counts_beside_what_cannot() -> None:
    found = itip.read(calendar(event(KARIM, "RECURRENCE-ID:morgen"), event(KARIM)))

    assert found == (ACCEPTED,)


@pytest.mark.parametrize(
    ("attendees", "attendee", "partstat"),
    [
        ((), "", ""),
        (("ATTENDEE:mailto:karim@voorbeeld.example",), "karim@voorbeeld.example", ""),
        (("ATTENDEE;PARTSTAT=declined:MAILTO:karim@voorbeeld.example",), "karim@voorbeeld.example", "DECLINED"),
        (("ATTENDEE;PARTSTAT=ACCEPTED:karim@voorbeeld.example",), "karim@voorbeeld.example", "ACCEPTED"),
        (("ATTENDEE;PARTSTAT=ACCEPTED;EMAIL=karim@voorbeeld.example:/aMTA/principal/",), "karim@voorbeeld.example", "ACCEPTED"),
        (("ATTENDEE;PARTSTAT=ACCEPTED:invalid:nomail",), "", "ACCEPTED"),
        (("ATTENDEE;PARTSTAT=ACCEPTED:mailto:jörg@xn--bcher-kva.example",), "jörg@bücher.example", "ACCEPTED"),
        ((KARIM, KARIM), "karim@voorbeeld.example", "ACCEPTED"),
        ((KARIM, "ATTENDEE;PARTSTAT=ACCEPTED:mailto:sanne@voorbeeld.example"), "", "ACCEPTED"),
        ((KARIM, "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:sanne@voorbeeld.example"), "", ""),
        ((KARIM, "ATTENDEE;CUTYPE=ROOM;PARTSTAT=DECLINED:mailto:zaal1@voorbeeld.example"), "karim@voorbeeld.example", "ACCEPTED"),
        (('ATTENDEE;PARTSTAT="ACCEPTED\\nX:1":mailto:karim@voorbeeld.example',), "karim@voorbeeld.example", ""),
    ],
)
def test_who_answers_is_who_is_named_alone_and_nobody_is_guessed(attendees: tuple[str, ...], attendee: str, partstat: str) -> None:
    found = only(*attendees)

    assert (found.attendee, found.partstat) == (attendee, partstat)


def test_a_room_that_answers_for_itself_is_nobody() -> None:
    assert itip.read(calendar(event("ATTENDEE;CUTYPE=ROOM;PARTSTAT=ACCEPTED:mailto:zaal1@voorbeeld.example"))) == ()


@pytest.mark.parametrize(
    ("lines", "minutes"),
    [
        (("DTSTART:20270317T130000Z", "DTEND:20270317T134500Z"), 45),
        (("DTSTART:20270317T130000Z", "DURATION:PT1H30M"), 90),
        (("DTSTART;TZID=Europe/Amsterdam:20270317T140000", "DTEND;TZID=Europe/Amsterdam:20270317T150000"), 60),
        (("DTSTART:20270317T130000Z",), 0),
        (("DTSTART:20270317T130000Z", "DTEND:20270317T120000Z"), 0),
        (("DTSTART:20270317T130000Z", "DTEND:20270417T120000Z"), 0),
        (("DTSTART:20270317T130000Z", "DTEND;VALUE=DATE:20270318"), 0),
        (("DTSTART:20270317T130000Z", "DURATION:x"), 0),
    ],
)
def test_a_proposal_says_when_and_how_long_where_that_can_be_read(lines: tuple[str, ...], minutes: int) -> None:
    found = only(KARIM, *lines, method="COUNTER")

    assert (found.start, found.minutes) == (datetime(2027, 3, 17, 13, tzinfo=UTC), minutes)


@pytest.mark.parametrize("line", ["DTSTART;VALUE=DATE:20270317", "DTSTART:20270317T130000", "DTSTART:straks", "X-A:b"])
def test_a_proposal_without_a_time_to_go_by_has_none(line: str) -> None:
    assert only(KARIM, line, method="COUNTER").start is None


def test_only_a_proposal_has_a_time() -> None:
    assert only(KARIM, "DTSTART:20270317T130000Z", "DTEND:20270317T140000Z").start is None


def test_who_asks_for_the_invitation_answers_nothing() -> None:
    found = only(KARIM, method="REFRESH")

    assert (found.method, found.attendee, found.partstat) == ("REFRESH", "karim@voorbeeld.example", "")


def test_what_people_write_is_dropped_before_anything_reads_it() -> None:
    # A COMMENT that broke the object would break the answer, if it were looked at.
    assert (
        only(
            KARIM,
            'COMMENT;ALTREP="open:x',
            "DESCRIPTION;=:x",
            "RRULE:FREQ=SECONDLY;COUNT=1000000",
            "BEGIN:VALARM",
            "TRIGGER:x",
            "END:VALARM",
        )
        == ACCEPTED
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_an_object_is_read_in_the_encodings_that_windows_writes(encoding: str) -> None:
    assert itip.read(calendar(event(KARIM)).decode().encode(encoding)) == (ACCEPTED,)


def test_letters_of_another_charset_break_a_name_at_most() -> None:
    assert itip.read(calendar(event(KARIM.replace("Karim;", "K\xe4rim;"))).decode().encode("latin-1")) == (ACCEPTED,)


# -- hostile ones ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        b"BEGIN:VCALENDAR\r\n" * 10_000,
        b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VEVENT\r\n",
        calendar(event(*[KARIM] * 2_000)),
        b"x" * 1_000_001,
    ],
)
def test_what_is_no_answer_in_a_form_that_is_one_is_never_taken_for_one(content: bytes) -> None:
    try:
        found: tuple[Itip, ...] = itip.read(content)
    except Unreadable:
        found = ()

    assert found == ()


@pytest.mark.parametrize(
    "extra", ["X-A:" + "x" * 900_000, "\r\n ".join(["X-A:"] + ["x"] * 200_000), "\r\n" * 400_000, "BEGIN:X\r\nEND:X\r\n" * 40_000 + "X:y"]
)
def test_an_answer_is_found_in_a_megabyte_of_something_else(extra: str) -> None:
    assert only(KARIM, extra) == ACCEPTED


def test_no_more_answers_are_taken_from_a_message_than_a_series_has_meetings() -> None:
    many = [event(KARIM, f"RECURRENCE-ID:20270101T{n // 60:02}{n % 60:02}00Z") for n in range(1_000)]

    assert len(itip.read(calendar(*many))) == itip.MOST


@pytest.mark.parametrize(
    "bad",
    [
        zone("Eigen", rule="RRULE:FREQ=SECONDLY;BYMONTH="),
        zone("Eigen", rule="RRULE:FREQ=YEARLY;BYSECOND=0,1,2,3;BYMONTH="),
        zone("Eigen", more="X-LIC-LOCATION:../../etc/passwd\r\n", rule="RRULE:FREQ=HOURLY;BYMONTH="),
        "",
    ],
)
def test_a_clock_that_nobody_has_is_not_gone_by(bad: str) -> None:
    with pytest.raises(Unreadable):
        itip.read(calendar(bad, event(KARIM, "RECURRENCE-ID;TZID=Eigen:20270330T100000")))


def test_a_known_zone_means_what_everybody_takes_it_for() -> None:
    lying = zone("Europe/Amsterdam").replace("+0", "+1")

    (found,) = itip.read(calendar(lying, event(KARIM, "RECURRENCE-ID;TZID=Europe/Amsterdam:20270330T100000")))

    assert found.recurrence_id == datetime(2027, 3, 30, 8, tzinfo=UTC)


def test_two_clocks_of_one_name_in_two_messages_are_kept_apart() -> None:
    first = calendar(zone("Eigen"), event(KARIM, "RECURRENCE-ID;TZID=Eigen:20270330T100000"))
    second = calendar(zone("Eigen").replace("+0", "+1"), event(KARIM, "RECURRENCE-ID;TZID=Eigen:20270330T100000"))

    assert [itip.read(each)[0].recurrence_id for each in (first, second)] == [
        datetime(2027, 3, 30, 8, tzinfo=UTC),
        datetime(2027, 3, 29, 22, tzinfo=UTC),
    ]


LINES = st.sampled_from(
    [
        *(f"{edge}:{name}" for edge in ("BEGIN", "END") for name in ("VEVENT", "VTIMEZONE", "STANDARD")),
        *("TZID:Eigen", "RRULE:FREQ=YEARLY", "TZOFFSETTO:+0100", "RECURRENCE-ID;TZID=Eigen:20270330T100000"),
        *(f"UID:{UID}", KARIM, "DTSTART:20270330T100000Z", "SEQUENCE:1"),
    ]
)
"""What an object is made of, in no order."""


@given(lines=st.lists(st.one_of(LINES, st.text(max_size=80)), max_size=30), method=st.sampled_from(["REPLY", "COUNTER", "REFRESH"]))
def test_whatever_comes_is_answers_about_ours_or_unreadable(lines: list[str], method: str) -> None:
    content = f"BEGIN:VCALENDAR\r\nMETHOD:{method}\r\n{chr(10).join(lines)}\r\nEND:VCALENDAR\r\n".encode("utf-8", "replace")
    try:
        found = itip.read(content)
    except Unreadable:
        return

    assert all(each.uid == UID and each.method == method for each in found)
    assert all(each.recurrence_id is None or each.recurrence_id.tzinfo is UTC for each in found)

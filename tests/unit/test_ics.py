"""Events as iCalendar objects and back, and patches into objects of others."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.decide.merge import take
from beklijf.ical import ics
from beklijf.ical.timezones import NoYearlyRule
from beklijf.model.canonical import occurrences
from beklijf.model.domain import Contact, Event, Override, Recurrence
from beklijf.model.errors import Refused
from beklijf.model.stored import Agent, Unreadable

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KARIM = Contact("Karim Bakker", "karim@voorbeeld.example")
SANNE = Contact("Sanne de Vries", "sanne@voorbeeld.example")
NOOR = Contact("Noor Jansen", "noor@voorbeeld.example")


def at(day: str, hour: int = 10) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour), AMSTERDAM)


def utc(day: str, hour: int = 10) -> datetime:
    return at(day, hour).astimezone(UTC)


SERIES = Event(
    uid="series-12345678@beklijf",
    start=at("2027-03-02"),
    minutes=60,
    recurrence=Recurrence(2, utc("2027-04-27")),
    overrides=(Override(utc("2027-03-30"), None),),
    title="Mentorgesprek",
    text="Wat ging goed?\n\nWat kan beter?",
    location="Zaal 1",
    organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
    people=(KARIM, SANNE),
    alarms=(15,),
    free=False,
)
MEETING = replace(SERIES, recurrence=None, overrides=())


def build(
    event: Event,
    *,
    sequence: int = 0,
    agent: Agent = Agent.SERVER,
    method: Literal["", "REQUEST", "CANCEL"] = "",
    about: datetime | None = None,
) -> str:
    """Return the object with unfolded lines."""
    status = "CANCELLED" if method == "CANCEL" else "CONFIRMED"
    data = ics.build(event, sequence=sequence, stamp=STAMP, agent=agent, method=method, about=about, status=status)
    return data.decode().replace("\r\n ", "").replace("\r\n", "\n")


def patch(data: str, wanted: Event, *fields: str, sequence: int = 1, agent: Agent = Agent.SERVER) -> str:
    new = ics.patch(data.encode(), wanted, frozenset(fields), sequence=sequence, stamp=STAMP, agent=agent)
    return new.decode().replace("\r\n ", "").replace("\r\n", "\n")


def read(data: str) -> Event:
    return ics.read(data.encode()).event


def test_a_series_is_written_in_the_form_that_every_client_takes() -> None:
    body = build(SERIES).partition("END:VTIMEZONE\n")[2]

    assert body == (
        "BEGIN:VEVENT\n"
        "UID:series-12345678@beklijf\n"
        "DTSTART;TZID=Europe/Amsterdam:20270302T100000\n"
        "DTEND;TZID=Europe/Amsterdam:20270302T110000\n"
        "SUMMARY:Mentorgesprek\n"
        "DESCRIPTION:Wat ging goed?\\n\\nWat kan beter?\n"
        "LOCATION:Zaal 1\n"
        "ORGANIZER;CN=Mentorprogramma:mailto:mentor@voorbeeld.example\n"
        'ATTENDEE;CN="Karim Bakker";CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:karim@voorbeeld.example\n'
        'ATTENDEE;CN="Sanne de Vries";CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=TRUE'
        ":mailto:sanne@voorbeeld.example\n"
        "TRANSP:OPAQUE\n"
        "RRULE:FREQ=WEEKLY;UNTIL=20270427T215959Z;INTERVAL=2;BYDAY=TU;WKST=MO\n"
        "EXDATE;TZID=Europe/Amsterdam:20270330T100000\n"
        "STATUS:CONFIRMED\n"
        "SEQUENCE:0\n"
        "DTSTAMP:20261123T120000Z\n"
        "BEGIN:VALARM\n"
        "ACTION:DISPLAY\n"
        "DESCRIPTION:Mentorgesprek\n"
        "TRIGGER:-PT15M\n"
        "END:VALARM\n"
        "END:VEVENT\n"
        "END:VCALENDAR\n"
    )


def test_the_library_is_one_whole_whichever_part_of_it_is_imported_first() -> None:
    script = (
        "from beklijf.ical import ics, parser; from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON; import icalendar, sys;"
        "assert icalendar.timezone is sys.modules['icalendar.timezone'];"
        "print(icalendar.timezone.windows_to_olson.WINDOWS_TO_OLSON is WINDOWS_TO_OLSON, parser.named_clock('W. Europe Standard Time'))"
    )

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said == "True Europe/Berlin\n"


def test_the_same_event_gives_the_same_bytes() -> None:
    assert build(SERIES) == build(SERIES)


def test_an_object_for_a_calendar_has_no_method_and_one_for_mail_has() -> None:
    assert "METHOD" not in build(SERIES)
    assert "METHOD:REQUEST\n" in build(SERIES, method="REQUEST")


def test_a_moved_meeting_is_an_override_in_the_zone_of_the_series() -> None:
    found = build(replace(SERIES, overrides=(Override(utc("2027-03-30"), utc("2027-03-31", 14), 30),)))

    override = found.split("BEGIN:VEVENT")[2]
    assert "RECURRENCE-ID;TZID=Europe/Amsterdam:20270330T100000\n" in override
    assert "DTSTART;TZID=Europe/Amsterdam:20270331T140000\n" in override
    assert "DTEND;TZID=Europe/Amsterdam:20270331T143000\n" in override
    assert "RRULE" not in override
    assert "EXDATE" not in found


def test_a_cancellation_of_the_whole_says_nothing_of_single_meetings() -> None:
    found = build(replace(SERIES, overrides=(Override(utc("2027-03-30"), utc("2027-03-31", 14), 30),)), method="CANCEL", sequence=4)

    assert found.count("BEGIN:VEVENT") == 1
    assert "RECURRENCE-ID" not in found
    assert "STATUS:CANCELLED\n" in found
    assert "SEQUENCE:4\n" in found


def test_a_message_about_one_meeting_names_it_beside_the_whole_series() -> None:
    back = build(SERIES, method="REQUEST", about=utc("2027-03-16"))

    whole, meeting = back.split("BEGIN:VEVENT")[1:]
    assert "RRULE:FREQ=WEEKLY" in whole
    assert "RECURRENCE-ID" not in whole
    assert "RECURRENCE-ID;TZID=Europe/Amsterdam:20270316T100000\n" in meeting
    assert "DTSTART;TZID=Europe/Amsterdam:20270316T100000\n" in meeting
    assert "RRULE:FREQ=WEEKLY" not in meeting


def test_a_message_about_a_meeting_that_does_not_take_place_has_a_series_without_it() -> None:
    off = build(replace(SERIES, overrides=(Override(utc("2027-03-30"), None),)), method="REQUEST", about=utc("2027-03-30"))

    assert off.count("BEGIN:VEVENT") == 1
    assert "EXDATE;TZID=Europe/Amsterdam:20270330T100000\n" in off
    assert "STATUS:CONFIRMED\n" in off


def test_a_reminder_takes_no_time_and_asks_for_no_answer() -> None:
    found = build(replace(SERIES, free=True, people=(KARIM,)))

    assert "TRANSP:TRANSPARENT\n" in found
    assert "RSVP=FALSE" in found
    assert "RSVP=TRUE" not in found


@pytest.mark.parametrize(("agent", "written"), [(Agent.SERVER, False), (Agent.CLIENT, True), (Agent.NONE, True)])
def test_schedule_agent_is_client_or_left_out(agent: Agent, written: bool) -> None:
    found = build(SERIES, agent=agent)

    assert found.count("SCHEDULE-AGENT=CLIENT") == (2 if written else 0)
    assert "SCHEDULE-AGENT=NONE" not in found


def test_whom_the_server_cannot_reach_stays_ours_to_write_to() -> None:
    data = build(SERIES).replace("RSVP=TRUE:mailto:karim", "RSVP=TRUE;SCHEDULE-STATUS=3.7:mailto:karim")
    data = data.replace("RSVP=TRUE:mailto:sanne", "RSVP=TRUE;SCHEDULE-STATUS=1.2:mailto:sanne")

    patched = patch(patch(data, SERIES), SERIES)

    [karim] = [line for line in patched.splitlines() if "mailto:karim" in line]
    [sanne] = [line for line in patched.splitlines() if "mailto:sanne" in line]
    assert "SCHEDULE-AGENT=CLIENT" in karim
    assert "SCHEDULE-AGENT" not in sanne
    assert ics.read(patched.encode()).delivery == {KARIM.email: "3.7", SANNE.email: "1.2"}


def test_a_backslash_in_a_name_swallows_nothing() -> None:
    event = replace(MEETING, people=(Contact("Jan\\", "jan@voorbeeld.example"),))

    assert read(build(event)).people == (Contact("Jan", "jan@voorbeeld.example"),)


def test_an_event_without_people_has_no_organizer() -> None:
    assert "ORGANIZER" not in build(replace(SERIES, people=()))


def test_utc_needs_no_time_zone() -> None:
    last = datetime(2027, 4, 27, 9, tzinfo=UTC)
    event = replace(SERIES, start=datetime(2027, 3, 2, 9, tzinfo=UTC), recurrence=Recurrence(2, last), overrides=())

    found = build(event)

    assert "VTIMEZONE" not in found
    assert "DTSTART:20270302T090000Z\n" in found
    assert read(found) == event


def test_a_zone_without_a_yearly_rule_is_refused() -> None:
    start = datetime(2025, 2, 18, 10, tzinfo=ZoneInfo("Africa/Casablanca"))
    event = replace(SERIES, start=start, recurrence=Recurrence(2, datetime(2025, 4, 15, 9, tzinfo=UTC)), overrides=())

    with pytest.raises(NoYearlyRule):
        build(event)


def test_a_place_spelt_by_other_rules_of_the_zone_is_the_same_meeting() -> None:
    """Its instant by the rules of yesterday, as servers write places in UTC: an hour off by those of today."""
    data = build(replace(SERIES, overrides=(Override(utc("2027-03-30"), None), Override(utc("2027-04-13"), utc("2027-04-14", 14), 60))))
    old = data.replace("EXDATE;TZID=Europe/Amsterdam:20270330T100000", "EXDATE:20270330T090000Z")
    old = old.replace("RECURRENCE-ID;TZID=Europe/Amsterdam:20270413T100000", "RECURRENCE-ID:20270413T090000Z")

    assert old.count("T090000Z") == 2
    assert read(old) == read(data)


def test_a_meeting_that_was_moved_is_where_its_own_zone_has_it() -> None:
    event = replace(SERIES, overrides=(Override(utc("2027-04-13"), at("2027-04-14", 14), 60),))

    [override] = read(build(event)).overrides

    assert override.start is not None
    assert (override.start.replace(tzinfo=None), override.start.tzinfo) == (datetime(2027, 4, 14, 14), AMSTERDAM)  # noqa: DTZ001


# What servers and clients make of the same event.
VARIANTS = {
    "parts of the rule in another order": (
        "FREQ=WEEKLY;UNTIL=20270427T215959Z;INTERVAL=2;BYDAY=TU;WKST=MO",
        "WKST=MO;BYDAY=TU;INTERVAL=2;UNTIL=20270427T215959Z;FREQ=WEEKLY",
    ),
    "the end as the last start": ("UNTIL=20270427T215959Z", "UNTIL=20270427T080000Z"),
    "the end at the last start by other rules of the zone": ("UNTIL=20270427T215959Z", "UNTIL=20270427T070000Z"),
    "the end as local time that is marked as UTC": ("UNTIL=20270427T215959Z", "UNTIL=20270427T235959Z"),
    "the end early on the last day": ("UNTIL=20270427T215959Z", "UNTIL=20270427T000000Z"),
    "the end just before the next": ("UNTIL=20270427T215959Z", "UNTIL=20270511T075959Z"),
    "the end as the day before the next": ("UNTIL=20270427T215959Z", "UNTIL=20270510T220000Z"),
    "the end as a date": ("UNTIL=20270427T215959Z", "UNTIL=20270427"),
    "the end without a zone": ("UNTIL=20270427T215959Z", "UNTIL=20270427T100000"),
    "the end as a count": ("UNTIL=20270427T215959Z", "COUNT=5"),
    "no weekday": (";BYDAY=TU", ""),
    "a week that starts on Sunday": (";WKST=MO", ";WKST=SU"),
    "a day off in UTC": ("EXDATE;TZID=Europe/Amsterdam:20270330T100000", "EXDATE:20270330T080000Z"),
    "a day off as a date": ("EXDATE;TZID=Europe/Amsterdam:20270330T100000", "EXDATE;VALUE=DATE:20270330"),
    "a day off in another zone": ("EXDATE;TZID=Europe/Amsterdam:20270330T100000", "EXDATE;TZID=Europe/London:20270330T090000"),
    "a day off that is none": ("EXDATE;TZID", "EXDATE;TZID=Europe/Amsterdam:20270329T100000\nEXDATE;TZID"),
    "a length": ("DTEND;TZID=Europe/Amsterdam:20270302T110000", "DURATION:PT1H"),
    "an end in another zone": ("DTEND;TZID=Europe/Amsterdam:20270302T110000", "DTEND:20270302T100000Z"),
    "the zone by its Windows name": ("Europe/Amsterdam", "W. Europe Standard Time"),
    "the zone by a vendor's name": ("Europe/Amsterdam", "/freeassociation.sourceforge.net/Europe/Amsterdam"),
    "a zone of one's own": ("Europe/Amsterdam", "Customized Time Zone"),
    "blanks at line ends": ("Wat ging goed?\\n", "Wat ging goed?  \\n"),
    "an acknowledged alarm": ("TRIGGER:-PT15M", "TRIGGER:-PT15M\nACKNOWLEDGED:20270302T084500Z\nX-MOZ-LASTACK:20270302T084500Z"),
    "a snoozed alarm": ("END:VEVENT", "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20270302T090000Z\nEND:VALARM\nEND:VEVENT"),
    "an alarm that is none": ("END:VEVENT", "BEGIN:VALARM\nACTION:NONE\nTRIGGER:-PT5M\nEND:VALARM\nEND:VEVENT"),
    "an address in capitals": ("mailto:karim@voorbeeld.example", "MAILTO:Karim@Voorbeeld.example"),
    "the organizer among the people": ("TRANSP:OPAQUE", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:mentor@voorbeeld.example"),
    "a room": ("TRANSP:OPAQUE", "ATTENDEE;CUTYPE=ROOM:mailto:zaal1@voorbeeld.example"),
    "answers and delivery": ("PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED;SCHEDULE-STATUS=1.2"),
    "no transparency": ("TRANSP:OPAQUE\n", ""),
    "properties of a client's own": ("TRANSP:OPAQUE", "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\nCLASS:PUBLIC\nPRIORITY:5"),
    "another revision": ("DTSTAMP:20261123T120000Z", "DTSTAMP:20270101T000000Z\nLAST-MODIFIED:20270101T000000Z\nCREATED:20270101T000000Z"),
}


def test_a_series_whose_hour_was_moved_past_its_end_keeps_its_last_meeting() -> None:
    """What khal's edit makes of an end at the last start: DTSTART is later, UNTIL is left."""
    moved = (
        build(SERIES)
        .replace("UNTIL=20270427T215959Z", "UNTIL=20270427T080000Z")
        .replace("T100000", "T140000")
        .replace("T110000", "T150000")
    )

    assert read(moved).recurrence == Recurrence(2, utc("2027-04-27", 14))


@pytest.mark.parametrize("zone", ["America/Vancouver", "Pacific/Auckland", "UTC"])
def test_a_series_ends_with_the_day_of_its_last_meeting_wherever_it_is(zone: str) -> None:
    event = replace(SERIES, start=datetime(2027, 3, 2, 16, 30, tzinfo=ZoneInfo(zone)), overrides=())
    last = event.start + timedelta(weeks=8)
    event = replace(event, recurrence=Recurrence(2, last.astimezone(UTC)))

    [until] = re.findall(r"UNTIL=(\w+)", build(event))

    assert datetime.strptime(until, "%Y%m%dT%H%M%S%z").astimezone(last.tzinfo) == last.replace(hour=23, minute=59, second=59)
    assert read(build(event)) == event


@pytest.mark.parametrize(("ours", "theirs"), VARIANTS.values(), ids=VARIANTS.keys())
def test_what_servers_and_clients_rewrite_is_no_edit(ours: str, theirs: str) -> None:
    data = build(SERIES)
    assert ours in data

    assert read(data.replace(ours, theirs)) == SERIES


def test_a_cancelled_override_is_a_day_off() -> None:
    data = build(replace(SERIES, overrides=(Override(utc("2027-03-30"), utc("2027-03-31", 14), 60),)))
    head, _, override = data.rpartition("STATUS:CONFIRMED")

    assert read(head + "STATUS:CANCELLED" + override) == SERIES


def test_an_override_that_says_what_the_series_says_is_no_change() -> None:
    data = build(replace(SERIES, overrides=(Override(utc("2027-03-30"), utc("2027-03-31", 14), 60),)))

    assert read(data.replace("20270331T1", "20270330T1").replace("T140000", "T100000").replace("T150000", "T110000")).overrides == ()


def test_two_zones_of_one_name_keep_their_own_rules() -> None:
    here = build(SERIES).replace("Europe/Amsterdam", "My Zone")
    there = build(replace(SERIES, start=SERIES.start.replace(tzinfo=ZoneInfo("America/New_York")))).replace("America/New_York", "My Zone")

    assert read(here).start == SERIES.start
    assert read(there).start == SERIES.start + timedelta(hours=6)


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ("FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20270427T080000Z", utc("2027-04-27")),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE;UNTIL=20270427T080000Z", utc("2027-04-27")),
        ("FREQ=MONTHLY;BYDAY=1TU;UNTIL=20270427T080000Z", utc("2027-04-27")),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", datetime(9999, 1, 1, tzinfo=UTC)),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;UNTIL=20990101T000000Z", datetime(2099, 1, 1, tzinfo=UTC)),
    ],
)
def test_another_rule_of_a_human_is_kept_as_other(rule: str, last: datetime) -> None:
    data = build(SERIES).replace("FREQ=WEEKLY;UNTIL=20270427T215959Z;INTERVAL=2;BYDAY=TU;WKST=MO", rule)

    recurrence = read(data).recurrence

    assert recurrence is not None
    assert recurrence.other == "RRULE=" + ";".join(sorted(rule.split(";"))) or recurrence.other == ";".join(sorted(rule.split(";")))
    assert recurrence.last == last


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("DTSTART;TZID=Europe/Amsterdam:20270302T100000", "DTSTART;VALUE=DATE:20270302"),
        ("DTSTART;TZID=Europe/Amsterdam:20270302T100000", "DTSTART:20270302T100000"),
        ("DTSTART;TZID=Europe/Amsterdam:20270302T100000", "DTSTART:tomorrow"),
        ("DTSTART;TZID=Europe/Amsterdam:20270302T100000", "X-NOTHING:1"),
        ("DTEND;TZID=Europe/Amsterdam:20270302T110000", "DURATION:long"),
        ("INTERVAL=2", "INTERVAL=often"),
        ("UNTIL=20270427T215959Z", "UNTIL=later"),
        ("BEGIN:VEVENT", "BEGIN:VTODO"),
        ("BEGIN:VEVENT", "BEGIN:VEVENT\nRECURRENCE-ID:20270302T090000Z"),
        ("END:VCALENDAR", ""),
        ("BEGIN:VCALENDAR", ""),
    ],
)
def test_what_makes_no_sense_is_unreadable_and_not_a_crash(ours: str, theirs: str) -> None:
    data = build(SERIES)
    assert ours in data

    with pytest.raises(Unreadable):
        read(data.replace(ours, theirs))


@given(st.binary(max_size=200))
def test_noise_is_unreadable_and_not_a_crash(noise: bytes) -> None:
    with pytest.raises(Unreadable):
        ics.read(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a@beklijf\r\n" + noise)


def test_a_whole_event_that_is_cancelled_says_so() -> None:
    assert ics.read(build(SERIES).replace("STATUS:CONFIRMED", "STATUS:CANCELLED").encode()).cancelled


def test_the_uid_is_found_without_reading_the_rest() -> None:
    assert (
        ics.uid_of(b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a-very-lo\r\n ng-one@beklijf\r\nDTSTART:nonsense") == "a-very-long-one@beklijf"
    )
    assert ics.uid_of(b"UID;X-A=1:b@beklijf\n") == "b@beklijf"
    assert ics.uid_of(b"nothing") == ""


def test_a_patch_leaves_alone_what_we_do_not_model() -> None:
    extra = (
        'X-TEAMS;X-A="b;c":https://teams.example/1\nCATEGORIES:Opleiding,Mentor\nSUMMARY',
        "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20270302T080000Z\nDESCRIPTION:Fiets\nEND:VALARM\nEND:VEVENT",
    )
    data = build(SERIES).replace("SUMMARY", extra[0]).replace("END:VEVENT", extra[1])

    patched = patch(data, replace(SERIES, start=at("2027-03-03", 9), title="Anders", alarms=()), "time", "title", "alarms")

    assert 'X-TEAMS;X-A="b;c":https://teams.example/1\n' in patched
    assert "CATEGORIES:Opleiding,Mentor\n" in patched
    assert extra[1] in patched
    assert "TRIGGER:-PT15M" not in patched


def test_a_patch_of_the_text_takes_its_html_twin_away() -> None:
    data = build(SERIES).replace("SUMMARY", "X-ALT-DESC;FMTTYPE=text/html:<p>oud</p>\nSUMMARY")

    assert "X-ALT-DESC" not in patch(data, replace(SERIES, text="nieuw"), "text")
    assert "X-ALT-DESC" in patch(data, replace(SERIES, title="nieuw"), "title")


def test_a_patch_does_not_echo_exchanges_own_sequence() -> None:
    data = build(SERIES).replace("SEQUENCE:0", "SEQUENCE:0\nX-MICROSOFT-CDO-APPT-SEQUENCE:7")

    assert "APPT-SEQUENCE" not in patch(data, SERIES, sequence=8)


def test_a_moved_meeting_keeps_words_of_its_own() -> None:
    data = build(replace(SERIES, overrides=(Override(utc("2027-03-30"), utc("2027-03-31", 14), 60),)))
    head, _, override = data.rpartition("SUMMARY:Mentorgesprek")
    data = head + "SUMMARY:Bij de koffie" + override

    patched = patch(data, replace(SERIES, title="Nieuw", location="Zaal 2"), "title", "place")

    assert "SUMMARY:Bij de koffie" in patched
    assert patched.count("SUMMARY:Nieuw") == 1
    assert patched.count("LOCATION:Zaal 2") == 2


def test_a_shorter_series_loses_the_meetings_beyond_its_end() -> None:
    event = replace(SERIES, overrides=(Override(utc("2027-03-16"), None), Override(utc("2027-04-13"), utc("2027-04-14", 14), 60)))

    patched = patch(build(event), replace(event, recurrence=Recurrence(2, utc("2027-03-30"))), "recurrence")

    assert read(patched) == replace(event, recurrence=Recurrence(2, utc("2027-03-30")), overrides=event.overrides[:1])
    assert "RECURRENCE-ID" not in patched


def test_a_new_time_keeps_a_humans_length_of_the_series() -> None:
    longer = build(SERIES).replace("UNTIL=20270427T215959Z", "UNTIL=20270622T080000Z")

    patched = read(patch(longer, replace(SERIES, start=at("2027-03-04", 16)), "time"))

    assert patched.recurrence == Recurrence(2, utc("2027-06-24", 16))


def test_a_new_time_in_another_zone_brings_that_zone() -> None:
    london = replace(SERIES, start=SERIES.start.replace(tzinfo=ZoneInfo("Europe/London")), overrides=())

    patched = patch(build(SERIES), london, "time")

    assert "TZID:Europe/London" in patched
    assert "DTSTART;TZID=Europe/London:20270302T100000" in patched


def test_answers_are_reopened_by_a_new_time_only() -> None:
    data = build(SERIES).replace("NEEDS-ACTION", "ACCEPTED")

    def answers(*fields: str) -> set[str]:
        wanted = replace(SERIES, location="Zaal 2", recurrence=Recurrence(2, utc("2027-05-25")))
        return set(ics.read(patch(data, wanted, *fields).encode()).answers.values())

    assert answers("place") == answers("title", "text", "alarms") == answers("single") == answers() == {"ACCEPTED"}
    assert answers("recurrence") == answers("recurrence", "place") == {"ACCEPTED"}
    assert answers("time") == answers("time", "recurrence") == {"NEEDS-ACTION"}


def declined(data: str, day: str, person: Contact = SANNE) -> str:
    """Return the object as a server keeps it when one person declines one meeting: an override that says nothing else."""
    master = data[data.index("BEGIN:VEVENT") : data.index("END:VEVENT") + len("END:VEVENT\n")]
    first = SERIES.start.strftime("%Y%m%d")
    override = re.sub(r"(?m)^(RRULE|EXDATE).*\n", "", master).replace(f":{first}T", f":{day.replace('-', '')}T")
    override = re.sub(rf"(?m)^(ATTENDEE.*)PARTSTAT=[A-Z-]+(.*{person.email})$", r"\1PARTSTAT=DECLINED\2", override)
    override = override.replace("UID:", f"RECURRENCE-ID;TZID=Europe/Amsterdam:{day.replace('-', '')}T100000\nUID:")
    return data.replace(master, master + override)


def test_a_declined_meeting_is_heard_of_that_person_alone() -> None:
    data = declined(build(SERIES).replace("NEEDS-ACTION", "ACCEPTED"), "2027-03-16")

    found = ics.read(data.encode())

    assert found.event == SERIES
    assert found.answers == {KARIM.email: "ACCEPTED", SANNE.email: "ACCEPTED"}
    assert found.single_answers == {utc("2027-03-16"): {KARIM.email: "ACCEPTED", SANNE.email: "DECLINED"}}


def test_answers_to_meetings_that_are_none_are_not_heard() -> None:
    beside, cancelled = declined(build(SERIES), "2027-03-17"), declined(build(SERIES), "2027-03-16")
    head, _, override = cancelled.rpartition("STATUS:CONFIRMED")

    assert ics.read(beside.encode()).single_answers == {}
    assert ics.read((head + "STATUS:CANCELLED" + override).encode()).single_answers == {}


def test_an_answer_to_one_meeting_outlives_what_changes_elsewhere() -> None:
    data = declined(build(SERIES), "2027-03-16")
    longer = replace(SERIES, recurrence=Recurrence(2, utc("2027-05-25")))
    fewer = replace(SERIES, overrides=(Override(utc("2027-04-13"), None),))
    others = replace(SERIES, people=(NOOR, SANNE))

    def answers(wanted: Event, *fields: str) -> str:
        return ics.read(patch(data, wanted, *fields).encode()).single_answers[utc("2027-03-16")][SANNE.email]

    assert (
        answers(replace(SERIES, location="Zaal 2", title="Nieuw", text="Nieuw", alarms=()), "place", "title", "text", "alarms")
        == "DECLINED"
    )
    assert answers(longer, "recurrence") == answers(fewer, "single") == answers(others, "people") == answers(SERIES) == "DECLINED"


def test_a_meeting_that_moves_asks_about_itself_alone() -> None:
    data = declined(declined(build(SERIES).replace("NEEDS-ACTION", "ACCEPTED"), "2027-03-16"), "2027-04-13")
    moved = replace(SERIES, overrides=(Override(utc("2027-03-16"), utc("2027-03-17", 14), 60), *SERIES.overrides))

    found = ics.read(patch(data, moved, "single").encode())

    assert found.event == moved
    assert set(found.answers.values()) == {"ACCEPTED"}
    assert set(found.single_answers[utc("2027-03-16")].values()) == {"NEEDS-ACTION"}
    assert found.single_answers[utc("2027-04-13")][SANNE.email] == "DECLINED"


def test_a_meeting_beyond_a_new_end_takes_its_answer_along() -> None:
    data = declined(build(SERIES), "2027-04-27")

    found = ics.read(patch(data, replace(SERIES, recurrence=Recurrence(2, utc("2027-04-13"))), "recurrence").encode())

    assert found.single_answers == {}


def test_a_new_time_of_the_series_forgets_what_was_said_of_single_meetings() -> None:
    later = replace(SERIES, start=at("2027-03-02", 14), recurrence=Recurrence(2, utc("2027-04-27", 14)), overrides=())

    found = ics.read(patch(declined(build(SERIES), "2027-03-16"), later, "time", "recurrence", "single").encode())

    assert found.single_answers == {}
    assert set(found.answers.values()) == {"NEEDS-ACTION"}


def test_a_cancelled_object_says_so_in_every_part_and_counts_for_more() -> None:
    data = build(replace(SERIES, overrides=(Override(utc("2027-03-30"), utc("2027-03-31", 14), 60),)), sequence=3)

    gone = ics.cancelled(data.encode()).decode()

    assert gone.count("STATUS:CANCELLED") == 2
    assert "STATUS:CONFIRMED" not in gone
    assert gone.count("SEQUENCE:4") == 2
    assert ics.read(gone.encode()).cancelled


def test_a_server_is_to_tell_whoever_is_not_ours_to_tell() -> None:
    both_ours = build(SERIES, agent=Agent.CLIENT)
    one_ours = both_ours.replace("SCHEDULE-AGENT=CLIENT:mailto:karim", "X-A=1:mailto:karim")

    assert ics.is_invited_by_server(build(SERIES).encode())
    assert ics.is_invited_by_server(one_ours.encode())
    assert not ics.is_invited_by_server(both_ours.encode())
    assert not ics.is_invited_by_server(build(replace(SERIES, people=())).encode())


def test_who_mails_for_somebody_else_says_so() -> None:
    def organizer(sent_by: str) -> str:
        data = ics.build(SERIES, sequence=0, stamp=STAMP, method="REQUEST", sent_by=sent_by).decode().replace("\r\n ", "")
        return next(line for line in data.splitlines() if line.startswith("ORGANIZER"))

    assert organizer("dienst@voorbeeld.example") == (
        'ORGANIZER;CN=Mentorprogramma;SENT-BY="mailto:dienst@voorbeeld.example":mailto:mentor@voorbeeld.example'
    )
    assert "SENT-BY" not in organizer("Mentor@voorbeeld.example")
    assert "SENT-BY" not in organizer("")


def test_a_meeting_that_a_client_wrote_in_its_own_zone_is_patched_in_that_zone() -> None:
    data = build(SERIES).replace("Europe/Amsterdam", "Customized Time Zone")

    patched = patch(data, replace(SERIES, overrides=(Override(utc("2027-04-13"), None),)), "single")

    assert "EXDATE;TZID=Customized Time Zone:20270413T100000" in patched
    assert "Europe/Amsterdam" not in patched
    assert read(patched) == replace(SERIES, overrides=(Override(utc("2027-04-13"), None),))


def test_rules_of_a_human_that_we_cannot_write_are_kept_but_not_made() -> None:
    data = build(SERIES).replace("EXDATE;TZID=Europe/Amsterdam:20270330T100000", "RDATE;TZID=Europe/Amsterdam:20270305T100000")

    event = read(data)

    assert event.recurrence is not None
    assert "RDATE" in event.recurrence.other
    assert "RDATE" in patch(data, replace(SERIES, title="Nieuw"), "title")
    with pytest.raises(Refused):
        build(event)


# -- properties --------------------------------------------------------------------------------------------------------

ZONES = st.sampled_from(["Europe/Amsterdam", "America/New_York", "Africa/Lagos", "Europe/Dublin", "Asia/Jerusalem", "Africa/Cairo"])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=60).map(ics.plain_text)
CONTACTS = st.sampled_from([KARIM, SANNE, NOOR, Contact("", "x@bücher.example")])


@st.composite
def events(draw: st.DrawFn) -> Event:
    zone = ZoneInfo(draw(ZONES))
    day = draw(st.dates(date(2026, 6, 1), date(2028, 6, 1)))
    start = datetime.combine(day, time(draw(st.integers(7, 18)), draw(st.sampled_from([0, 30]))), zone)
    every = draw(st.sampled_from([0, 1, 2, 4]))
    steps = draw(st.integers(0, 12))
    event = Event(
        uid=draw(st.sampled_from(["a-1@beklijf", "b-2@beklijf"])),
        start=start,
        minutes=draw(st.integers(15, 120)),
        recurrence=Recurrence(every, (start + timedelta(weeks=every * steps)).astimezone(UTC)) if every else None,
        overrides=(),
        title=draw(TEXTS),
        text=draw(TEXTS),
        location=draw(TEXTS),
        organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
        people=tuple(sorted(draw(st.sets(CONTACTS, min_size=1)), key=lambda c: c.email)),
        alarms=tuple(sorted(draw(st.sets(st.sampled_from([0, 5, 15, 60]))))),
        free=draw(st.booleans()),
    )
    if not every:
        return event
    recurrence_ids = occurrences(event)
    chosen = sorted(draw(st.sets(st.sampled_from(recurrence_ids), max_size=3)))
    overrides = tuple(
        Override(recurrence_id, None)
        if draw(st.booleans())
        else Override(recurrence_id, recurrence_id + timedelta(hours=26), draw(st.integers(15, 90)))
        for recurrence_id in chosen
    )
    return replace(event, overrides=overrides)


@given(events())
def test_every_event_is_read_back_as_it_was(event: Event) -> None:
    assert read(build(event)) == event


@given(events(), st.text(st.characters(codec="utf-8"), max_size=20), st.booleans())
def test_what_a_calendar_will_hold_is_known_beforehand(event: Event, text: str, moved: bool) -> None:
    person = Contact(text, "Somebody@Voorbeeld.example")
    event = replace(event, title=text, text=f" {text}\r\n", location=text, people=(*event.people, person), alarms=(5, 0, 5))
    if event.recurrence is not None:
        last = event.recurrence.last
        odd = Override(last + timedelta(days=1), None), Override(last, last, 0 if moved else event.minutes)
        event = replace(event, overrides=(*odd, *(s for s in event.overrides if s.at != last)))

    assert read(build(event)) == ics.canonical(event)
    assert ics.canonical(ics.canonical(event)) == ics.canonical(event)
    assert ics.stored(build(event).encode(), href="a", etag="b") == ics.written(event, href="a", etag="b", sequence=0, agent=Agent.SERVER)


FIELDS = st.sets(st.sampled_from(["place", "people", "title", "text", "alarms"]))


@given(events(), events(), FIELDS, st.sampled_from([(), ("time", "recurrence", "single")]))
def test_a_patch_does_what_the_merge_says_and_nothing_else(one: Event, other: Event, fields: set[str], times: tuple[str, ...]) -> None:
    wanted = fields | set(times)
    if times:
        expected = replace(
            take(one, other, fields), start=other.start, minutes=other.minutes, recurrence=other.recurrence, overrides=other.overrides
        )
    else:
        expected = take(one, other, fields)

    patched = read(patch(build(one), other, *wanted))

    assert patched == expected


@given(events(), st.data())
def test_any_singles_can_become_any_others(event: Event, data: st.DataObject) -> None:
    if event.recurrence is None:
        return
    recurrence_ids = data.draw(st.sets(st.sampled_from(occurrences(event)), max_size=3))
    overrides = tuple(Override(p, None) if n % 2 else Override(p, p + timedelta(hours=3), 45) for n, p in enumerate(sorted(recurrence_ids)))

    patched = read(patch(build(event), replace(event, overrides=overrides), "single"))

    assert patched == replace(event, overrides=overrides)

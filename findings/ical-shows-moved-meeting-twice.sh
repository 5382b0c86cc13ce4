#!/usr/bin/env bash
# ical shows a moved meeting twice when its RECURRENCE-ID is written in UTC.
#
# Seen on 29 November 2026: ical 14.3.1; icalendar 7.3.2 with recurring-ical-events 3.8.2 shows it once. Python 3.11.
# A series has DTSTART with a TZID, and one meeting of it was moved. RFC 5545 section 3.8.4.4 lets RECURRENCE-ID name the old start
# in UTC as well (only floating times must match); SOGo writes it so after a reply. ical then leaves the old meeting where it was.
#
# Whom it concerns: who writes overrides: a RECURRENCE-ID in the zone of DTSTART is understood by everybody. Home Assistant's
# calendars are read by this library.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ical==14.3.1 recurring-ical-events==3.8.2 icalendar==7.3.2 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
import icalendar
import recurring_ical_events
from ical.calendar_stream import IcsCalendarStream


def series(old_start: str) -> str:
    return f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//findings//EN
BEGIN:VTIMEZONE
TZID:Europe/Amsterdam
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:meeting
DTSTAMP:20270101T000000Z
DTSTART;TZID=Europe/Amsterdam:20270302T100000
DTEND;TZID=Europe/Amsterdam:20270302T110000
RRULE:FREQ=WEEKLY;COUNT=3
END:VEVENT
BEGIN:VEVENT
UID:meeting
DTSTAMP:20270101T000000Z
RECURRENCE-ID{old_start}
DTSTART;TZID=Europe/Amsterdam:20270310T110000
DTEND;TZID=Europe/Amsterdam:20270310T120000
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def by_ical(text: str) -> list[str]:
    return [event.dtstart.strftime("%d %b %H:%M") for event in IcsCalendarStream.calendar_from_ics(text).timeline]


def by_icalendar(text: str) -> list[str]:
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between((2027, 3, 1), (2027, 4, 1))
    return sorted(event.start.strftime("%d %b %H:%M") for event in found)


in_zone, in_utc = series(";TZID=Europe/Amsterdam:20270309T100000"), series(":20270309T090000Z")
right = ["02 Mar 10:00", "10 Mar 11:00", "16 Mar 10:00"]
print("RECURRENCE-ID in the zone:", by_ical(in_zone))
print("RECURRENCE-ID in UTC:     ", by_ical(in_utc))
assert by_icalendar(in_zone) == by_icalendar(in_utc) == by_ical(in_zone) == right
assert by_ical(in_utc) == ["02 Mar 10:00", "09 Mar 10:00", "10 Mar 11:00", "16 Mar 10:00"]
PY

#!/usr/bin/env bash
# icalendar and vobject keep the first VTIMEZONE of a name: a second calendar with another zone of that name gets the first one's clock.
#
# Seen on 29 November 2026: icalendar 7.3.2, vobject 0.9.9; ical 14.3.1 reads each by its own. Python 3.11.
# A TZID is only a name inside its own calendar object (RFC 5545 section 3.8.3.1). Exchange and Outlook write "Customized Time
# Zone" for whatever rules somebody's computer has, so the invitations of two people carry the same name and other hours.
#
# Whom it concerns: services that read many people's calendars in one process. The hour depends on whose mail came first.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet icalendar==7.3.2 vobject==0.9.9 ical==14.3.1 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
from datetime import timedelta

import icalendar
import vobject
from ical.calendar_stream import IcsCalendarStream


def invitation(winter: str, summer: str) -> str:
    return "\r\n".join(
        f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//findings//EN
BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:{summer}
TZOFFSETTO:{winter}
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:{winter}
TZOFFSETTO:{summer}
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:meeting
DTSTAMP:20270101T000000Z
DTSTART;TZID=Customized Time Zone:20270302T100000
DTEND;TZID=Customized Time Zone:20270302T110000
END:VEVENT
END:VCALENDAR
""".splitlines()
    )


readers = {
    "icalendar": lambda text: icalendar.Calendar.from_ical(text).events[0].start,
    "vobject": lambda text: vobject.readOne(text).vevent.dtstart.value,
    "ical": lambda text: IcsCalendarStream.calendar_from_ics(text).events[0].dtstart,
}
amsterdam, helsinki = invitation("+0100", "+0200"), invitation("+0200", "+0300")
seen = {}
for name, read in readers.items():
    seen[name] = [read(text).utcoffset() / timedelta(hours=1) for text in (amsterdam, helsinki)]
    print(f"{name}: 10:00 in a zone of +1 and then in one of +2 are read in", seen[name])
assert seen == {"icalendar": [1, 1], "vobject": [1, 1], "ical": [1, 2]}
PY

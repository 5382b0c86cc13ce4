#!/usr/bin/env bash
# ics.py adds "CALSCALE:GEORGIAN" to a calendar that had no CALSCALE, and recurring-ical-events then refuses it.
#
# Seen on 29 November 2026: ics 0.7.2, recurring-ical-events 3.8.2, icalendar 7.3.2, Python 3.11.
# CALSCALE may be absent and then means GREGORIAN (RFC 5545 section 3.7.1). ics.py reads such a calendar and writes it back with a
# calendar scale named after Georgia; recurring-ical-events raises InvalidCalendar for any scale but Gregorian, icalendar itself
# says nothing, and ics.py reads its own without complaint. A calendar that ics.py began itself has no CALSCALE, and passes.
#
# Whom it concerns: who expands calendars that somebody's script passed on, and wonders why just those "are not Gregorian".
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ics==0.7.2 recurring-ical-events==3.8.2 icalendar==7.3.2 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
import warnings

import icalendar
import ics
import recurring_ical_events
from recurring_ical_events.errors import InvalidCalendar

warnings.simplefilter("ignore")
TEXT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//findings//EN
BEGIN:VEVENT
UID:meeting
DTSTAMP:20270101T000000Z
DTSTART:20270302T090000Z
DTEND:20270302T100000Z
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def expanded(text: str) -> str:
    try:
        found = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between((2027, 3, 1), (2027, 4, 1))
    except InvalidCalendar as error:
        return f"refused: {error}"
    return f"{len(found)} meeting"


passed_on = ics.Calendar(TEXT).serialize()
scale = [line for line in passed_on.splitlines() if line.startswith("CALSCALE")]
begun = ics.Calendar(events=[ics.Event(begin="2027-03-02 09:00:00")]).serialize()
print("as it came:", expanded(TEXT))
print("through ics.py:", scale, expanded(passed_on))
print("begun by ics.py:", expanded(begun))
assert expanded(TEXT) == expanded(begun) == "1 meeting"
assert scale == ["CALSCALE:GEORGIAN"]
assert expanded(passed_on) == "refused: Only Gregorian calendars are supported."
assert len(ics.Calendar(passed_on).events) == 1
PY

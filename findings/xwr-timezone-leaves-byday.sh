#!/usr/bin/env bash
# X-WR-TIMEZONE moves the start of a rule in UTC to another weekday but not its BYDAY: recurring-ical-events gives other days.
#
# Seen on 29 November 2026: recurring-ical-events 3.8.2, x-wr-timezone 2.0.1, icalendar 7.3.2, tzdata 2026.6, Python 3.11.
# Tuesdays at 02:00 UTC are Mondays at 21:00 in New York. With the header X-WR-TIMEZONE (which says only how to show a calendar, and
# which Google and others export) recurring-ical-events turns DTSTART into Monday 21:00 in New York and leaves BYDAY=TU:
# one meeting more than COUNT, and all but the first a day late. Without the header it gives the four right ones.
#
# Whom it concerns: who expands exported calendars, evenings in America or mornings in Asia.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet recurring-ical-events==3.8.2 x-wr-timezone==2.0.1 icalendar==7.3.2 tzdata==2026.6
export PYTHONTZPATH=  # the zones of the tzdata package, whatever the system has
"$work/venv/bin/python" - <<'PY'
from datetime import UTC

import icalendar
import recurring_ical_events


def starts(header: str) -> list[str]:
    text = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//findings//EN
{header}BEGIN:VEVENT
UID:meeting
DTSTAMP:20270101T000000Z
DTSTART:20270105T020000Z
DTEND:20270105T030000Z
RRULE:FREQ=WEEKLY;COUNT=4;BYDAY=TU
END:VEVENT
END:VCALENDAR
"""
    calendar = icalendar.Calendar.from_ical(text.replace("\n", "\r\n"))
    found = recurring_ical_events.of(calendar).between((2027, 1, 1), (2027, 2, 10))
    return sorted(event.start.astimezone(UTC).strftime("%a %d %b %H:%M") for event in found)


plain, headed = starts(""), starts("X-WR-TIMEZONE:America/New_York\n")
print("in UTC, without the header:", plain)
print("in UTC, with the header:   ", headed)
assert sorted(plain) == sorted(["Tue 05 Jan 02:00", "Tue 12 Jan 02:00", "Tue 19 Jan 02:00", "Tue 26 Jan 02:00"])
assert sorted(headed) == sorted(
    ["Tue 05 Jan 02:00", "Wed 06 Jan 02:00", "Wed 13 Jan 02:00", "Wed 20 Jan 02:00", "Wed 27 Jan 02:00"]
)
PY

#!/usr/bin/env bash
# vobject names a time zone by its abbreviation, and one name is one zone for the life of the process.
#
# Seen on 29 November 2026: vobject 0.9.9, icalendar 7.3.2, tzdata 2026.6, Python 3.11.
# 1. A meeting at 10:00 in London comes out with TZID=GMT and a VTIMEZONE "GMT" that has summer time. icalendar prefers the
#    zone of that name in tzdata, which has none: in July the meeting is an hour late.
# 2. After a meeting in Chicago ("CST"), one in Shanghai (also "CST") comes out with Chicago's VTIMEZONE: 13 hours off, for
#    every reader, vobject too. Alone it comes out right.
#
# Whom it concerns: who writes events with vobject (zoneinfo or dateutil zones alike), and who reads what others wrote with it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet vobject==0.9.9 icalendar==7.3.2 tzdata==2026.6 python-dateutil==2.9.0.post0
export PYTHONTZPATH=  # the zones of the tzdata package, whatever the system has
"$work/venv/bin/python" - <<'PY'
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import icalendar
import vobject


def written(zone: str) -> str:
    calendar = vobject.iCalendar()
    event = calendar.add("vevent")
    event.add("uid").value = f"meeting in {zone}"
    event.add("dtstart").value = datetime(2027, 7, 6, 10, tzinfo=ZoneInfo(zone))
    return calendar.serialize()


def offsets(text: str) -> tuple[float, float]:
    """The hours from UTC in which vobject and icalendar read the start."""
    starts = vobject.readOne(text).vevent.dtstart.value, icalendar.Calendar.from_ical(text).events[0].start
    return tuple(start.utcoffset() / timedelta(hours=1) for start in starts)


london = written("Europe/London")
seen = offsets(london)
print("London in July is +1 hour; vobject and icalendar read its own text as", seen)
assert "DTSTART;TZID=GMT:20270706T100000" in london
assert "BEGIN:DAYLIGHT" in london
assert seen == (1, 0)

written("America/Chicago")
shanghai = written("Asia/Shanghai")
seen = offsets(shanghai)
print("Shanghai is +8 hours; after Chicago, vobject and icalendar read it as", seen)
assert "DTSTART;TZID=CST:20270706T100000" in shanghai
assert "TZOFFSETTO:+0800" not in shanghai
assert seen == (-5, -5)
PY

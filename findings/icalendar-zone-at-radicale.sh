#!/usr/bin/env bash
# A zone that icalendar writes loses its summer time on a Radicale server, and the server then answers an hour off.
#
# Seen on 29 November 2026: icalendar 7.3.2, Radicale 3.9.0 (with vobject 0.9.9), tzdata 2026.6, Python 3.11.
# `Calendar.add_missing_timezones()` writes a VTIMEZONE without any RRULE: each change of the clock is a date in one long RDATE.
# Radicale keeps the first date of that list (valid by RFC 5545 section 3.8.5.2) and stores the rest nowhere: after 1978 it is
# winter for ever. A GET gives the short list back, and `expand` (RFC 4791 section 9.6.5) counts with it.
#
# Whom it concerns: who writes zones with icalendar. Zones of a yearly RRULE come through unharmed, as the second half shows.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet icalendar==7.3.2 radicale==3.9.0 vobject==0.9.9 tzdata==2026.6
export PYTHONTZPATH=  # the zones of the tzdata package, whatever the system has
"$work/venv/bin/python" - <<'PY'
import http.client
import re
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import icalendar

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
YEARLY = """BEGIN:VTIMEZONE
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
""".replace("\n", "\r\n")
CALENDAR = '<c:mkcalendar xmlns:c="urn:ietf:params:xml:ns:caldav"/>'
EXPANDED = """<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><c:calendar-data>
<c:expand start="20270301T000000Z" end="20270430T000000Z"/></c:calendar-data></d:prop><c:filter><c:comp-filter name="VCALENDAR">
<c:comp-filter name="VEVENT"><c:time-range start="20270301T000000Z" end="20270430T000000Z"/></c:comp-filter></c:comp-filter>
</c:filter></c:calendar-query>"""


def series() -> icalendar.Calendar:
    """Three Tuesdays at 10:00, the last of them after the clock went forward."""
    calendar, event = icalendar.Calendar(), icalendar.Event()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//example//findings//EN")
    event.add("uid", "meeting")
    event.add("dtstamp", datetime(2027, 1, 1, tzinfo=UTC))
    event.add("dtstart", datetime(2027, 3, 16, 10, tzinfo=AMSTERDAM))
    event.add("dtend", datetime(2027, 3, 16, 11, tzinfo=AMSTERDAM))
    event.add("rrule", {"FREQ": "WEEKLY", "COUNT": 3})
    calendar.add_component(event)
    return calendar


def ask(port: int, method: str, path: str, body: str = "", kind: str = "application/xml") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    login = "Basic " + b64encode(b"mentor:any").decode()
    connection.request(method, path, body.encode(), {"Content-Type": kind, "Authorization": login, "Depth": "1"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def dates(text: str) -> int:
    return sum(len(listed.split(",")) for listed in re.findall(r"RDATE.*?:(.*)", re.sub(r"\r?\n ", "", text)))


def stored(text: str) -> tuple[int, list[str]]:
    """How many changes of the clock a new server keeps as dates, and when it says that the meetings start."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "radicale", "--server-hosts", f"127.0.0.1:{port}", "--auth-type", "none",
             "--storage-filesystem-folder", folder],
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(100):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            assert ask(port, "MKCALENDAR", "/mentor/calendar/", CALENDAR)[0] == 201
            assert ask(port, "PUT", "/mentor/calendar/meeting.ics", text, "text/calendar")[0] == 201
            kept = ask(port, "GET", "/mentor/calendar/meeting.ics")[1]
            status, answer = ask(port, "REPORT", "/mentor/calendar/", EXPANDED)
            assert status == 207
        finally:
            server.terminate()
            server.wait()
    return dates(kept), re.findall(r"DTSTART:(\d{8}T\d{6}Z)", answer)


own = series()
own.add_missing_timezones()
own = own.to_ical().decode()
kept, starts = stored(own)
print(f"written: {dates(own)} dates in RDATE; kept: {kept}; 10:00 in Amsterdam starts at", starts)
_, right = stored(series().to_ical().decode().replace("BEGIN:VEVENT", YEARLY + "BEGIN:VEVENT", 1))
print("the same with a yearly RRULE:", right)
assert "RRULE" not in own.partition("BEGIN:VEVENT")[0]
assert dates(own) > 100
assert kept == 2
assert starts == ["20270316T090000Z", "20270323T090000Z", "20270330T090000Z"]  # the last is 11:00 in Amsterdam
assert right == ["20270316T090000Z", "20270323T090000Z", "20270330T080000Z"]
PY

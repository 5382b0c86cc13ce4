#!/usr/bin/env bash
# Xandikos tells a day off without DTEND as busy for no time at all, and leaves out meetings that are listed by RDATE.
#
# Seen on 29 November 2026: Xandikos 0.4.10, Python 3.11.
# A whole day needs no DTEND: DTSTART alone lasts that day (RFC 5545 section 3.6.1). A free-busy-query (RFC 4791 section 7.10) to
# Xandikos answers such a day by a period of P0D, so whoever adds up busy time finds it free; with a DTEND it is right. Of
# an event with RDATE and no RRULE only the first meeting is told.
#
# Whom it concerns: who looks for a free hour: days off are mostly whole days. Give whole days a DTEND, and recur by RRULE.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet xandikos==0.4.10
"$work/venv/bin/python" - <<'PY'
import http.client
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CALENDAR = "/mentor/calendars/calendar/"
WEEK = """<c:free-busy-query xmlns:c="urn:ietf:params:xml:ns:caldav">
<c:time-range start="20270501T000000Z" end="20270509T000000Z"/></c:free-busy-query>"""
EVENTS = {
    "whole day with DTEND": "DTSTART;VALUE=DATE:20270503\nDTEND;VALUE=DATE:20270504\n",
    "whole day without": "DTSTART;VALUE=DATE:20270504\n",
    "two meetings by RRULE": "DTSTART:20270505T090000Z\nDTEND:20270505T100000Z\nRRULE:FREQ=DAILY;COUNT=2\n",
    "two meetings by RDATE": "DTSTART:20270507T090000Z\nDTEND:20270507T100000Z\nRDATE:20270508T090000Z\n",
}


def ask(method: str, path: str, body: str, kind: str = "application/xml") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body.encode(), {"Content-Type": kind, "Depth": "1"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
with tempfile.TemporaryDirectory() as folder:
    server = subprocess.Popen(
        [Path(sys.executable).with_name("xandikos"), "-d", folder, "-l", "127.0.0.1", "-p", str(port), "--defaults",
         "--current-user-principal", "/mentor/"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(150):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        for number, (what, times) in enumerate(EVENTS.items()):
            event = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//findings//EN
BEGIN:VEVENT
UID:event-{number}
DTSTAMP:20270101T000000Z
SUMMARY:{what}
{times}END:VEVENT
END:VCALENDAR
"""
            assert ask("PUT", f"{CALENDAR}{number}.ics", event.replace("\n", "\r\n"), "text/calendar")[0] == 201
        status, answer = ask("REPORT", CALENDAR, WEEK)
    finally:
        server.terminate()
        server.wait()
assert status == 200
busy = re.findall(r"^FREEBUSY[^:]*:(\S+)", answer, re.MULTILINE)
days = {start[:8]: start for start in busy}
print("told as busy:", busy)
assert days["20270503"] == "20270503T000000Z/20270504T000000Z"
assert days["20270504"] == "20270504T000000Z/P0D"
assert {"20270505", "20270506", "20270507"} <= days.keys()
assert "20270508" not in days
PY

#!/usr/bin/env bash
# ical marks each RDATE that has a time zone as VALUE=PERIOD, which it is not, and a Radicale server refuses the event for it.
#
# Seen on 29 November 2026: ical 14.3.1, Radicale 3.9.0 (with vobject 0.9.9), tzdata 2026.6, Python 3.11.
# An extra meeting is given to ical as a datetime with a zone. It writes RDATE;TZID=...;VALUE=PERIOD:20270317T100000: a single
# start, where a period has two halves (RFC 5545 section 3.3.9). Radicale answers 400 to the whole event. In UTC there is no
# VALUE, and Radicale takes it.
#
# Whom it concerns: who adds single meetings to a series with this library and keeps them on a CalDAV server.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ical==14.3.1 radicale==3.9.0 vobject==0.9.9 tzdata==2026.6
"$work/venv/bin/python" - <<'PY'
import http.client
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ical.calendar import Calendar
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event


def written(start: datetime, *extra: datetime) -> str:
    calendar = Calendar()
    calendar.events.append(Event(uid="meeting", summary="Meeting", dtstart=start, dtend=start + timedelta(hours=1), rdate=list(extra)))
    return IcsCalendarStream.calendar_to_ics(calendar).replace("\r\n", "\n").replace("\n", "\r\n")


def ask(method: str, path: str, body: str, kind: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    login = "Basic " + b64encode(b"mentor:any").decode()
    connection.request(method, path, body.encode(), {"Content-Type": kind, "Authorization": login})
    return connection.getresponse().status


start = datetime(2027, 3, 16, 10, tzinfo=ZoneInfo("Europe/Amsterdam"))
texts = {
    "no extra meeting": written(start),
    "one more, in a zone": written(start, start + timedelta(days=1)),
    "one more, in UTC": written(start.astimezone(UTC), start.astimezone(UTC) + timedelta(days=1)),
}
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
        made = ask("MKCALENDAR", "/mentor/calendar/", '<c:mkcalendar xmlns:c="urn:ietf:params:xml:ns:caldav"/>', "application/xml")
        assert made == 201
        seen = {}
        for what, text in texts.items():
            seen[what] = ask("PUT", f"/mentor/calendar/{len(seen)}.ics", text.replace("UID:meeting", f"UID:m{len(seen)}"), "text/calendar")
            print(f"{what}:", [line for line in text.splitlines() if line.startswith("RDATE")], "Radicale answers", seen[what])
    finally:
        server.terminate()
        server.wait()
assert "RDATE;TZID=Europe/Amsterdam;VALUE=PERIOD:20270317T100000" in texts["one more, in a zone"]
assert "RDATE:20270317T090000Z" in texts["one more, in UTC"]
assert seen == {"no extra meeting": 201, "one more, in a zone": 400, "one more, in UTC": 201}
PY

#!/usr/bin/env bash
# One meeting of a series, kept without the series, makes a Radicale server answer 400 to every expanded query of that calendar.
#
# Seen on 29 November 2026: Radicale 3.9.0 (with vobject 0.9.9), Python 3.11.
# Who is invited to a single meeting of a series keeps an object of one VEVENT with RECURRENCE-ID and no master (RFC 4791 section
# 4.1 allows it). Radicale takes it, and gives it back by GET and by plain queries. A query with `expand` over a time in which it
# lies is refused as a bad request, and nothing says which object is meant: the other meetings of these weeks can't be read either.
#
# Whom it concerns: who stores invitations at a CalDAV server, and who reads with `expand`: fetch the objects and expand them yourself.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet radicale==3.9.0 vobject==0.9.9
"$work/venv/bin/python" - <<'PY'
import http.client
import re
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode

QUERY = """<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><c:calendar-data>{expand}</c:calendar-data>
</d:prop><c:filter><c:comp-filter name="VCALENDAR"><c:comp-filter name="VEVENT"><c:time-range start="20270301T000000Z"
end="20270401T000000Z"/></c:comp-filter></c:comp-filter></c:filter></c:calendar-query>"""
PLAIN, EXPANDED = QUERY.format(expand=""), QUERY.format(expand='<c:expand start="20270301T000000Z" end="20270401T000000Z"/>')


def event(uid: str, start: str, place: str = "") -> str:
    return f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//findings//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20270101T000000Z
{place}DTSTART:{start}
DURATION:PT1H
SUMMARY:Meeting
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")


def ask(method: str, path: str, body: str = "", kind: str = "application/xml") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    login = "Basic " + b64encode(b"mentor:any").decode()
    connection.request(method, path, body.encode(), {"Content-Type": kind, "Authorization": login, "Depth": "1"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def found(query: str) -> tuple[int, list[str]]:
    status, text = ask("REPORT", "/mentor/calendar/", query)
    return status, sorted(re.findall(r"UID:(\w+)", text))


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
        assert ask("MKCALENDAR", "/mentor/calendar/", '<c:mkcalendar xmlns:c="urn:ietf:params:xml:ns:caldav"/>')[0] == 201
        assert ask("PUT", "/mentor/calendar/a.ics", event("usual", "20270302T090000Z"), "text/calendar")[0] == 201
        before = found(EXPANDED)
        lone = event("lone", "20270310T100000Z", "RECURRENCE-ID:20270309T090000Z\n")
        taken = ask("PUT", "/mentor/calendar/b.ics", lone, "text/calendar")[0]
        plain, after = found(PLAIN), found(EXPANDED)
    finally:
        server.terminate()
        server.wait()
print("expanded, with the usual meeting:", before)
print("the lone one is taken:", taken, "plain query:", plain)
print("expanded, with both:", after)
assert before == (207, ["usual"])
assert taken == 201
assert plain == (207, ["lone", "usual"])
assert after == (400, [])
PY

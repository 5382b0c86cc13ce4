#!/usr/bin/env bash
# Xandikos answers a sync-collection with DAV:limit by the first entries and a token that is past all: the rest is never told.
#
# Seen on 29 November 2026: Xandikos 0.4.10, Python 3.11.
# RFC 6578 section 3.6: a server that cuts its answer short says 507 for the collection, and its token stands for what it told, so
# that the client asks on. With five entries and a limit of two, Xandikos names two, says no 507, and the token it gives has no
# changes after it, with a limit or without.
#
# Whom it concerns: who fetches calendars page by page: three of five meetings are missing and nothing says so. Ask without limit.
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
LIMIT = "<d:limit><d:nresults>2</d:nresults></d:limit>"


def ask(method: str, path: str, body: str, kind: str = "application/xml") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body.encode(), {"Content-Type": kind, "Depth": "0"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def changes(token: str, limit: str) -> tuple[list[str], bool, str]:
    """The entries that are named since *token*, whether the answer says that it is cut short, and the next token."""
    status, text = ask(
        "REPORT",
        CALENDAR,
        f'<d:sync-collection xmlns:d="DAV:"><d:sync-token>{token}</d:sync-token><d:sync-level>1</d:sync-level>{limit}'
        "<d:prop><d:getetag/></d:prop></d:sync-collection>",
    )
    assert status == 207
    return re.findall(r"([^/]+\.ics)<", text), " 507 " in text, re.search(r"sync-token>([^<]+)<", text)[1]


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
        for number in range(5):
            event = f"""BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//findings//EN
BEGIN:VEVENT
UID:meeting-{number}
DTSTAMP:20270101T000000Z
DTSTART:2027030{number + 1}T090000Z
DTEND:2027030{number + 1}T100000Z
END:VEVENT
END:VCALENDAR
"""
            assert ask("PUT", f"{CALENDAR}{number}.ics", event.replace("\n", "\r\n"), "text/calendar")[0] == 201
        everything, _, _ = changes("", "")
        first, cut, token = changes("", LIMIT)
        then, _, _ = changes(token, LIMIT)
        unlimited, _, _ = changes(token, "")
    finally:
        server.terminate()
        server.wait()
print("without limit:", everything)
print("limit of two: ", first, "said to be cut short:", cut)
print("after its token:", then, "and without limit:", unlimited)
assert len(everything) == 5
assert len(first) == 2
assert not cut
assert then == unlimited == []
PY

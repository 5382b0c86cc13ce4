"""The rules of a zone change in the middle of a track: everybody is told once, and meetings stay at their hours.

Two processes live through it: one by rules of before, in files that PYTHONTZPATH names, one by those of the tzdata package. Before
2026 Vancouver had the clock of Los Angeles, Edmonton that of Denver, and Casablanca (but for Ramadan) that of Lagos: so those files
are the old ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import tzdata  # type: ignore[import-untyped]  # it has no types

PACKAGE = Path(tzdata.__file__).parent / "zoneinfo"
BEFORE = {"America/Vancouver": "America/Los_Angeles", "America/Edmonton": "America/Denver", "Africa/Casablanca": "Africa/Lagos"}

CONFIG = """
[organisation]
name = "Voorbeeld"
time_zone = "{zone}"
language = "nl"
coordinator = {{ name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }}
administrator = {{ name = "Servicedesk", email = "servicedesk@voorbeeld.example" }}

[calendar]
kind = "folder"
path = "calendars"
organizer = {{ name = "Mentorprogramma", email = "mentor@voorbeeld.example" }}

[mail]
kind = "folder"
path = "outbox"

[service]
state = "beklijf.sqlite3"

[[person]]
name = "Sanne de Vries"
email = "sanne@voorbeeld.example"

[[person]]
name = "Karim Bakker"
email = "karim@voorbeeld.example"

[[training]]
id = "leiding"
name = "Leidinggeven"
purpose = "vragen stellen voordat zij antwoorden geven"
sessions = [2026-09-29, 2026-12-08]
state = "live"

[[training.mentorship]]
mentee = "sanne@voorbeeld.example"
mentor = "karim@voorbeeld.example"
meets = {{ day = "thu", at = 10:00:00, minutes = 60 }}
goals = ["Eerst twee vragen stellen"]
"""

TICKS = """
import json, sys
from datetime import datetime
from beklijf import config
from beklijf.tick.wiring import opened
from pathlib import Path
with opened(config.load(Path("config.toml").absolute())) as engine:
    for at in sys.argv[1:]:
        outcome = engine.tick(datetime.fromisoformat(at))
        done = [[change.ref, change.why] for change in outcome.done]
        sent = [mail.name for mail in outcome.delivered.sent]
        print(json.dumps({"done": done, "sent": sent, "errors": [str(each) for each in outcome.errors]}))
"""


class Installation:
    def __init__(self, folder: Path, zone: str) -> None:
        self.folder, self.zone = folder, zone
        (folder / "config.toml").write_text(CONFIG.format(zone=zone))
        self.old = folder / "zones-of-before"
        for name, clock in BEFORE.items():
            (self.old / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PACKAGE / clock, self.old / name)

    def tick(self, *instants: str, old: bool = False) -> list[dict[str, Any]]:
        """Let a process tick at *instants*, by the rules of before or by those of the package."""
        environ = os.environ | {"PYTHONTZPATH": str(self.old) if old else ""}
        command = [sys.executable, "-c", TICKS, *instants]
        done = subprocess.run(command, capture_output=True, text=True, env=environ, cwd=self.folder, check=False)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    @property
    def series(self) -> Path:
        [found] = [
            path
            for path in (self.folder / "calendars").rglob("*.ics")
            if b"RRULE:FREQ=WEEKLY" in path.read_bytes() and b"TRANSP:OPAQUE" in path.read_bytes()
        ]
        return found

    def move(self, day: str, hour: str) -> None:
        """Move the meeting of *day* to another hour, as a person's program does."""
        text = self.series.read_bytes().decode()
        [master] = re.findall(r"BEGIN:VEVENT\r\n.*?END:VEVENT\r\n", text, re.DOTALL)
        own = re.sub(r"(RRULE|EXDATE)[^\r]*\r\n", "", master)
        own = re.sub(r"DTSTART;TZID=([^:]*):\d+T", rf"RECURRENCE-ID;TZID=\1:{day}T100000\r\nDTSTART;TZID=\1:{day}T", own)
        own = re.sub(r"DTEND;TZID=([^:]*):\d+T", rf"DTEND;TZID=\1:{day}T", own)
        own = re.sub(r"(DTSTART[^:]*:\d+T)100000", rf"\g<1>{hour}0000", own)
        own = re.sub(r"(DTEND[^:]*:\d+T)110000", rf"\g<1>{int(hour) + 1}0000", own)
        self.series.write_bytes(text.replace("END:VCALENDAR", f"{own}END:VCALENDAR").encode())

    def starts(self) -> dict[str, datetime]:
        """Return when single meetings of the series begin, by wall time, as their VTIMEZONE has it: nobody looks at its name."""
        calendar: Any = icalendar.Calendar.from_ical(self.series.read_bytes())
        clock = calendar.walk("VTIMEZONE")[0].to_tz(lookup_tzid=False)
        events = [each for each in calendar.walk("VEVENT") if "RECURRENCE-ID" in each]
        return {f"{each['DTSTART'].dt:%Y-%m-%dT%H:%M}": each["DTSTART"].dt.replace(tzinfo=clock) for each in events}


@pytest.mark.skipif(version("tzdata") < "2026.6", reason="as tzdata 2026f has them")
@pytest.mark.parametrize("zone", ["America/Vancouver", "America/Edmonton", "Africa/Casablanca", "Europe/Amsterdam"])
def test_other_rules_are_told_once_and_meetings_stay_where_people_put_them(zone: str, tmp_path: Path) -> None:
    installation = Installation(tmp_path, zone)
    begun = [f"2026-{day}T17:00:00+00:00" for day in ("09-14", "09-15", "09-16", "09-23", "09-30", "10-01", "10-07")]
    assert [tick["errors"] for tick in installation.tick(*begun, old=True)] == [[]] * len(begun)
    [first] = re.findall(r"DTSTART;TZID=[^:]*:(\d+)T100000", installation.series.read_text())
    days = (datetime.strptime(first, "%Y%m%d") + timedelta(weeks=2 * n) for n in range(10))  # noqa: DTZ007  # a day
    meeting = next(f"{day:%Y%m%d}" for day in days if f"{day:%m%d}" > "1105")
    installation.move(meeting, "14")
    installation.tick("2026-10-08T17:00:00+00:00", "2026-10-08T17:15:00+00:00", old=True)

    changed, *quiet = installation.tick("2026-10-09T17:00:00+00:00", "2026-10-09T17:15:00+00:00", "2026-10-09T18:00:00+00:00")

    affected = zone in BEFORE
    city = zone.partition("/")[2]
    said = [ref for ref, why in changed["done"] if why == f"the clocks of {city} follow other rules now"]
    assert any(ref.endswith("/series") for ref in said) is affected, changed
    updates = [name for name in changed["sent"] if name.startswith("REQUEST ")]
    assert len(updates) == (2 * len(said) if affected else 0), changed
    assert [(tick["done"], tick["sent"]) for tick in quiet] == [([], [])] * 2
    [(wall, at)] = installation.starts().items()
    assert wall == f"{meeting[:4]}-{meeting[4:6]}-{meeting[6:]}T14:00"
    assert at.utcoffset() == at.replace(tzinfo=ZoneInfo(zone)).utcoffset()

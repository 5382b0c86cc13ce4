#!/usr/bin/env bash
# A series in Vancouver that exchangelib writes to an Exchange server is an hour off in winter: the zone it names still changes its clock.
#
# Seen on 29 November 2026: exchangelib 5.6.0, tzdata 2026.6, Python 3.11.
# Since March 2026 Vancouver stays at UTC-7, and tzdata knows. Exchange knows zones by Windows' names only, and exchangelib gives
# Vancouver that of Los Angeles, "Pacific Standard Time": the first start is right (10:00-07:00), the rule that follows goes by
# another clock, and exchangelib itself reads the item back as 09:00 in Los Angeles. Edmonton and Winnipeg have the same.
#
# Whom it concerns: who names zones to Exchange: compare the offsets of both zones over the whole series, not their names.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet exchangelib==5.6.0 tzdata==2026.6
export PYTHONTZPATH=  # the zones of the tzdata package, whatever the system has
"$work/venv/bin/python" - <<'PY'
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from exchangelib import CalendarItem, EWSDateTime, EWSTimeZone
from exchangelib.recurrence import Recurrence, WeeklyPattern
from exchangelib.version import EXCHANGE_2016, Version


class Mailbox:
    """What reading an item asks of an account."""

    version = Version(build=EXCHANGE_2016)
    default_timezone = EWSTimeZone("America/Vancouver")


def hours(zone: str, month: int) -> float:
    return datetime(2027, month, 12, 10, tzinfo=ZoneInfo(zone)).utcoffset() / timedelta(hours=1)


own = Mailbox.default_timezone
item = CalendarItem(
    subject="Meeting",
    start=EWSDateTime(2027, 1, 12, 10, tzinfo=own),
    end=EWSDateTime(2027, 1, 12, 11, tzinfo=own),
    recurrence=Recurrence(pattern=WeeklyPattern(interval=1, weekdays=["Tuesday"]), start=date(2027, 1, 12), number=3),
)
item.clean(version=Mailbox.version)
wire = item.to_xml(version=Mailbox.version)
types = "{http://schemas.microsoft.com/exchange/services/2006/types}"
start, zone = wire.findtext(f"{types}Start"), wire.find(f"{types}StartTimeZone").get("Id")
back = CalendarItem.from_xml(wire, Mailbox)
shown = back.start.astimezone(back._start_timezone)
print("on the wire:", start, zone)
print("read back:", shown, back._start_timezone)
assert (start, zone) == ("2027-01-12T10:00:00-07:00", "Pacific Standard Time")
assert (back._start_timezone.key, shown.hour) == ("America/Los_Angeles", 9)
for name, month_and_hours in {
    "America/Vancouver": ((1, -7, -8), (7, -7, -7)),
    "America/Edmonton": ((1, -6, -7), (7, -6, -6)),
    "America/Winnipeg": ((1, -5, -6), (7, -5, -5)),
}.items():
    named = EWSTimeZone.from_ms_id(EWSTimeZone(name).ms_id).key
    seen = tuple((month, hours(name, month), hours(named, month)) for month in (1, 7))
    print(f"(month, hours from UTC in {name}, in {named}):", seen)
    assert seen == month_and_hours
PY

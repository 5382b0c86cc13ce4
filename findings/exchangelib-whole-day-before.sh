#!/usr/bin/env bash
# exchangelib reads a whole day in a zone whose name it does not know as the day before.
#
# Seen on 29 November 2026: exchangelib 5.6.0, tzdata 2026.6, Python 3.11.
# Exchange tells a whole day by its first and last midnight in UTC, and names the zone beside them. Where somebody's computer has
# rules of its own that name is "Customized Time Zone". exchangelib warns that it does not know it, and takes the date in UTC: east of
# Greenwich that is the day before. It goes by names alone: not by the rules in the item, nor by the account's default zone.
#
# Whom it concerns: who reads days off from Exchange calendars. A warning is easy to miss, and a filtered one isn't there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet exchangelib==5.6.0 tzdata==2026.6
export PYTHONTZPATH=  # the zones of the tzdata package, whatever the system has
"$work/venv/bin/python" - <<'PY'
import warnings

from exchangelib import CalendarItem, EWSTimeZone
from exchangelib.version import EXCHANGE_2016, Version
from lxml import etree


class Mailbox:
    """What reading an item asks of an account."""

    version = Version(build=EXCHANGE_2016)
    default_timezone = EWSTimeZone("Europe/Amsterdam")


def read(zone: str) -> tuple[str, str, int]:
    item = etree.fromstring(
        f"""<t:CalendarItem xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
        <t:ItemId Id="AAMk" ChangeKey="DwAA"/>
        <t:Subject>Day off</t:Subject>
        <t:Start>2027-03-01T23:00:00Z</t:Start>
        <t:End>2027-03-02T23:00:00Z</t:End>
        <t:IsAllDayEvent>true</t:IsAllDayEvent>
        <t:StartTimeZone Id="{zone}" Name=""/>
        <t:EndTimeZone Id="{zone}" Name=""/>
        </t:CalendarItem>"""
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = CalendarItem.from_xml(item, Mailbox)
    return str(found.start), str(found.end), len(told)


known, unknown = read("W. Europe Standard Time"), read("Customized Time Zone")
print("2 March in Amsterdam, first and last day, warnings:", known)
print("the same in a zone of its own:                     ", unknown)
assert known == ("2027-03-02", "2027-03-02", 0)
assert unknown == ("2027-03-01", "2027-03-01", 2)
PY

"""What the ledger knows of the past, as planning needs it: the one place where history enters."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.model.domain import Kind, Meets, MentorshipKey, Ref
from beklijf.model.facts import Facts, Generation, Moved, spell

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

_THESE = "IN (SELECT value FROM json_each(?))"


def read_facts(
    db: sqlite3.Connection, config: Mapping[MentorshipKey, Meets | None], now: datetime, *, uids: Iterable[str], owners: Iterable[str]
) -> tuple[Facts, dict[Ref, datetime]]:
    """Return what happened so far, and when facts change by themselves: the events, by ref, that are yet to begin.

    *config* has each mentorship's own hour, which outdates facts kept under another; *uids* are their events, *owners* what the refs of
    their items begin with. What people said is not in it: ``conversation`` has that.
    """
    keys = (json.dumps([*config]),)
    chosen: dict[MentorshipKey, Meets] = {}
    moved: dict[MentorshipKey, Moved] = {}
    for row in db.execute(f"SELECT * FROM slot WHERE mentorship {_THESE}", keys):  # noqa: S608  # our own words
        key = MentorshipKey(row["mentorship"])
        if spell(config[key]) != row["config"]:
            continue
        meets = Meets(weekday=row["weekday"], at=time.fromisoformat(row["at"]), minutes=row["minutes"], zone=ZoneInfo(row["zone"]))
        if row["kind"] == "moved":
            moved[key] = Moved(meets=meets, first=date.fromisoformat(row["first"]))
        else:
            chosen[key] = meets
    kept: dict[Ref, datetime] = {}
    begun: dict[Ref, date] = {}
    begins: dict[Ref, datetime] = {}
    for ref, kind, mentorship, hour, wall, zone in db.execute(
        f"""SELECT ref, kind, json_extract(mentorships, '$[0]'), hour,
                   json_extract(asked, '$.start[0]'), json_extract(asked, '$.start[1]')
            FROM event WHERE state IN ('intended', 'live', 'deleted') AND uid {_THESE} ORDER BY generation""",  # noqa: S608  # likewise
        (json.dumps([*uids]),),
    ):
        start = datetime.fromisoformat(wall).replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
        if start > now:
            begins[Ref(ref)] = min(start, begins.get(Ref(ref), start))
        if kind == Kind.MEETING and (start <= now or hour == spell(config.get(MentorshipKey(mentorship)))):
            kept[Ref(ref)] = start
        elif kind != Kind.MEETING and start <= now:
            begun[Ref(ref)] = start.date()
    arrived = {
        (MentorshipKey(key), str(person)): datetime.fromisoformat(at)
        for key, person, at in db.execute(f"SELECT key, person, joined FROM mentorship WHERE key {_THESE} ORDER BY joined DESC", keys)  # noqa: S608  # likewise
    }
    generations = db.execute(
        "SELECT ref, number, since FROM json_each(?) AS owner JOIN generation ON ref > owner.value || '/' AND ref < owner.value || '0'",
        (json.dumps([*owners]),),
    )
    facts = Facts(
        joined={key: at for (key, _), at in arrived.items()},
        arrived=arrived,
        chosen=chosen,
        moved=moved,
        kept=kept,
        begun=begun,
        generations={Ref(ref): Generation(number=number, since=datetime.fromisoformat(since)) for ref, number, since in generations},
    )
    return facts, begins

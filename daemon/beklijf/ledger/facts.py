"""What the ledger knows of the past, as planning needs it: the one place where history enters."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.model.domain import Kind, Meets, MentorshipKey, Ref
from beklijf.model.facts import Facts, Generation, Moved, spell

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


def read_facts(db: sqlite3.Connection, config: Mapping[MentorshipKey, Meets | None], now: datetime) -> Facts:
    """Return what happened so far; *config* has each mentorship's own hour, which outdates facts kept under another.

    What people said is not in it: ``conversation`` has that.
    """
    chosen: dict[MentorshipKey, Meets] = {}
    moved: dict[MentorshipKey, Moved] = {}
    for row in db.execute("SELECT * FROM slot"):
        key = MentorshipKey(row["mentorship"])
        if spell(config.get(key)) != row["config"]:
            continue
        meets = Meets(weekday=row["weekday"], at=time.fromisoformat(row["at"]), minutes=row["minutes"], zone=ZoneInfo(row["zone"]))
        if row["kind"] == "moved":
            moved[key] = Moved(meets=meets, first=date.fromisoformat(row["first"]))
        else:
            chosen[key] = meets
    kept: dict[Ref, datetime] = {}
    begun: dict[Ref, date] = {}
    for ref, kind, mentorship, hour, wall, zone in db.execute(
        """SELECT ref, kind, json_extract(mentorships, '$[0]'), hour,
                  json_extract(asked, '$.start[0]'), json_extract(asked, '$.start[1]')
           FROM event WHERE state IN ('intended', 'live', 'deleted') ORDER BY generation"""
    ):
        start = datetime.fromisoformat(wall).replace(tzinfo=UTC if zone == "UTC" else ZoneInfo(zone))
        if kind == Kind.MEETING and (start <= now or hour == spell(config.get(MentorshipKey(mentorship)))):
            kept[Ref(ref)] = start
        elif kind != Kind.MEETING and start <= now:
            begun[Ref(ref)] = start.date()
    arrived = {
        (MentorshipKey(key), str(person)): datetime.fromisoformat(at)
        for key, person, at in db.execute("SELECT key, person, joined FROM mentorship ORDER BY joined DESC")
    }
    return Facts(
        joined={key: at for (key, _), at in arrived.items()},
        arrived=arrived,
        chosen=chosen,
        moved=moved,
        kept=kept,
        begun=begun,
        generations={
            Ref(ref): Generation(number=number, since=datetime.fromisoformat(since))
            for ref, number, since in db.execute("SELECT ref, number, since FROM generation")
        },
    )

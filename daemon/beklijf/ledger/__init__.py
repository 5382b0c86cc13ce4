"""The ledger: one SQLite file with identity, asked, seen, announced, facts and decisions. Contains no business logic.

A method a use case. Writes happen inside ``with ledger.write():``, which is one transaction: all of it or nothing.
The outbox lives in the same file, so that an event and its mails are recorded together: see ``outbox``.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from secrets import token_hex
from sys import intern
from typing import TYPE_CHECKING

from beklijf.ledger.state_file import Hold, hold, marks
from beklijf.ledger.transactions import transaction, translated
from beklijf.ledger.written import NEVER, Written
from beklijf.model.domain import Kind, Meets, MentorshipKey, Ref
from beklijf.model.errors import StateError
from beklijf.model.facts import spell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

APPLICATION_ID = 0x62656B6C
VERSION = 4
SCHEMA = Path(__file__).with_name("schema.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the ledger knows of one event; asked, seen and announced are `canonical.dump` texts."""

    uid: str
    ref: Ref
    generation: int
    kind: Kind
    training: str
    mentorships: tuple[MentorshipKey, ...]
    persons: tuple[str, ...]
    hour: str
    state: str
    asked: str
    seen: str
    announced: str | None = None
    href: str = ""
    etag: str = ""
    sequence: int = 0
    changed_at: datetime | None = None
    refused: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    """Addresses that the inviting server can't reach: we invite them, and the calendar says so."""
    icaluid: str = ""
    """The UID under which the server invites, where it takes none of ours."""
    proposals: str = "[]"
    """Other times that people proposed, as the calendar last had them (`decide.from_calendar` spells them)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a running training was last planned from: the method's digest and the sessions' keys."""

    method: str
    sessions: frozenset[date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A target that refused, since when, and when it is tried again."""

    target: str
    what: str
    attempts: int
    since: datetime
    retry_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    id: int
    kind: str
    subject: str
    field: str
    made: datetime


def stamp(at: datetime) -> str:
    """Return *at* as the ledger spells instants: UTC, sortable as text."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


class Ledger:
    """One open ledger. Opening it makes or migrates the file, unless it is only read."""

    def __init__(self, path: Path | None, *, read_only: bool = False, durable: bool = True) -> None:
        """Open *path*; None is a ledger that lives as long as the object (rehearse), as is reading one that isn't there yet."""
        self.path = path
        self.older = False
        """Whether more had been committed here than this ledger knows: a back-up was put back."""
        self._read_only = read_only
        self._hold = Hold(None, None)
        if path is None or (read_only and not os.path.lexists(path)):
            self.db = _new()
        else:
            with translated(path):
                self._hold = hold(path, read_only=read_only, image=_image)
                uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
                self.db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10)
        self.db.row_factory = sqlite3.Row
        try:
            with translated(path):
                self._prepare(durable=durable)
        except BaseException:
            self.close()
            raise
        self.written = Written(self.db)
        self._rows: dict[str, Row] = {}
        self._looked = NEVER

    def _prepare(self, *, durable: bool) -> None:
        self.db.execute("PRAGMA foreign_keys = ON")
        self._migrate()
        if not self._read_only:  # only now: the mode is written into the file, and it might have been another program's
            self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
        here, there = marks(self.db), self._hold.noted()
        self.older = bool(here and there and here.lineage == there.lineage and here.commits < there.commits)
        if here and not self._read_only:
            self._hold.note(here)

    def _migrate(self) -> None:
        (application,) = self.db.execute("PRAGMA application_id").fetchone()
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if application != APPLICATION_ID:
            raise StateError(f"{self.path} is a database of another program", hint="point [service] state at a file of its own")
        if version > VERSION:
            raise StateError(
                f"{self.path} was written by a newer beklijf (state version {version}; this one knows {VERSION})",
                hint="install the newer version again, or restore the state file from before the upgrade",
            )
        if version < VERSION:
            self._upgrade(version)

    def _upgrade(self, version: int) -> None:
        """Bring an older file to this version, step by step, each of them whole or not at all; who only reads gets a copy."""
        if self._read_only:
            copy = sqlite3.connect(":memory:", isolation_level=None)
            copy.row_factory = sqlite3.Row
            self.db.backup(copy)
            self.db.close()
            self.db = copy
        for number in range(version, VERSION):
            script = SCHEMA.with_name(f"from-{number}.sql").read_text(encoding="utf-8")
            self.db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number + 1}; COMMIT;")

    def close(self) -> None:
        self.db.close()
        self._hold.close()

    @contextmanager
    def write(self) -> Iterator[None]:
        """Make everything inside one transaction that is on disk when the block ends.

        Inside of another it is a part of that one, which fails by itself: what it wrote is undone, and the rest stays.
        """
        try:
            with transaction(self.db, self.path, self._counted):
                yield
        except BaseException:
            self.written.undone()
            raise

    def _counted(self) -> Callable[[], None]:
        """Count a transaction that is about to end, and return what is to be done once it has."""
        self.db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'commits'")
        now = marks(self.db)
        return lambda: self._hold.note(now) if now else None

    def foreign_revision(self) -> int:
        """Return a number that changes when another process wrote the ledger (a decision, say)."""
        revision: int = self.db.execute("PRAGMA data_version").fetchone()[0]
        return revision

    # -- meta --------------------------------------------------------------------------------------------------------

    def get(self, name: str) -> str | None:
        found = self.db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found["value"])

    def set(self, name: str, value: str) -> None:
        self.db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (name, value))

    def secret(self) -> bytes:
        """Return what nobody outside can know, and what is in every token and Message-ID of ours; drawn once, and kept here."""
        if (found := self.get("secret")) is None:
            found = token_hex(32)
            self.set("secret", found)
        return bytes.fromhex(found)

    def instant(self, name: str) -> datetime | None:
        value = self.get(name)
        return datetime.fromisoformat(value) if value else None

    # -- events ------------------------------------------------------------------------------------------------------

    def rows(self) -> Mapping[str, Row]:
        """Return all events that are not closed, by UID; each that nobody wrote since the last time is the same object."""
        self._looked, written = self.written.since(self._looked)
        if written is None:
            self._rows = {row["uid"]: _row(row) for row in self.db.execute("SELECT * FROM event WHERE state != 'closed' ORDER BY rowid")}
        elif keys := written.get("event"):
            new = self.db.execute(
                "SELECT * FROM event WHERE state != 'closed' AND uid IN (SELECT value FROM json_each(?)) ORDER BY rowid",
                (json.dumps([*keys]),),
            )
            self._rows = {uid: row for uid, row in self._rows.items() if uid not in keys} | {row["uid"]: _row(row) for row in new}
        return self._rows

    def parties(self, uids: Iterable[str] | None = None) -> dict[str, tuple[frozenset[MentorshipKey], frozenset[str]]]:
        """Return whom events are about, closed ones included: mentorships and persons, both by key; with *uids* of those alone."""
        query, values = "SELECT uid, mentorships, persons FROM event", list[str]()
        if uids is not None:
            query += " WHERE uid IN (SELECT value FROM json_each(?))"
            values.append(json.dumps([*uids]))
        return {
            uid: (frozenset(map(MentorshipKey, json.loads(mentorships))), frozenset(json.loads(persons)))
            for uid, mentorships, persons in self.db.execute(query, values)
        }

    def row(self, uid: str) -> Row | None:
        """Return one event that is not closed."""
        found = self.db.execute("SELECT * FROM event WHERE state != 'closed' AND uid = ?", (uid,)).fetchone()
        return None if found is None else _row(found)

    def etags(self) -> dict[str, str]:
        """Return by which ETag each live event was last seen, by href: a calendar need not read those again."""
        return {row["href"]: row["etag"] for row in self.db.execute("SELECT href, etag FROM event WHERE state = 'live' AND etag != ''")}

    def places(self) -> dict[str, str]:
        """Return the UIDs of the events that the calendar had when it was last read, by href."""
        found = self.db.execute("SELECT href, uid FROM event WHERE state IN ('live', 'withdrawing') AND href != ''")
        return {row["href"]: row["uid"] for row in found}

    def forget_etags(self) -> None:
        """Let the calendar's next reading bring every event, also those that stay as they were."""
        self.db.execute("UPDATE event SET etag = '' WHERE state = 'live'")

    def has_others(self, organizer: str) -> bool:
        """Say whether an event that still matters is somebody else's than *organizer*'s."""
        found = self.db.execute(
            """SELECT 1 FROM event WHERE state IN ('intended', 'live', 'withdrawing') AND json_extract(seen, '$.organizer[1]') != ''
               AND lower(json_extract(seen, '$.organizer[1]')) != lower(?) LIMIT 1""",
            (organizer,),
        )
        return found.fetchone() is not None

    def put(self, row: Row) -> None:
        self.db.execute(
            """INSERT OR REPLACE INTO event VALUES (:uid, :ref, :generation, :kind, :training, :mentorships, :persons, :hour, :state,
               :asked, :seen, :announced, :href, :etag, :sequence, :changed_at, :refused, :ours, :icaluid, :proposals)""",
            {
                "uid": row.uid,
                "ref": row.ref,
                "generation": row.generation,
                "kind": row.kind,
                "training": row.training,
                "mentorships": json.dumps(row.mentorships),
                "persons": json.dumps(row.persons),
                "hour": row.hour,
                "state": row.state,
                "asked": row.asked,
                "seen": row.seen,
                "announced": row.announced,
                "href": row.href,
                "etag": row.etag,
                "sequence": row.sequence,
                "changed_at": None if row.changed_at is None else stamp(row.changed_at),
                "refused": json.dumps(row.refused),
                "ours": json.dumps(row.ours),
                "icaluid": row.icaluid,
                "proposals": row.proposals,
            },
        )

    def conclude(self, row: Row, now: datetime) -> None:
        """Close an event for good: should its item be wanted again, the next generation carries it, under a new UID."""
        self.put(replace(row, state="closed"))
        self.carry(row.ref, row.generation + 1, now)

    def carry(self, ref: Ref, number: int, since: datetime) -> None:
        """Note which generation carries *ref*, and from when on."""
        self.db.execute("INSERT OR REPLACE INTO generation VALUES (?, ?, ?)", (ref, number, stamp(since)))

    # -- facts -------------------------------------------------------------------------------------------------------

    def join(self, mentorship: MentorshipKey, person: str, now: datetime) -> None:
        """Note since when a person (by key) is in a mentorship; the first time counts."""
        self.db.execute("INSERT OR IGNORE INTO mentorship VALUES (?, ?, ?)", (mentorship, person, stamp(now)))

    def keep_slot(self, mentorship: MentorshipKey, kind: str, meets: Meets, *, config: Meets | None, first: date | None = None) -> None:
        """Keep the pair's hour as a fact, for as long as the config's own word stays what it is now."""
        self.db.execute(
            "INSERT OR REPLACE INTO slot VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                mentorship,
                kind,
                meets.weekday,
                meets.at.isoformat(),
                meets.minutes,
                meets.zone.key,
                None if first is None else first.isoformat(),
                spell(config),
            ),
        )

    def forget_moved(self, mentorships: Iterable[MentorshipKey]) -> None:
        """Give the pair's hour back to the config."""
        self.db.executemany("DELETE FROM slot WHERE kind = 'moved' AND mentorship = ?", [(key,) for key in mentorships])

    def trainings(self) -> frozenset[str]:
        """Return the ids of all trainings that it has ever known."""
        return frozenset(row[0] for row in self.db.execute("SELECT id FROM training UNION SELECT training FROM event"))

    # -- trainings, outages, decisions -----------------------------------------------------------------------------------

    def known_trainings(self) -> dict[str, Known]:
        return {
            row["id"]: Known(method=row["method"], sessions=frozenset(map(date.fromisoformat, json.loads(row["sessions"]))))
            for row in self.db.execute("SELECT * FROM training")
        }

    def know_training(self, training: str, known: Known) -> None:
        sessions = json.dumps(sorted(day.isoformat() for day in known.sessions))
        self.db.execute("INSERT OR REPLACE INTO training VALUES (?, ?, ?)", (training, known.method, sessions))

    def outages(self) -> dict[str, Outage]:
        return {
            row["target"]: Outage(
                target=row["target"],
                what=row["what"],
                attempts=row["attempts"],
                since=datetime.fromisoformat(row["since"]),
                retry_at=datetime.fromisoformat(row["retry_at"]),
            )
            for row in self.db.execute("SELECT * FROM outage ORDER BY target")
        }

    def note_outage(self, outage: Outage) -> None:
        self.db.execute(
            "INSERT OR REPLACE INTO outage VALUES (?, ?, ?, ?, ?)",
            (outage.target, outage.what, outage.attempts, stamp(outage.since), stamp(outage.retry_at)),
        )

    def end_outage(self, target: str) -> None:
        self.db.execute("DELETE FROM outage WHERE target = ?", (target,))

    def decide(self, kind: str, subject: str, *, made: datetime, field: str = "") -> None:
        self.db.execute("INSERT INTO decision (kind, subject, field, made) VALUES (?, ?, ?, ?)", (kind, subject, field, stamp(made)))

    def decisions(self) -> tuple[Decision, ...]:
        """Return what people decided and no tick has taken up yet."""
        return tuple(
            Decision(id=row["id"], kind=row["kind"], subject=row["subject"], field=row["field"], made=datetime.fromisoformat(row["made"]))
            for row in self.db.execute("SELECT * FROM decision WHERE done IS NULL ORDER BY id")
        )

    def taken_up(self, decision: Decision, now: datetime) -> None:
        self.db.execute("UPDATE decision SET done = ? WHERE id = ?", (stamp(now), decision.id))


def _new() -> sqlite3.Connection:
    """Return a new ledger, in memory."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    script = SCHEMA.read_text(encoding="utf-8")
    db.executescript(f"BEGIN; {script} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;")
    return db


def _image() -> bytes:
    """Return a new ledger as the bytes of its file, in the WAL mode that it is used in (sqlite.org/fileformat.html, 1.3.3)."""
    with closing(_new()) as db:
        content = bytearray(db.serialize())
    content[18:20] = b"\2\2"
    return bytes(content)


def _row(row: sqlite3.Row) -> Row:
    return Row(
        uid=row["uid"],
        ref=Ref(row["ref"]),
        generation=row["generation"],
        kind=Kind(row["kind"]),
        training=row["training"],
        mentorships=tuple(MentorshipKey(key) for key in json.loads(row["mentorships"])),
        persons=tuple(json.loads(row["persons"])),
        hour=row["hour"],
        state=row["state"],
        asked=intern(row["asked"]),  # mostly all three are the same text: kept once, it is half the memory
        seen=intern(row["seen"]),
        announced=None if row["announced"] is None else intern(row["announced"]),
        href=row["href"],
        etag=row["etag"],
        sequence=row["sequence"],
        changed_at=None if row["changed_at"] is None else datetime.fromisoformat(row["changed_at"]),
        refused=tuple(json.loads(row["refused"])),
        ours=tuple(json.loads(row["ours"])),
        icaluid=row["icaluid"],
        proposals=row["proposals"],
    )

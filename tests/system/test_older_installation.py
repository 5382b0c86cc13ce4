"""An installation that beklijf 0.2.0 left in the middle of a track goes on with today's: nothing is lost, changed or mailed again.

``golden/installation-0.2.0`` was made with that build itself (commit 5f433d5): its engine ticked from one ``next`` to the next, at
least once a day, from Mon 14 December 2026, 8:00 UTC on, under a guard of 60 people, and people wrote as that build's rehearsal lets
them. Three pairs are welcomed and invited. Then:

    16 Dec 9:00     Sanne accepts her series, Karim perhaps, Noor her first talk
    16 Dec 11:00    Sanne's first talk is moved by an hour, into another room, in its .ics
    5 Jan 10:00     Karim declines one meeting of the series, Piet proposes another day for one; staff pauses Emma's letters
    6 Jan 10:00     Noor sends her goal, Bo is away, Emma, for whom an hour was proposed, chooses another one by a link, Sanne proposes
                    another day for one meeting, Piet asks for his invitation again, and writes what fits nothing and is passed on
    20 Jan 10:05    another room for everybody, under a guard of four people: it is held, and staff is told; the last tick is at 10:25

Of its folder the config and the calendar are kept, and the state file as SQL, with a secret that is none; every mail had gone out.
"""

from __future__ import annotations

import mailbox
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from beklijf import config
from beklijf.ledger import APPLICATION_ID, Ledger
from beklijf.model import canonical
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Mapping

GOLDEN = Path(__file__).parents[1] / "golden" / "installation-0.2.0"
NOW = datetime(2027, 1, 20, 10, 26, tzinfo=UTC)
HOLD = "3e81f99b"
HELD = {
    "leiding/sanne@voorbeeld.example/series",
    "leiding/sanne@voorbeeld.example/extra:2027-02-16",
    "leiding/noor@voorbeeld.example/series",
    "leiding/noor@voorbeeld.example/stand-in:2027-02-16",
    "leiding/noor@voorbeeld.example/extra:2027-02-16",
    "leiding/emma@voorbeeld.example/series",
    "leiding/emma@voorbeeld.example/extra:2027-02-16",
}
"""What 0.2.0 held, by that name, and why: it touches six people."""
STAFF = ["opleidingen@voorbeeld.example", "servicedesk@voorbeeld.example"]

RENAMED = {
    "told": "announced",
    "known_as": "icaluid",
    "single": "recurrence_id",
    "place": "recurrence_id",
    "trouble": "outage",
}
"""Tables and columns that have another name since."""
ADDED = {"outbox": {"unanswered", "about", "subject", "sequence", "whole"}}
NEW_TABLES = {"hold", "aside"}
SINCE_3 = {"lineage", "commits"}
"""Rows of `meta` that every ledger has since version 3."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the installation as it lay on the disk, somewhere else than it was."""
    found = tmp_path / "installation"
    shutil.copytree(GOLDEN, found)
    script = (found / "beklijf.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(found / "beklijf.sqlite3")) as db:
        db.executescript(f"{script} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2;")
    return found


def tables(path: Path) -> dict[str, list[dict[str, object]]]:
    """Return all rows of every table, in their order."""
    with closing(sqlite3.connect(path)) as db:
        db.row_factory = sqlite3.Row
        names = [row["name"] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in db.execute(f"SELECT * FROM {name} ORDER BY rowid")] for name in names}  # noqa: S608  # our own names


def called_today(row: Mapping[str, object]) -> dict[str, object]:
    return {RENAMED.get(column, column): value for column, value in row.items()}


def calendar(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "calendars").rglob("*") if path.is_file()}


def test_everything_that_it_knew_is_known_field_by_field(folder: Path) -> None:
    path = folder / "beklijf.sqlite3"
    before = tables(path)
    assert {table for table, rows in before.items() if not rows} == {"generation", "proposal", "trouble", "bounced"}
    assert {row["name"] for row in before["meta"]}.isdisjoint(SINCE_3)

    Ledger(path).close()

    after = tables(path)
    assert {RENAMED.get(table, table) for table in before} | NEW_TABLES == after.keys()
    assert not any(after[table] for table in NEW_TABLES)
    after["meta"] = [row for row in after["meta"] if row["name"] not in SINCE_3]
    for table, rows in before.items():
        name = RENAMED.get(table, table)
        added = ADDED.get(name, set[str]())
        assert [{k: v for k, v in row.items() if k not in added} for row in after[name]] == [called_today(row) for row in rows], table
        assert all(row.keys() >= added for row in after[name])


def test_what_its_mails_are_about_is_read_from_their_names(folder: Path) -> None:
    path = folder / "beklijf.sqlite3"
    Ledger(path).close()

    found = tables(path)["outbox"]

    for mail in found:
        words = str(mail["name"]).split(" ")
        is_answer, is_invitation = words[0] == "answer", mail["kind"] == "invitation"
        number = str(mail["name"]).partition(" again ")[0].rpartition(" ")[2] if is_invitation else None
        about = {"invitation": words[0], "notice": words[1], "letter": "answer" if is_answer else ""}[str(mail["kind"])]
        subject = words[2] if is_answer or words[1] == "forwarded" else ""
        said = (mail["about"], mail["subject"], mail["sequence"], mail["unanswered"])
        assert said == (about, subject, int(number) if number else None, 0), mail["name"]
    assert {mail["about"] for mail in found} == {"REQUEST", "answer", "", "forwarded", "held"}
    assert any(mail["recurrence_id"] for mail in found)
    assert any(" again " in str(mail["name"]) for mail in found)


def test_nothing_is_to_be_done_and_what_was_held_is_held_under_the_same_name(folder: Path) -> None:
    with opened(config.load(folder / "config.toml"), read_only=True) as engine:
        plan = engine.plan(NOW)

    assert plan.changes == ()
    assert (plan.records, plan.adopted, plan.problems) == ((), (), ())
    assert [held.hold for held in plan.held] == [HOLD] * len(HELD)
    assert {held.change.ref for held in plan.held} == HELD
    assert {held.reason for held in plan.held} == {"it touches 6 people (guard.max_people = 4)"}


def test_ticks_change_no_event_and_write_to_nobody_but_staff_about_what_is_held(folder: Path) -> None:
    before = calendar(folder)

    with opened(config.load(folder / "config.toml")) as engine:
        outcomes = [engine.tick(NOW + timedelta(minutes=5 * number)) for number in range(4)]

    assert [(outcome.done, outcome.errors) for outcome in outcomes] == [([], [])] * 4
    assert calendar(folder) == before
    # 0.2.0 worked out anew at each tick what it held; now a hold is a row of the ledger, and staff is told when that is written
    assert [mail.name for outcome in outcomes for mail in outcome.delivered.sent] == [
        f"notice held {HOLD} since 2027-01-20T10:26 {who}" for who in STAFF
    ]
    assert len(mailbox.Maildir(folder / "outbox")) == len(STAFF)


def test_what_was_held_is_approved_by_the_name_that_staff_had_got(folder: Path) -> None:
    with opened(config.load(folder / "config.toml")) as engine:
        outcome = engine.tick(NOW, approve=[HOLD])

    assert {change.ref for change in outcome.done} == HELD
    assert all(b"LOCATION:Zaal 2" in text for name, text in calendar(folder).items() if "557fc8f8" in name)


def test_by_which_rules_of_its_zone_each_event_was_written_is_noted_with_the_first_tick(folder: Path) -> None:
    with opened(config.load(folder / "config.toml")) as engine:
        before = dict(engine.ledger.rows())
        engine.tick(NOW)
        after = engine.ledger.rows()

    assert after.keys() == before.keys()
    live = [row for row in after.values() if row.state == "live"]
    assert all('"clock":"2027-' in row.asked or '"clock":"2026-' in row.asked for row in live)
    assert all(canonical.load(row.asked) == canonical.load(before[row.uid].asked) for row in live)

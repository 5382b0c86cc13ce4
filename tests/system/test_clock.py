"""A clock that is wrong for a while: nothing that it does can't be undone, and nothing waits for what it wrote down."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.system.town import BEGIN, DAY, Town, Words

from beklijf.ledger import Ledger, Outage, stamp
from beklijf.ledger.holds import HoldKind
from beklijf.ledger.instants import HAPPENED, LOOKED, TRIED_AGAIN, set_right, set_waits_right
from beklijf.model.conversation import Heard, Pause, Said, Token, TokenKind
from beklijf.model.domain import MentorshipKey, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANNA = "anna@voorbeeld.example"
PAIR = MentorshipKey(f"leiding/{ANNA}")
LISTENING = '[inbox]\nkind = "folder"\npath = "inbox"\n[answers]\nread = true\nkeep = "30 days"\n'
YEAR = timedelta(days=365)
OVER = datetime(2027, 8, 1, 8, tzinfo=UTC)
"""Long after the last letter of everybody's track."""
SAID = ("heard", "goal", "token", "pause")


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return an installation in which things were said, and a mail was filed; each test goes on with a copy."""
    made = Town(tmp_path_factory.mktemp("lived"), words=Words(more=LISTENING, people=1000))
    with closing(made.stack):
        made.start()
        for _ in made.until(BEGIN + 14 * DAY):
            pass
        say_something(made)
        made.tick()
    return made


@pytest.fixture
def town(tmp_path: Path, lived: Town) -> Iterator[Town]:
    shutil.copytree(lived.folder, tmp_path, dirs_exist_ok=True)
    made = Town(tmp_path, words=replace(lived.words), now=lived.now)
    with closing(made.stack):
        made.start()
        yield made


def say_something(town: Town) -> None:
    conversation = town.engine.conversation
    with town.engine.ledger.write():
        [uid] = [row.uid for row in town.engine.ledger.rows().values() if row.ref == f"{PAIR}/series"]
        conversation.note(Heard(at=town.now, said=Said.ACCEPTED, uid=uid, ref=Ref(f"{PAIR}/series"), who=ANNA, source="mail"))
        conversation.set_goal(PAIR, ANNA, "Eerst twee vragen stellen", town.now)
        conversation.remember([Token(token="abc", kind=TokenKind.GOAL, mentorship=PAIR, person=ANNA, value={})], town.now)
        conversation.pause(Pause(person=ANNA, kind="reminders", first=town.now.date(), last=town.now.date() + 7 * DAY))
    filed = filed_mail(town) / "cur" / "1.a-mail:2,S"
    filed.parent.mkdir(parents=True, exist_ok=True)
    filed.write_bytes(b"Subject: ja\n\nprima\n")
    os.utime(filed, (town.now.timestamp(), town.now.timestamp()))


def filed_mail(town: Town) -> Path:
    assert town.engine.config.inbox is not None
    return town.folder / "inbox" / f".{town.engine.config.inbox.filed.replace('/', '.')}"


def kept(town: Town) -> dict[str, int]:
    """Return how much there is of what people said, and of filed mail."""
    found = {table: town.engine.ledger.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in SAID}  # noqa: S608  # our own names
    return found | {"filed": sum(path.is_file() for path in filed_mail(town).rglob("*"))}


def test_a_clock_that_is_a_year_ahead_for_some_days_erases_and_deletes_nothing(town: Town) -> None:
    before, right = kept(town), town.now
    assert all(before.values()), before

    town.now = right + YEAR
    for _ in range(6):
        town.tick(DAY)
        assert kept(town) == before
    town.now = right
    for _ in range(3):
        town.tick(DAY)

    assert kept(town) == before


def test_a_clock_that_cannot_be_trusted_hears_nothing_and_notes_nothing_but_what_it_holds(town: Town) -> None:
    right = town.now
    mail = town.folder / "inbox" / "new" / "1.answer"
    mail.parent.mkdir(parents=True, exist_ok=True)
    mail.write_bytes(f"From: {ANNA}\nSubject: vraag\nMessage-ID: <1@x>\n\nhallo\n".encode())

    def noted() -> list[tuple[object, ...]]:
        tables = ("mentorship", "slot", "generation", "training", "event", "letter", "heard", "proposal", "goal", "token", "outage")
        return [tuple(row) for table in tables for row in town.engine.ledger.db.execute(f"SELECT * FROM {table}")]  # noqa: S608  # our own

    before = noted()
    town.words.place = "Zaal 2"
    town.start()
    town.now = right + 30 * DAY
    plan = town.tick(DAY).plan

    assert plan is not None
    assert {each.kind for each in plan.held} == {HoldKind.CLOCK}
    assert noted() == before
    assert mail.exists()
    town.now = right
    assert town.tick().plan is not None
    assert not mail.exists(), "it is heard once the clock is right"


def test_what_was_held_before_a_clock_ran_ahead_is_held_after_it_under_the_same_name(town: Town) -> None:
    name = town.edit(place="Zaal 2", people=4).plan.id  # type: ignore[union-attr]  # nothing else ticks
    right = town.now
    town.mails()

    town.now = right + YEAR  # everything has passed, by this clock
    town.tick(DAY)
    town.now = right
    plan = town.tick(DAY).plan

    assert plan is not None
    assert len(plan.held) == 8
    assert {each.hold for each in plan.held} == {name}
    assert town.invitations() == []


def test_what_is_over_is_erased_when_two_days_agree(town: Town) -> None:
    before = kept(town)
    for _ in town.until(OVER):
        pass
    assert kept(town) == dict.fromkeys(before, 0)


def test_one_day_alone_erases_nothing(town: Town) -> None:
    ledger = town.engine.ledger
    with ledger.write():
        ledger.set("last_tick", stamp(OVER - DAY))  # as if it had run all the time, and the first look were today
        ledger.set("erased", "")
        ledger.set("forgot", "")
    before = kept(town)

    town.now = OVER
    town.engine.tick(town.now)
    assert kept(town) == before
    town.tick(timedelta(hours=20))
    assert kept(town) == before

    town.tick(timedelta(hours=5))
    assert kept(town) == dict.fromkeys(before, 0)


def test_after_a_jump_that_nobody_had_to_approve_nothing_is_erased_for_a_week(town: Town) -> None:
    before = kept(town)
    town.edit(training="")
    town.tick(approve=(town.plan().id,))
    town.tick()
    town.now += YEAR

    for _ in range(6):
        plan = town.tick(DAY).plan
        assert plan is None or not plan.held
        assert kept(town) == before
    for _ in range(4):
        town.tick(DAY)

    assert not any(kept(town).values())


def test_an_approved_silence_counts_as_a_clock_that_is_right(town: Town) -> None:
    town.edit(place="Zaal 2")
    town.words.place = "Zaal 3"
    town.start()
    plan = town.tick(20 * DAY).plan
    assert plan is not None
    assert plan.held[0].clock
    town.tick(approve=(plan.id,))

    assert town.engine.ledger.get("jumped") == ""
    assert town.plan().held == ()


def test_nothing_waits_until_a_far_future_for_another_try(town: Town) -> None:
    right, far = town.now, town.now + YEAR
    with town.engine.ledger.write():
        for target in ("calendar", "mail", "inbox"):
            town.engine.ledger.note_outage(Outage(target=target, what="no", attempts=3, since=far, retry_at=far))
        town.engine.outbox.add_notice("calendar down since then", about="down", recipient=ANNA, payload=NOTICE, now=far)
        [mail] = [mail for mail in town.engine.outbox.open_mails() if mail.recipient == ANNA]
        town.engine.outbox.retry(mail, at=far, note="later")
    town.mails()

    town.now = right + timedelta(minutes=5)
    outcome = town.engine.tick(town.now)  # patient, as the service is

    assert outcome.calendar is None
    assert [to for to, _ in town.mails()] == [ANNA]
    assert town.engine.ledger.outages() == {}


NOTICE = {"name": "Anna", "title": "iets", "lines": ["iets"], "command": ""}


# -- the ledger's instants ---------------------------------------------------------------------------------------------

INSTANTS = """
INSERT INTO mentorship VALUES ('t/a', 'a', :at);
INSERT INTO generation VALUES ('t/a/series', 2, :at);
INSERT INTO heard (at, said, uid, recurrence_id, who, source) VALUES (:at, 'accepted', 'u', '', 'a', 'mail');
INSERT INTO token VALUES ('abc', 'goal', 't/a', 'a', '{}', :at);
INSERT INTO goal VALUES ('t/a', 'a', 'g', :at);
INSERT INTO bounced VALUES ('a@x', :at, 'no');
INSERT INTO decision (kind, subject, made, done) VALUES ('approve', 'x', :at, :at);
INSERT INTO outage VALUES ('calendar', 'no', 1, :at, :at);
INSERT INTO hold VALUES ('1', 'wish', 't', 'r', :at, 'c', '[]', :at);
INSERT INTO outbox (kind, name, recipient, payload, state, queued, retry_at) VALUES ('notice', 'n', 'a@x', '{}', 'waiting', :at, :at);
INSERT INTO letter VALUES ('t/a/letter:welcome', 't/a', 'a', :at, 1);
INSERT INTO proposal VALUES (1, :at, 't/a', '', '', 'a', :at, '', 60, 1);
INSERT INTO meta VALUES ('erased', :at), ('forgot', :at), ('hears', :at), ('last_tick', :at);
"""
NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)


def instants(at: datetime) -> Ledger:
    """Return a ledger in which everything happened at one moment."""
    ledger = Ledger(None)
    for statement in INSTANTS.split(";\n"):
        if statement.strip():
            ledger.db.execute(statement, {"at": stamp(at)} if ":at" in statement else {})
    return ledger


def dump(ledger: Ledger) -> list[str]:
    return [line for line in ledger.db.iterdump() if line.startswith("INSERT")]


def test_what_a_clock_that_was_ahead_wrote_down_has_happened_now() -> None:
    with closing(instants(NOW + YEAR)) as ledger:
        set_right(ledger, NOW)
        left = [line for line in dump(ledger) if stamp(NOW + YEAR) in line]

    # tries are another matter, a proposal begins when it begins, and by the last tick the guard sees that the clock went back
    assert sorted(line.split('"')[1] for line in left) == ["meta", "outage", "outbox", "proposal"]


def test_what_happened_stays_as_it_was() -> None:
    for at in (NOW - YEAR, NOW, NOW + timedelta(minutes=4)):
        with closing(instants(at)) as ledger:
            before = dump(ledger)
            set_right(ledger, NOW)
            set_waits_right(ledger, NOW)
            assert dump(ledger) == before


def test_another_try_waits_for_the_longest_back_off_at_most() -> None:
    longest = NOW + timedelta(hours=4)
    for at, then in ((longest, longest), (longest + timedelta(seconds=1), NOW), (NOW + YEAR, NOW)):
        with closing(instants(at)) as ledger:
            set_waits_right(ledger, NOW)
            assert ledger.outages()["calendar"].retry_at == then
            assert ledger.db.execute("SELECT retry_at FROM outbox").fetchone()[0] == stamp(then)


def test_every_instant_of_the_ledger_is_looked_after(town: Town) -> None:
    """A new column that holds an instant belongs into ``instants``, or into the list of those that lie ahead by their nature."""
    town.edit(place="Zaal 2", people=4)
    ahead = {("proposal", "start"), *((table, "recurrence_id") for table in ("outbox", "proposal", "heard"))}
    looked_after = {*HAPPENED, *TRIED_AGAIN}
    found, rows = set(), set()
    with closing(instants(NOW)) as made:
        for db in (made.db, town.engine.ledger.db):
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*'")]
            for table in tables:
                for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608  # our own names
                    for column in row.keys():  # noqa: SIM118  # a row's keys are no mapping's
                        if is_instant(row[column]):
                            found.add((table, column))
                            rows |= {row["name"]} if table == "meta" else set()

    assert found - looked_after - ahead == {("meta", "value")}
    assert rows - {*LOOKED} <= {"last_tick", "jumped"}
    assert looked_after - found == {("event", "changed_at")}, "nobody edited anything here"


def is_instant(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def test_a_mail_that_waits_keeps_everything_but_its_time() -> None:
    with closing(instants(NOW + YEAR)) as ledger:
        before = dict(ledger.db.execute("SELECT * FROM outbox").fetchone())
        set_right(ledger, NOW)
        set_waits_right(ledger, NOW)
        after = dict(ledger.db.execute("SELECT * FROM outbox").fetchone())

    assert after == before | {"queued": stamp(NOW), "retry_at": stamp(NOW)}

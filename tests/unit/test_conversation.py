"""What the ledger keeps of what people said: whose it is, what holds, and when it goes."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from beklijf.ledger import APPLICATION_ID, VERSION, Ledger, Row, stamp
from beklijf.ledger.conversation import Conversation
from beklijf.ledger.erasure import forget_pairs
from beklijf.ledger.outbox import Outbox
from beklijf.model.canonical import dump, load
from beklijf.model.conversation import Copy, Heard, Pause, Proposal, Said, Token, TokenKind
from beklijf.model.domain import Contact, Event, Kind, Meets, MentorshipKey, Override, Ref

if TYPE_CHECKING:
    from collections.abc import Iterator

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
PAIR = MentorshipKey("t/sanne@voorbeeld.example")
UID = "series@beklijf"
SANNE, KARIM, ALIAS = "sanne@voorbeeld.example", "karim@voorbeeld.example", "s.devries@voorbeeld.example"
PERSONS = {SANNE: SANNE, KARIM: KARIM}
PLACE = datetime(2027, 1, 21, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(tmp_path / "state.sqlite3")) as opened:
        with opened.write():
            opened.put(_row())
        yield opened


@pytest.fixture
def conversation(ledger: Ledger) -> Conversation:
    return Conversation(ledger)


def _row() -> Row:
    event = Event(
        uid=UID,
        start=datetime(2027, 1, 21, 15, tzinfo=AMSTERDAM),
        minutes=60,
        recurrence=None,
        overrides=(),
        title="Mentorgesprek",
        text="",
        location="",
        organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
        people=(Contact("Karim", KARIM), Contact("Sanne", SANNE)),
        alarms=(),
        free=False,
    )
    return Row(
        uid=UID,
        ref=Ref(f"{PAIR}/series"),
        generation=1,
        kind=Kind.SERIES,
        training="t",
        mentorships=(PAIR,),
        persons=(SANNE, KARIM),
        hour="",
        state="live",
        asked=dump(event),
        seen=dump(event),
        sequence=2,
    )


def heard(said: Said, who: str, *, at: datetime = NOW, recurrence_id: datetime | None = None, source: str = "mail") -> Heard:
    return Heard(
        at=at, said=said, uid=UID, ref=Ref(""), recurrence_id=recurrence_id, who=who, source="mail" if source == "mail" else "calendar"
    )


def test_the_last_answer_of_each_person_holds(conversation: Conversation) -> None:
    for each in (
        heard(Said.ACCEPTED, SANNE),
        heard(Said.DECLINED, SANNE, at=NOW + HOUR),
        heard(Said.ACCEPTED, KARIM),
        heard(Said.DECLINED, KARIM, recurrence_id=PLACE),
    ):
        conversation.note(each)

    answers = conversation.histories(PERSONS)[PAIR].answers()

    assert {key: each.said for key, each in answers.items()} == {
        (UID, None, SANNE): Said.DECLINED,
        (UID, None, KARIM): Said.ACCEPTED,
        (UID, PLACE, KARIM): Said.DECLINED,
    }
    assert {each.ref for each in answers.values()} == {f"{PAIR}/series"}


def test_an_answer_from_an_unknown_address_counts_once_the_config_knows_whose_it_is(conversation: Conversation) -> None:
    conversation.note(heard(Said.STRANGER, ALIAS))
    conversation.note(heard(Said.ACCEPTED, ALIAS))

    assert conversation.histories(PERSONS)[PAIR].answers() == {}
    assert conversation.strangers(PERSONS) == [(PAIR, ALIAS)]

    known = PERSONS | {ALIAS: SANNE}
    assert [each.said for each in conversation.histories(known)[PAIR].answers().values()] == [Said.ACCEPTED]
    assert conversation.strangers(known) == []


def test_an_answer_by_mail_goes_back_to_open_only_where_there_was_one(conversation: Conversation) -> None:
    conversation.note(heard(Said.ACCEPTED, SANNE))

    conversation.reopen(UID, None, SANNE, NOW + HOUR)
    conversation.reopen(UID, None, SANNE, NOW + HOUR)
    conversation.reopen(UID, None, KARIM, NOW + HOUR)

    history = conversation.histories(PERSONS)[PAIR]
    assert [each.said for each in history.heard] == [Said.ACCEPTED, Said.OPEN]
    assert history.answers() == {}


def test_an_answer_goes_back_to_open_though_something_else_was_heard_since(conversation: Conversation) -> None:
    conversation.note(heard(Said.DECLINED, SANNE))
    conversation.note(heard(Said.MOVED, SANNE, at=NOW + HOUR))

    conversation.reopen(UID, None, SANNE, NOW + HOUR * 2)

    assert conversation.histories(PERSONS)[PAIR].answers() == {}


def test_who_is_away_is_away_for_every_mentorship_that_they_are_in(conversation: Conversation) -> None:
    conversation.note(heard(Said.ACCEPTED, SANNE))
    conversation.note(Heard(at=NOW + HOUR, said=Said.AWAY, uid="", ref=Ref(""), who=KARIM, source="mail"))

    assert [each.said for each in conversation.histories(PERSONS)[PAIR].heard] == [Said.ACCEPTED, Said.AWAY]


def test_what_the_calendar_told_is_remembered_apart_from_what_came_by_mail(conversation: Conversation) -> None:
    conversation.note(heard(Said.ACCEPTED, SANNE))
    conversation.note(heard(Said.DECLINED, KARIM, source="calendar"))

    assert conversation.told_by_calendar() == {(UID, None, KARIM): Said.DECLINED}


def test_of_some_events_it_is_what_was_heard_of_those(ledger: Ledger, conversation: Conversation) -> None:
    other = MentorshipKey("t/noor@voorbeeld.example")
    with ledger.write():
        ledger.put(replace(_row(), uid="other@beklijf", ref=Ref(f"{other}/series"), mentorships=(other,)))
        for source in ("mail", "calendar"):
            conversation.note(heard(Said.ACCEPTED, SANNE, source=source))
            conversation.note(replace(heard(Said.DECLINED, KARIM, source=source), uid="other@beklijf"))

    assert conversation.histories(PERSONS).keys() == {PAIR, other}
    assert conversation.histories(PERSONS, uids=[UID]).keys() == {PAIR}
    assert conversation.told_by_calendar(["other@beklijf"]) == {("other@beklijf", None, KARIM): Said.DECLINED}
    assert conversation.told_by_calendar([]) == {}


def test_a_newer_proposal_for_the_same_meeting_takes_the_place_of_the_older(conversation: Conversation) -> None:
    for hour in (10, 11):
        conversation.propose(proposal(hour))
    conversation.propose(proposal(12, who=KARIM))

    found = conversation.proposals()

    assert [(each.who, each.start) for each in found] == [
        (SANNE, datetime(2027, 1, 22, 11, tzinfo=AMSTERDAM)),
        (KARIM, datetime(2027, 1, 22, 12, tzinfo=AMSTERDAM)),
    ]
    assert found[0].start.tzinfo == AMSTERDAM
    conversation.settle(found[0])
    assert [each.who for each in conversation.proposals()] == [KARIM]


def proposal(hour: int, *, who: str = SANNE) -> Proposal:
    start = datetime(2027, 1, 22, hour, tzinfo=AMSTERDAM)
    return Proposal(id=0, at=NOW, mentorship=PAIR, uid=UID, recurrence_id=PLACE, who=who, start=start, minutes=60)


def test_a_goal_is_the_mentees_own_and_not_the_next_ones(conversation: Conversation) -> None:
    conversation.set_goal(PAIR, SANNE, "Eerst vragen", NOW)
    conversation.set_goal(PAIR, SANNE, "Twee vragen", NOW + HOUR)

    assert conversation.goals({PAIR: SANNE}) == {PAIR: ("Twee vragen",)}
    assert conversation.goals({PAIR: KARIM}) == {}


def test_a_pause_lasts_until_it_is_ended(conversation: Conversation) -> None:
    pause = Pause(person=SANNE, kind="letters", first=date(2027, 1, 4), last=date(2027, 1, 8))
    conversation.pause(pause)

    assert conversation.pauses() == (pause,)
    assert conversation.resume(SANNE, "letters")
    assert not conversation.resume(SANNE, "letters")
    assert conversation.pauses() == ()


def test_an_address_bounces_once(conversation: Conversation) -> None:
    assert conversation.bounce("Sanne@Voorbeeld.example", "550 no such user", NOW)
    assert not conversation.bounce(SANNE, "550 again", NOW)
    assert conversation.bounced() == {SANNE: "550 no such user"}


def test_a_token_is_found_again_with_all_that_it_means(conversation: Conversation) -> None:
    token = Token(token="bk-abc", kind=TokenKind.TIME, mentorship=PAIR, person=SANNE, value={"uid": UID, "start": "2027"})
    conversation.remember([token], NOW)
    conversation.remember([token], NOW + HOUR)

    assert conversation.tokens() == {"bk-abc": token}


def test_what_people_said_goes_some_time_after_the_end_of_their_track_and_nothing_before(conversation: Conversation) -> None:
    conversation.note(heard(Said.ACCEPTED, SANNE))
    conversation.note(Heard(at=NOW, said=Said.AWAY, uid="", ref=Ref(""), who=SANNE, source="mail"))
    conversation.propose(proposal(10))
    conversation.set_goal(PAIR, SANNE, "Eerst vragen", NOW)
    conversation.remember([Token(token="bk-abc", kind=TokenKind.GOAL, mentorship=PAIR, person=SANNE)], NOW)
    conversation.pause(Pause(person=SANNE, kind="letters", first=date(2027, 1, 4), last=date(2027, 1, 8)))
    conversation.pause(Pause(person=KARIM, kind="letters", first=date(2027, 1, 4)))
    end, keep = NOW + timedelta(days=200), timedelta(days=30)

    assert conversation.erase({PAIR: end}, keep, NOW + timedelta(days=10)) == 0
    conversation.erase({PAIR: end}, keep, end + timedelta(days=29))
    assert conversation.histories(PERSONS)[PAIR].answers()
    assert conversation.goals({PAIR: SANNE})
    conversation.erase({PAIR: end}, keep, end + timedelta(days=31))

    assert conversation.histories(PERSONS) == {}
    assert conversation.goals({PAIR: SANNE}) == {}
    assert conversation.proposals() == ()
    assert conversation.tokens() == {}
    assert [each.person for each in conversation.pauses()] == [KARIM]


def test_what_was_said_about_a_track_that_nobody_knows_any_more_goes_that_long_after_it_was_said(conversation: Conversation) -> None:
    conversation.note(heard(Said.ACCEPTED, SANNE))

    conversation.erase({}, timedelta(days=30), NOW + timedelta(days=29))
    assert conversation.histories(PERSONS)
    conversation.erase({}, timedelta(days=30), NOW + timedelta(days=31))
    assert conversation.histories(PERSONS) == {}


def test_an_answer_about_what_two_tracks_share_is_known_until_both_have_been_over_for_long_enough(
    ledger: Ledger, conversation: Conversation
) -> None:
    other, outbox, keep = MentorshipKey("u/sanne@voorbeeld.example"), Outbox(ledger), timedelta(days=30)
    with ledger.write():
        ledger.put(replace(_row(), mentorships=(PAIR, other)))
        outbox.add_answer("declined series", subject=UID, recipient=SANNE, response={}, now=NOW)
        ledger.db.execute("UPDATE outbox SET state = 'sent'")
        conversation.erase({PAIR: NOW, other: NOW + timedelta(days=60)}, keep, NOW + timedelta(days=89))
    assert outbox.answers() == {UID: {"declined series"}}

    with ledger.write():
        conversation.erase({PAIR: NOW, other: NOW + timedelta(days=60)}, keep, NOW + timedelta(days=91))
    assert outbox.answers() == {}


# -- pairs that left the config ----------------------------------------------------------------------------------------

MENTEES = ("mentorship", "event", "letter", "outbox", "heard", "token", "goal", "proposal", "slot", "generation")


def counts(ledger: Ledger) -> dict[str, int]:
    return {table: ledger.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in MENTEES}  # noqa: S608  # our own names


def much(ledger: Ledger, conversation: Conversation) -> None:
    """Let there be something of one pair in every table."""
    ledger.conclude(_row(), NOW)
    ledger.join(PAIR, SANNE, NOW)
    ledger.keep_slot(PAIR, "chosen", Meets(weekday=3, at=time(15), minutes=60, zone=AMSTERDAM), config=None)
    outbox = Outbox(ledger)
    event, copy = load(_row().seen), Copy(sequences={None: 0})
    outbox.add_invitation(_row(), event, copy, to=event.people[1], method="REQUEST", about="invitation", now=NOW)
    outbox.add_answer(f"answer hours {PAIR} x", subject=PAIR, recipient=SANNE, response={}, now=NOW)
    mail = ledger.db.execute(
        "INSERT INTO outbox (kind, name, recipient, payload, state, queued) VALUES ('letter', 'l', 's', '{}', 'sent', 'q')"
    )
    ledger.db.execute("INSERT INTO letter VALUES (?, ?, ?, ?, ?)", (f"{PAIR}/letter:goals", PAIR, SANNE, stamp(NOW), mail.lastrowid))
    conversation.note(heard(Said.ACCEPTED, SANNE))
    conversation.remember([Token(token="bk-abc", kind=TokenKind.GOAL, mentorship=PAIR, person=SANNE)], NOW)
    conversation.set_goal(PAIR, SANNE, "Eerst vragen", NOW)
    conversation.propose(proposal(10))
    conversation.bounce(SANNE, "550", NOW)


def test_nothing_is_left_of_a_pair_some_time_after_it_left_the_config(ledger: Ledger, conversation: Conversation) -> None:
    with ledger.write():
        much(ledger, conversation)
    before = counts(ledger)
    assert all(before.values()), before

    with ledger.write():
        assert forget_pairs(ledger, {PAIR}, {SANNE}, NOW + timedelta(days=90)) == 0
        assert forget_pairs(ledger, {}, {SANNE}, NOW) == 0
    assert counts(ledger) == before
    with ledger.write():
        assert forget_pairs(ledger, {}, {}, NOW + timedelta(days=90)) == 1
    assert not any(counts(ledger).values()), counts(ledger)
    assert conversation.bounced() == {}


def test_mails_to_staff_about_people_go_and_one_about_a_hold_stays_so_that_it_is_not_mailed_again(ledger: Ledger) -> None:
    outbox = Outbox(ledger)
    with ledger.write():
        for name, about in (("bounced sanne", "bounced"), ("held 1a2b3c4d", "held"), ("calendar down since 2027-01-04T09:00", "down")):
            outbox.add_notice(name, about=about, recipient="staff@voorbeeld.example", payload={}, now=NOW)
        ledger.db.execute("UPDATE outbox SET state = 'sent'")
        forget_pairs(ledger, {PAIR}, {SANNE}, NOW + timedelta(days=1))

    names = {row["name"].split()[1] for row in ledger.db.execute("SELECT name FROM outbox")}
    assert names == {"held", "calendar"}


def test_a_pair_whose_series_another_training_shares_is_kept_with_it(ledger: Ledger, conversation: Conversation) -> None:
    other = MentorshipKey("u/sanne@voorbeeld.example")
    with ledger.write():
        ledger.put(replace(_row(), mentorships=(PAIR, other), state="closed"))
        ledger.join(PAIR, SANNE, NOW)
        ledger.join(other, SANNE, NOW)
        conversation.note(heard(Said.ACCEPTED, SANNE))

        assert forget_pairs(ledger, {other}, {SANNE}, NOW + timedelta(days=90)) == 0
    assert conversation.histories(PERSONS).keys() == {PAIR, other}


# -- a state file of before --------------------------------------------------------------------------------------------


def old_file(path: Path, version: int = 1) -> None:
    """Make a state file as an older beklijf left it: with something decided, and a letter that was being sent."""
    script = (Path(__file__).parents[1] / "golden" / "state" / f"version-{version}.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"{script} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version};")
        db.execute("INSERT INTO decision (kind, subject, made) VALUES ('approve', '1a2b3c4d', '2027-01-04T09:00:00+00:00')")
        db.execute(
            """INSERT INTO outbox (kind, name, recipient, payload, state, queued, attempts, bytes, message_id)
               VALUES ('letter', 'letter t/m/letter:welcome', 'm@x.example', '{}', 'sending', '2027-01-04T09:00:00+00:00', 1,
                       x'00', '<1@x>')"""
        )
        db.execute("INSERT INTO letter VALUES ('t/m/letter:welcome', 't/m', 'm@x.example', '2027-01-04T09:00:00+00:00', 1)")
        db.commit()


def shape(path: Path) -> dict[str, tuple[str, list[tuple[object, ...]]]]:
    """Return how every table and index is defined, checks and conditions included; comments and spaces don't count."""
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT name, sql FROM sqlite_master WHERE sql NOT NULL").fetchall()
        columns = {name: [*db.execute(f"PRAGMA table_info({name})"), *db.execute(f"PRAGMA index_info({name})")] for name, _ in found}
    return {name: ("".join(re.sub(r"--.*", "", sql).replace('"', "").split()), columns[name]) for name, sql in found}


@pytest.mark.parametrize("version", range(1, VERSION))
def test_an_older_state_file_becomes_one_of_today_and_keeps_what_is_in_it(tmp_path: Path, version: int) -> None:
    old_file(tmp_path / "old.sqlite3", version)

    with closing(Ledger(tmp_path / "old.sqlite3")) as upgraded:
        assert [decision.subject for decision in upgraded.decisions()] == ["1a2b3c4d"]
        assert [(mail.state, mail.content, mail.unanswered) for mail in Outbox(upgraded).cut_off()] == [("sending", b"\0", False)]
        assert Outbox(upgraded).on_their_way() == {"t/m/letter:welcome"}
        assert upgraded.db.execute("PRAGMA foreign_key_check").fetchall() == []
        with upgraded.write():
            upgraded.decide("pause", SANNE, made=NOW, field="letters 2027-01-04")
    Ledger(tmp_path / "new.sqlite3").close()

    assert shape(tmp_path / "old.sqlite3") == shape(tmp_path / "new.sqlite3")
    with closing(sqlite3.connect(tmp_path / "old.sqlite3")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)


def test_who_only_reads_an_old_state_file_leaves_it_as_it_is(tmp_path: Path) -> None:
    old_file(tmp_path / "old.sqlite3")
    before = (tmp_path / "old.sqlite3").read_bytes()

    with closing(Ledger(tmp_path / "old.sqlite3", read_only=True)) as ledger:
        assert Conversation(ledger).pauses() == ()
        assert [decision.subject for decision in ledger.decisions()] == ["1a2b3c4d"]

    assert (tmp_path / "old.sqlite3").read_bytes() == before


BEFORE_ABOUT = (
    # kind, name, uid, recurrence_id, and what version 4 says of it: about, subject, sequence
    ("invitation", f"REQUEST {UID}  {SANNE} 3", UID, "", "REQUEST", "", 3),
    ("invitation", f"REQUEST {UID} 2027-01-21T14:00:00+00:00 {SANNE} 12", UID, "2027-01-21T14:00:00+00:00", "REQUEST", "", 12),
    ("invitation", f"REQUEST {UID}  {SANNE} 3 again 2027-01-04", UID, "", "REQUEST", "", 3),
    ("invitation", f"CANCEL {UID}  {SANNE} 4", UID, "", "CANCEL", "", 4),
    ("letter", f"letter {PAIR}/letter:goals {PAIR}/letter:session:2027-01-12 to {SANNE}", None, None, "", "", None),
    ("letter", f"answer hours {UID} {SANNE} 2027-01-04T09:00:00 {KARIM}", None, None, "answer", UID, None),
    ("letter", f"answer mentor-paused {PAIR} 2027-01-04 None", None, None, "answer", PAIR, None),
    ("letter", f"answer paused {SANNE} letters meetings 2027-01-04T09:00:00", None, None, "answer", SANNE, None),
    ("notice", f"notice held 1a2b3c4d {SANNE}", None, None, "held", "", None),
    ("notice", f"notice schedule inbox down since 2027-01-04T09:00 {SANNE}", None, None, "down", "", None),
    ("notice", f"notice aside inbox 12.x 2027-01-04T09:00:00 {SANNE}", None, None, "aside", "", None),
    ("notice", f"notice forwarded 0123456789ab 00ff {SANNE}", None, None, "forwarded", "0123456789ab", None),
    ("notice", f"notice silent Leiding geven, groep 1 2027-01-04 {SANNE}", None, None, "silent", "", None),
)


def test_what_a_mail_is_about_stood_in_its_name_before_version_4(tmp_path: Path) -> None:
    old_file(tmp_path / "old.sqlite3", 3)
    with closing(sqlite3.connect(tmp_path / "old.sqlite3")) as db:
        db.execute("DELETE FROM letter")
        db.execute("DELETE FROM outbox")
        db.executemany(
            """INSERT INTO outbox (kind, name, uid, single, recipient, payload, state, queued)
               VALUES (?, ?, ?, ?, ?, '{}', 'sent', '2027-01-04T09:00:00+00:00')""",
            [(*before[:4], SANNE) for before in BEFORE_ABOUT],
        )
        db.commit()

    with closing(Ledger(tmp_path / "old.sqlite3")) as ledger:
        found = ledger.db.execute("SELECT kind, name, uid, recurrence_id, about, subject, sequence FROM outbox ORDER BY id")
        assert [tuple(row) for row in found] == [*BEFORE_ABOUT]
        with ledger.write():
            ledger.put(_row())
        known = Conversation(ledger).invited(UID)
        assert (known.sequence, known.sequences) == (3, {datetime(2027, 1, 21, 14, tzinfo=UTC): 12})


def test_whatever_a_mail_makes_us_look_up_is_found_by_an_index(ledger: Ledger, conversation: Conversation) -> None:
    with ledger.write():
        ledger.put(replace(_row(), icaluid="040000008200E00074C5B7101A82E008"))
    outbox, asked = Outbox(ledger), list[str]()
    ledger.db.set_trace_callback(asked.append)

    conversation.invited_as("040000008200E00074C5B7101A82E008")
    outbox.letters_by_id("<1@x>", {"goals"})
    outbox.sent_to("<1@x>", NOW)
    outbox.count("forwarded", NOW, subject="0123456789ab")
    outbox.answers({UID})
    outbox.on_their_way()

    ledger.db.set_trace_callback(None)
    assert len(asked) >= 8
    steps = [str(step["detail"]) for query in asked for step in ledger.db.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert [step for step in steps if step.startswith("SCAN") and "json_each" not in step] == []


def test_an_event_is_found_by_its_own_uid_and_by_the_one_under_which_a_server_invites(ledger: Ledger, conversation: Conversation) -> None:
    with ledger.write():
        ledger.put(replace(_row(), icaluid="040000008200E00074C5B7101A82E008"))

    own, theirs = conversation.invited_as(UID), conversation.invited_as("040000008200E00074C5B7101A82E008")

    assert own is not None
    assert own == theirs
    assert (own.uid, own.people) == (UID, frozenset({SANNE, KARIM}))
    assert conversation.invited_as("of-somebody-else") is None
    assert conversation.invited_as("") is None


# -- what a mail says of versions and answers --------------------------------------------------------------------------


def mailed(ledger: Ledger, conversation: Conversation, event: Event, *, sequence: int, recurrence_id: datetime | None = None) -> Copy:
    """Queue what the next mail about the event, or one meeting of it, says."""
    row = replace(_row(), sequence=sequence)
    copy = conversation.copy(row, event, recurrence_id)
    to = event.people[1]
    Outbox(ledger).add_invitation(row, event, copy, to=to, method="REQUEST", about="update", recurrence_id=recurrence_id, now=NOW)
    return copy


def test_of_a_meeting_that_moved_the_whole_keeps_its_version_and_so_does_every_other_meeting(
    ledger: Ledger, conversation: Conversation
) -> None:
    other = PLACE + timedelta(weeks=2)
    event = replace(load(_row().seen), overrides=tuple(Override(at, at + HOUR) for at in (PLACE, other)))
    with ledger.write():
        mailed(ledger, conversation, event, sequence=0)
        first = mailed(ledger, conversation, event, sequence=1, recurrence_id=PLACE)
        second = mailed(ledger, conversation, event, sequence=2, recurrence_id=other)
        whole = mailed(ledger, conversation, event, sequence=3)
        third = mailed(ledger, conversation, event, sequence=4, recurrence_id=PLACE)

    found = [[copy.sequence(at) for at in (None, PLACE, other)] for copy in (first, second, whole, third)]
    assert found == [[0, 1, 0], [0, 1, 2], [3, 3, 3], [3, 4, 3]]


def test_a_meeting_that_does_not_take_place_is_another_version_of_the_whole_which_no_later_mail_goes_back_behind(
    ledger: Ledger, conversation: Conversation
) -> None:
    event = load(_row().seen)
    other = PLACE + timedelta(weeks=2)
    off = replace(event, overrides=(Override(PLACE, None), Override(other, other + HOUR)))
    with ledger.write():
        mailed(ledger, conversation, event, sequence=0)
        cancelled = mailed(ledger, conversation, off, sequence=1, recurrence_id=PLACE)
        moved = mailed(ledger, conversation, off, sequence=2, recurrence_id=other)
        back = mailed(ledger, conversation, event, sequence=3, recurrence_id=PLACE)

    assert [copy.sequence(None) for copy in (cancelled, moved, back)] == [1, 1, 3]
    assert conversation.invited(UID).current(None) == 0  # whoever answers the first invitation still answers what stands


def test_who_answered_the_whole_is_asked_about_one_meeting_that_is_mailed_by_itself_and_nothing_else(
    ledger: Ledger, conversation: Conversation
) -> None:
    event = replace(load(_row().seen), overrides=(Override(PLACE, PLACE + HOUR),))
    with ledger.write():
        mailed(ledger, conversation, event, sequence=0)
        conversation.note(heard(Said.ACCEPTED, SANNE))
        conversation.note(heard(Said.DECLINED, KARIM))
        conversation.note(heard(Said.DECLINED, KARIM, recurrence_id=PLACE + timedelta(weeks=2)))
        copy = mailed(ledger, conversation, event, sequence=1, recurrence_id=PLACE)

    assert [copy.partstat(None, who) for who in (SANNE, KARIM)] == ["ACCEPTED", "DECLINED"]
    assert [copy.partstat(PLACE, who) for who in (SANNE, KARIM)] == ["NEEDS-ACTION", "NEEDS-ACTION"]
    assert copy.partstat(PLACE + timedelta(weeks=2), KARIM) == "DECLINED"


def test_an_answer_that_went_back_to_open_is_open_in_the_next_mail_and_who_proposed_has_accepted(
    ledger: Ledger, conversation: Conversation
) -> None:
    event = load(_row().seen)
    with ledger.write():
        conversation.note(heard(Said.ACCEPTED, SANNE))
        conversation.note(heard(Said.ACCEPTED, KARIM))
        conversation.reopen(UID, None, SANNE, NOW + HOUR)
        conversation.reopen(UID, None, KARIM, NOW + HOUR)

    copy = conversation.copy(_row(), event, accepted="Karim@voorbeeld.example")

    assert [copy.partstat(None, who) for who in (SANNE, KARIM)] == ["NEEDS-ACTION", "ACCEPTED"]

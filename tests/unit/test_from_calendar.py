"""What the organizer's copy tells of people: answers to the whole and to one meeting, moves, meetings taken out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from beklijf.decide.from_calendar import in_calendar, is_told, moved_instances, proposed, reopened, still_proposed, with_proposals
from beklijf.decide.plan import Current
from beklijf.ledger import Row
from beklijf.model.canonical import dump
from beklijf.model.conversation import Heard, Proposed, Said, Told
from beklijf.model.domain import Contact, Event, Kind, MentorshipKey, Override, Recurrence, Ref
from beklijf.model.stored import Stored

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
SANNE, KARIM = "sanne@voorbeeld.example", "karim@voorbeeld.example"
START = datetime(2027, 1, 21, 15, tzinfo=AMSTERDAM)
FIRST, SECOND = START.astimezone(UTC), (START + timedelta(weeks=2)).astimezone(UTC)
EVENT = Event(
    uid="series@beklijf",
    start=START,
    minutes=60,
    recurrence=Recurrence(2, (START + timedelta(weeks=8)).astimezone(UTC)),
    overrides=(),
    title="Mentorgesprek",
    text="",
    location="",
    organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
    people=(Contact("Karim", KARIM), Contact("Sanne", SANNE)),
    alarms=(),
    free=False,
)
ROW = Row(
    uid=EVENT.uid,
    ref=Ref("t/sanne/series"),
    generation=1,
    kind=Kind.SERIES,
    training="t",
    mentorships=(MentorshipKey("t/sanne"),),
    persons=(SANNE, KARIM),
    hour="",
    state="live",
    asked=dump(EVENT),
    seen=dump(EVENT),
)
OPEN = {SANNE: "NEEDS-ACTION", KARIM: "NEEDS-ACTION"}


def told(
    event: Event = EVENT,
    answers: dict[str, str] = OPEN,
    singles: dict[datetime, dict[str, str]] | None = None,
    *,
    before: Told | None = None,
    row: Row = ROW,
) -> list[tuple[Said, datetime | None, str]]:
    stored = Stored(event=event, href="h", etag="e", sequence=1, answers=answers, single_answers=singles or {})
    heard = in_calendar({row.uid: row}, Current(stored={row.uid: stored}), before or {}, NOW)
    return [(each.said, each.recurrence_id, each.who) for each in heard]


def test_an_answer_is_heard_once() -> None:
    answers = {SANNE: "ACCEPTED", KARIM: "NEEDS-ACTION"}

    assert told(answers=answers) == [(Said.ACCEPTED, None, SANNE)]
    assert told(answers=answers, before={(EVENT.uid, None, SANNE): Said.ACCEPTED}) == []


def test_an_answer_that_goes_back_to_open_is_heard() -> None:
    assert told(before={(EVENT.uid, None, SANNE): Said.ACCEPTED}) == [(Said.OPEN, None, SANNE)]


def test_what_is_no_answer_counts_as_none() -> None:
    assert told(answers={SANNE: "DELEGATED", KARIM: "X-WHATEVER"}) == []


def test_an_answer_to_one_meeting_is_heard_of_that_person_alone() -> None:
    answers = {SANNE: "ACCEPTED", KARIM: "ACCEPTED"}
    before: Told = {(EVENT.uid, None, SANNE): Said.ACCEPTED, (EVENT.uid, None, KARIM): Said.ACCEPTED}

    assert told(answers=answers, singles={SECOND: {SANNE: "DECLINED", KARIM: "ACCEPTED"}}, before=before) == [
        (Said.DECLINED, SECOND, SANNE)
    ]


def test_an_answer_to_one_meeting_that_is_taken_back_is_heard() -> None:
    answers = {SANNE: "ACCEPTED"}
    before = {(EVENT.uid, None, SANNE): Said.ACCEPTED, (EVENT.uid, SECOND, SANNE): Said.DECLINED}

    assert told(answers=answers, singles={SECOND: {SANNE: "ACCEPTED"}}, before=before) == [(Said.ACCEPTED, SECOND, SANNE)]


def test_an_answer_to_one_meeting_of_which_there_is_no_word_any_more_is_open_again() -> None:
    before = {(EVENT.uid, None, SANNE): Said.ACCEPTED, (EVENT.uid, SECOND, SANNE): Said.DECLINED}
    before[EVENT.uid.replace("series", "other"), SECOND, SANNE] = Said.DECLINED

    assert told(answers={SANNE: "ACCEPTED"}, before=before) == [(Said.OPEN, SECOND, SANNE)]
    assert told(answers={SANNE: "ACCEPTED"}, before=before | {(EVENT.uid, SECOND, SANNE): Said.OPEN}) == []


def test_what_our_own_write_took_back_is_known_at_once_and_of_whom_nothing_was_told_nothing_is() -> None:
    moved = {SECOND: dict.fromkeys((SANNE, KARIM), "NEEDS-ACTION"), FIRST: {SANNE: "DECLINED"}}
    stored = Stored(event=EVENT, href="h", etag="e", sequence=1, answers={SANNE: "ACCEPTED", KARIM: "ACCEPTED"}, single_answers=moved)

    heard = reopened(ROW, stored, {(EVENT.uid, None, SANNE): Said.ACCEPTED}, NOW)

    assert [(each.said, each.recurrence_id, each.who) for each in heard] == [(Said.OPEN, SECOND, SANNE)]
    assert reopened(ROW, stored, {}, NOW) == ()


def test_a_moved_meeting_is_heard_and_one_that_is_taken_out() -> None:
    moved = replace(EVENT, overrides=(Override(FIRST, FIRST + timedelta(hours=20), 60), Override(SECOND, None)))

    assert told(moved) == [(Said.MOVED, FIRST, ""), (Said.CANCELLED, SECOND, "")]


def test_what_we_moved_ourselves_is_no_news() -> None:
    moved = replace(EVENT, overrides=(Override(FIRST, FIRST + timedelta(hours=20), 60),))

    assert told(moved, row=replace(ROW, seen=dump(moved))) == []


def test_a_series_that_was_moved_is_one_move_and_not_one_for_each_meeting() -> None:
    moved = replace(EVENT, start=START + timedelta(days=1), recurrence=Recurrence(2, (START + timedelta(weeks=8, days=1)).astimezone(UTC)))

    assert told(moved) == [(Said.MOVED, None, "")]


def test_an_event_that_is_gone_was_taken_out_by_somebody() -> None:
    heard = in_calendar({ROW.uid: ROW}, Current(gone=frozenset({ROW.uid})), {}, NOW)

    assert heard == (Heard(at=NOW, said=Said.CANCELLED, uid=ROW.uid, ref=ROW.ref),)


def test_reminders_are_nobodys_answer() -> None:
    assert told(answers={KARIM: "DECLINED"}, row=replace(ROW, kind=Kind.REMINDER)) == []


def test_where_people_moved_meetings_to_is_known_from_what_the_calendar_holds_now() -> None:
    by_us = Override(SECOND, SECOND + timedelta(days=1), 60)
    asked = replace(EVENT, overrides=(by_us,))
    seen = replace(EVENT, overrides=(Override(FIRST, FIRST + timedelta(hours=20), 60), by_us))
    row = replace(ROW, asked=dump(asked), seen=dump(seen))

    assert moved_instances({row.uid: row}, Current()) == {row.ref: {FIRST: FIRST + timedelta(hours=20)}}
    back = Stored(event=asked, href="h", etag="e", sequence=1)
    assert moved_instances({row.uid: row}, Current(stored={row.uid: back})) == {}


# -- proposals in the organizer's copy -----------------------------------------------------------------------------------

LATER = SECOND + timedelta(hours=3)
PROPOSED = Proposed(uid=EVENT.uid, recurrence_id=SECOND, who=SANNE, start=LATER, minutes=60)
COPY = Stored(
    event=EVENT,
    href="h",
    etag="e",
    sequence=1,
    answers=OPEN,
    single_answers={SECOND: {SANNE: "TENTATIVE", KARIM: "NEEDS-ACTION"}},
    proposals={(SANNE, SECOND): (LATER, 60)},
)


def test_a_proposal_that_stays_in_the_calendar_is_heard_once() -> None:
    assert proposed(ROW, COPY) == (PROPOSED,)
    assert proposed(with_proposals(ROW, COPY.proposals), COPY) == ()


def test_another_time_of_the_same_person_is_heard_and_so_is_the_first_one_again_after_the_calendar_forgot_it() -> None:
    row = with_proposals(ROW, COPY.proposals)
    other = replace(COPY, proposals={(SANNE, SECOND): (LATER + timedelta(hours=1), 60)})

    assert [each.start for each in proposed(row, other)] == [LATER + timedelta(hours=1)]
    assert proposed(with_proposals(row, {}), COPY) == (PROPOSED,)


def test_who_proposes_has_not_answered_by_that() -> None:
    heard = in_calendar({ROW.uid: ROW}, Current(stored={ROW.uid: COPY}), {}, NOW)

    assert heard == ()


def test_what_our_own_write_settled_is_forgotten_and_what_came_in_meanwhile_is_left_to_the_next_reading() -> None:
    row = with_proposals(ROW, COPY.proposals)
    came = replace(COPY, proposals={(KARIM, FIRST): (FIRST + timedelta(hours=1), 60)})

    assert proposed(still_proposed(row, came), replace(came, proposals={**came.proposals, **COPY.proposals})) == (
        Proposed(uid=EVENT.uid, recurrence_id=FIRST, who=KARIM, start=FIRST + timedelta(hours=1), minutes=60),
        PROPOSED,
    )


def test_a_mail_about_a_proposal_that_the_calendar_told_is_recognised() -> None:
    row = with_proposals(ROW, COPY.proposals)

    assert is_told(row, PROPOSED)
    assert not is_told(row, replace(PROPOSED, start=LATER + timedelta(hours=1)))
    assert not is_told(row, replace(PROPOSED, who=KARIM))

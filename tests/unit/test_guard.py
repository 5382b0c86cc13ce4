"""The guard: what it holds and why, what passes, and what lets it go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from beklijf.contracts.settings import GuardSettings
from beklijf.decide.guard import Watch, guard, identify, look_for_faults
from beklijf.decide.plan import Action, Cause, Change, Current, Draft, Judged, Resend, Withdraw
from beklijf.ledger import Known, Row
from beklijf.ledger.outbox import Mail
from beklijf.model.canonical import dump, load
from beklijf.model.domain import (
    Anchor,
    Contact,
    Event,
    Kind,
    Limits,
    Mentorship,
    MentorshipKey,
    Method,
    Person,
    Ref,
    SeriesRule,
    Session,
    Training,
)
from beklijf.model.stored import Stored

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2027, 1, 4, 9, 0, tzinfo=UTC)
FIRST, LAST = date(2027, 1, 12), date(2027, 2, 16)
METHOD = Method(
    name="default",
    series=SeriesRule(
        id="series", anchor=Anchor.FIRST_BLOCK, window=(5, 11), every=2, until=40, minutes=60, opens=-28, questions="series", why=""
    ),
    meetings=(),
    reminders=(),
    letters=(),
    limits=Limits(block_gap=5, stand_in=4, apart=4, gap=18, ahead=42, letters_per_day=1, letters_per_week=2, off_share=0.5),
    digest="as it was",
)


def person(name: str, email: str) -> Person:
    return Person(key=email, name=name, email=email, language="nl", zone=AMSTERDAM, works=frozenset(range(5)))


SANNE, KARIM = person("Sanne de Vries", "sanne@voorbeeld.example"), person("Karim Bakker", "karim@voorbeeld.example")


def training(*people: Person, name: str = "t", sessions: tuple[date, ...] = (FIRST, LAST)) -> Training:
    mentee, mentor = people or (SANNE, KARIM)
    pair = Mentorship(key=MentorshipKey(f"{name}/{mentee.key}"), training=name, mentee=mentee, mentor=mentor, meets=None, goals=())
    return Training(
        id=name,
        name=name,
        purpose="",
        sessions=tuple(Session(date=day, key=day) for day in sessions),
        more_sessions=False,
        live=True,
        method=METHOD,
        location="",
        online="",
        mentorships=(pair,),
    )


def row(
    number: int = 1, *, name: str = "t", to: Person = SANNE, day: date = date(2027, 1, 21), sequence: int = 2, state: str = "live"
) -> Row:
    event = Event(
        uid=f"{number}@beklijf",
        start=datetime.combine(day, time(15), AMSTERDAM),
        minutes=60,
        recurrence=None,
        overrides=(),
        title="Mentorgesprek",
        text="",
        location="",
        organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
        people=(Contact(to.name, to.email),),
        alarms=(),
        free=False,
    )
    return Row(
        uid=event.uid,
        ref=Ref(f"{name}/{number}"),
        generation=1,
        kind=Kind.MEETING,
        training=name,
        mentorships=(MentorshipKey(f"{name}/{to.key}"),),
        persons=(to.key,),
        hour="",
        state=state,
        asked=dump(event),
        seen=dump(event),
        href=f"{number}.ics",
        sequence=sequence,
    )


def change(
    number: int = 1,
    *,
    action: Action = Action.UPDATE,
    cause: Cause = Cause.CHANGE,
    name: str = "t",
    to: tuple[str, ...] = (SANNE.email,),
    at: datetime = NOW,
) -> Change:
    return Change(
        action=action,
        kind=Kind.MEETING,
        training=name,
        mentorships=(),
        ref=Ref(f"{name}/{number}"),
        start=at,
        at=at,
        to=to,
        why="because",
        cause=cause,
        work=Withdraw(row=row(number, name=name)),
    )


def watch(*, people: int = 3, withdrawals: int = 2, approved: str = "", last_tick: datetime | None = NOW, now: datetime = NOW) -> Watch:
    return Watch(
        settings=GuardSettings(max_people=people, max_withdrawals=withdrawals),
        now=now,
        last_tick=last_tick,
        known={"t": Known(method=METHOD.digest, sessions=frozenset({FIRST, LAST}))},
        trainings={"t": training(), "other": training(name="other")},
        approved=frozenset({approved}),
    )


def looked_at(*changes: Change, by: Watch) -> Judged:
    return guard(Draft(changes=changes, records=(), adopted=(), assumed=(), problems=(), next=None), (), by)


def crowd(count: int, **more: object) -> list[Change]:
    return [replace(change(n), to=(f"p{n}@voorbeeld.example",), **more) for n in range(count)]  # type: ignore[arg-type]  # fields of Change


def reasons(plan: Judged) -> set[str]:
    return {held.reason for held in plan.held}


# -- wishes ------------------------------------------------------------------------------------------------------------


def test_a_change_for_as_many_people_as_allowed_goes_on_and_for_one_more_is_held() -> None:
    assert looked_at(*crowd(3), by=watch()).held == ()

    plan = looked_at(*crowd(4), by=watch())

    assert plan.changes == ()
    assert reasons(plan) == {"it touches 4 people (guard.max_people = 3)"}


def test_people_are_counted_once_however_much_changes_for_them() -> None:
    assert looked_at(*(change(n) for n in range(40)), by=watch()).held == ()


def test_more_withdrawals_than_allowed_are_held() -> None:
    assert looked_at(*(change(n, action=Action.WITHDRAW) for n in range(2)), by=watch()).held == ()

    plan = looked_at(*(change(n, action=Action.WITHDRAW) for n in range(3)), by=watch())

    assert reasons(plan) == {"it withdraws 3 events (guard.max_withdrawals = 2)"}


def test_what_came_due_or_a_person_did_is_never_the_guards_business() -> None:
    due, human = crowd(40, cause=Cause.DUE), crowd(40, cause=Cause.HUMAN)

    plan = looked_at(*due, *human, by=watch())

    assert plan.held == ()
    assert len(plan.changes) == 80


def test_one_trainings_changes_do_not_stop_another_or_what_is_due() -> None:
    other, due = change(9, name="other"), change(8, cause=Cause.DUE)

    plan = looked_at(*crowd(4), other, due, by=watch())

    assert plan.changes == (other, due)
    assert len(plan.held) == 4


def test_another_method_on_a_running_training_is_held() -> None:
    by = replace(watch(), known={"t": Known(method="another", sessions=frozenset({FIRST, LAST}))})

    assert reasons(looked_at(change(), by=by)) == {"the method of a running training changed"}


def test_a_session_that_vanishes_while_another_appears_is_asked_about() -> None:
    moved = date(2027, 1, 19)
    by = replace(watch(), trainings={"t": training(sessions=(moved, LAST))})

    [reason] = reasons(looked_at(change(), by=by))

    assert "{ date = 2027-01-19, was = 2027-01-12 }" in reason


def test_a_session_more_or_less_is_a_change_like_any_other() -> None:
    for sessions in ((FIRST,), (FIRST, LAST, date(2027, 3, 16))):
        assert looked_at(change(), by=replace(watch(), trainings={"t": training(sessions=sessions)})).held == ()


def test_a_person_who_leaves_and_is_there_under_another_address_is_asked_about() -> None:
    again = person(SANNE.name, "sanne.devries@voorbeeld.example")
    by = replace(watch(), trainings={"t": training(again, KARIM)})

    [reason] = reasons(looked_at(change(action=Action.WITHDRAW), by=by))

    assert 'was = ["sanne@voorbeeld.example"]' in reason


def test_a_training_that_nobody_knows_yet_has_nothing_to_compare_with() -> None:
    assert looked_at(change(name="other"), by=watch()).held == ()


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_after_a_week_of_silence_everything_is_held_and_after_less_nothing() -> None:
    letter = change(cause=Cause.DUE, action=Action.SEND)

    assert looked_at(letter, by=watch(last_tick=NOW - timedelta(days=7))).held == ()
    plan = looked_at(letter, by=watch(last_tick=NOW - timedelta(days=9)))

    assert plan.changes == ()
    assert reasons(plan) == {"nothing ran for 9 days, since Sat 26 Dec 2026"}
    assert plan.held[0].clock


def test_a_clock_that_went_back_holds_everything_and_a_small_correction_nothing() -> None:
    assert looked_at(change(), by=watch(last_tick=NOW + timedelta(minutes=4))).held == ()

    [reason] = reasons(looked_at(change(), by=watch(last_tick=NOW + timedelta(hours=1))))

    assert "the clock went back" in reason


def test_the_first_tick_of_all_has_no_silence_before_it() -> None:
    assert looked_at(change(), by=watch(last_tick=None)).held == ()


def test_what_is_in_the_outbox_already_is_not_held_so_that_a_mail_about_a_hold_does_not_change_it() -> None:
    by = watch(last_tick=NOW - timedelta(days=9))
    mail = Mail(
        id=1,
        kind="notice",
        name="notice held 1234 x",
        about="held",
        recipient="x",
        uid=None,
        recurrence_id=None,
        payload={},
        state="waiting",
        queued=NOW,
        attempts=0,
        retry_at=None,
        content=None,
        message_id=None,
        note="",
        unanswered=False,
    )
    notice = replace(change(7, action=Action.SEND, cause=Cause.DUE), work=Resend(mail=mail))

    before, after = looked_at(change(), by=by), looked_at(change(), notice, by=by)

    assert after.id == before.id
    assert after.changes == (notice,)


# -- faults ------------------------------------------------------------------------------------------------------------


def stored(known: Row, *, sequence: int) -> Stored:
    return Stored(event=load(known.seen), href=known.href, etag="e", sequence=sequence)


def test_a_few_deleted_events_are_peoples_business_and_many_at_once_a_fault() -> None:
    rows = {r.uid: r for r in map(row, range(3))}

    few = look_for_faults(rows, Current(gone=frozenset([*rows][:2])), watch())
    many = look_for_faults(rows, Current(gone=frozenset(rows)), watch())

    assert few[2] == ()
    assert few[1].gone == frozenset([*rows][:2])
    assert {held.reason for held in many[2]} == {"3 of our events vanished from the calendar at once"}
    assert many[1].gone == frozenset()


def test_vanished_events_of_the_past_are_no_loss() -> None:
    rows = {r.uid: r for r in (row(n, day=date(2026, 12, 1)) for n in range(5))}

    assert look_for_faults(rows, Current(gone=frozenset(rows)), watch())[2] == ()


def test_approved_vanished_events_count_as_deleted_by_people() -> None:
    rows = {r.uid: r for r in map(row, range(3))}
    held = look_for_faults(rows, Current(gone=frozenset(rows)), watch())[2]

    _, current, faults = look_for_faults(rows, Current(gone=frozenset(rows)), watch(approved=identify(h.change for h in held)))

    assert faults == ()
    assert current.gone == frozenset(rows)


def test_of_approved_vanished_events_everybody_is_ours_to_tell_and_of_one_that_was_deleted_whom_the_server_cannot_reach() -> None:
    rows = {r.uid: r for r in map(row, range(3))}
    held = look_for_faults(rows, Current(gone=frozenset(rows)), watch())[2]

    after, _, _ = look_for_faults(rows, Current(gone=frozenset(rows)), watch(approved=identify(h.change for h in held)))
    one, _, _ = look_for_faults(rows, Current(gone=frozenset([*rows][:1])), watch())

    assert {row.ours for row in after.values()} == {(SANNE.email,)}
    assert {row.ours for row in one.values()} == {()}


def test_an_event_with_a_lower_sequence_than_we_wrote_is_an_older_state_of_the_server() -> None:
    known = row()
    current = Current(stored={known.uid: stored(known, sequence=1)})

    assert look_for_faults({known.uid: known}, Current(stored={known.uid: stored(known, sequence=2)}), watch())[2] == ()
    _, _, [held] = look_for_faults({known.uid: known}, current, watch())

    assert "older state" in held.reason


def test_an_event_that_comes_back_from_the_bin_is_no_older_state_of_the_server() -> None:
    for state in ("deleted", "withdrawing"):
        known = row(state=state)

        assert look_for_faults({known.uid: known}, Current(stored={known.uid: stored(known, sequence=1)}), watch())[2] == ()


def test_a_fault_beside_a_held_wish_can_be_approved_and_the_wish_is_asked_about_after_it() -> None:
    rows = {r.uid: r for r in map(row, range(3))}
    current = Current(gone=frozenset(rows))
    wishes = Draft(changes=tuple(crowd(4)), records=(), adopted=(), assumed=(), problems=(), next=None)
    shown = guard(wishes, look_for_faults(rows, current, watch())[2], watch())

    approving = watch(approved=shown.id)
    _, _, faults = look_for_faults(rows, current, approving)
    after = guard(wishes, faults, approving)

    assert faults == ()
    assert after.id != shown.id
    assert reasons(after) == {"it touches 4 people (guard.max_people = 3)"}


# -- approval ----------------------------------------------------------------------------------------------------------


def test_an_approved_plan_goes_on_and_another_does_not() -> None:
    shown = looked_at(*crowd(4), by=watch())

    assert looked_at(*crowd(4), by=watch(approved=shown.id)).changes == tuple(crowd(4))
    assert looked_at(*crowd(5), by=watch(approved=shown.id)).changes == ()


def test_approval_is_the_same_overnight() -> None:
    tonight = looked_at(*crowd(4), by=watch())
    tomorrow = [replace(c, at=NOW + timedelta(days=1), start=NOW + timedelta(days=2), why="another day") for c in crowd(4)]

    assert looked_at(*tomorrow, by=watch(now=NOW + timedelta(days=1))).id == tonight.id


def test_where_nothing_is_enforced_nothing_is_held() -> None:
    by = replace(watch(last_tick=NOW - timedelta(days=90)), enforced=False)

    assert looked_at(*crowd(40), by=by).held == ()


# -- what is held stays held -------------------------------------------------------------------------------------------


def after(plan: Judged, by: Watch) -> Watch:
    """Return what the next tick goes by."""
    return replace(by, holds=plan.holds, approved=frozenset())


def test_what_shrinks_below_the_numbers_stays_held_under_its_name() -> None:
    first = looked_at(*crowd(4), by=watch())

    second = looked_at(*crowd(4)[:1], by=after(first, watch()))

    assert [held.change.ref for held in second.held] == ["t/0"]
    assert second.id == first.id
    assert reasons(second) == reasons(first)


def test_a_hold_of_which_nothing_is_left_is_over() -> None:
    first = looked_at(*crowd(4), by=watch())

    assert looked_at(by=after(first, watch())).holds == ()


def test_what_cannot_be_tried_now_stays_in_its_hold() -> None:
    first = looked_at(*crowd(4), by=watch())
    rests = Draft(changes=(), records=(), adopted=(), assumed=(), problems=(), next=None, resting=frozenset({Ref("t/1")}))

    second = guard(rests, (), after(first, watch()))
    third = looked_at(*crowd(4)[:2], by=after(second, watch()))

    assert second.held == ()
    assert [held.change.ref for held in third.held] == ["t/1"]


def test_for_more_people_than_were_held_it_is_a_new_hold_however_few() -> None:
    first = looked_at(*crowd(4), by=watch())
    one = crowd(4)[0]

    second = looked_at(replace(one, to=(*one.to, "new@voorbeeld.example")), by=after(first, watch()))

    assert len(second.held) == 1
    assert second.id != first.id


def test_the_name_of_a_hold_that_stands_is_nobody_elses() -> None:
    first = looked_at(*crowd(4), by=watch())
    other = [replace(c, to=(*c.to, f"more-{n}@voorbeeld.example")) for n, c in enumerate(crowd(4))]
    second = looked_at(*other, by=after(first, watch()))

    third = looked_at(*crowd(4), by=replace(after(second, watch()), config="another"))

    assert len({first.id, second.id}) == 2
    assert third.id == second.id, "fewer people of what is held now"


def test_what_a_question_held_is_looked_at_anew_once_the_config_answers_it() -> None:
    moved = training(sessions=(date(2027, 1, 19), LAST))
    first = looked_at(change(), by=replace(watch(), trainings={"t": moved}))
    answered = replace(moved, sessions=(Session(date=date(2027, 1, 19), key=FIRST), Session(date=LAST, key=LAST)))

    same = looked_at(change(), by=replace(after(first, watch()), trainings={"t": moved}, config="another"))
    said = looked_at(change(), by=replace(after(first, watch()), trainings={"t": answered}, config="another"))

    assert same.id == first.id
    assert len(same.held) == 1
    assert said.held == ()
    assert said.holds == ()


def test_an_approval_counts_until_what_it_approved_is_done() -> None:
    first = looked_at(*crowd(4), by=watch())
    approved = looked_at(*crowd(4), by=replace(after(first, watch()), approved=frozenset({first.id})))
    left = looked_at(*crowd(4)[:3], by=after(approved, watch()))

    assert len(approved.changes) == 4
    assert len(left.changes) == 3, "one was done, and then the power failed"
    assert left.held == ()
    assert looked_at(by=after(left, watch())).holds == ()


@given(data=st.data(), size=st.integers(1, 9), limit=st.integers(0, 9))
def test_nothing_of_a_hold_goes_on_by_itself_however_it_shrinks(data: st.DataObject, size: int, limit: int) -> None:
    by = watch(people=limit, withdrawals=limit)
    plan = looked_at(*crowd(size), by=by)
    hold, standing = plan.id, crowd(size) if size > limit else []

    for _ in range(data.draw(st.integers(1, 6))):
        left = data.draw(st.lists(st.sampled_from(standing), unique_by=lambda c: c.ref)) if standing else []
        rests = frozenset(data.draw(st.sets(st.sampled_from([c.ref for c in standing])))) if standing else frozenset[Ref]()
        drafted = [c for c in left if c.ref not in rests]
        draft = Draft(changes=tuple(drafted), records=(), adopted=(), assumed=(), problems=(), next=None, resting=rests)
        by = replace(after(plan, by), config=data.draw(st.sampled_from(["", "another"])))
        plan = guard(draft, (), by)
        standing = [c for c in standing if c in drafted or c.ref in rests]

        assert plan.changes == ()
        assert sorted(held.change.ref for held in plan.held) == sorted(c.ref for c in drafted)
        assert {held.hold for held in plan.held} <= {hold}
        assert {each.ref for each in (plan.holds[0].changes if plan.holds else ())} == {c.ref for c in standing}


@given(order=st.permutations(range(4)))
def test_a_plan_is_the_same_in_any_order(order: list[int]) -> None:
    changes = crowd(4)

    assert identify(changes[n] for n in order) == identify(changes)


@given(sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4), withdrawals=st.integers(0, 5))
def test_every_change_either_goes_on_or_is_held(sizes: list[int], withdrawals: int) -> None:
    changes = [replace(c, training=f"t{n}") for n, size in enumerate(sizes) for c in crowd(size)]
    changes += [change(n, action=Action.WITHDRAW, name="other") for n in range(withdrawals)]

    plan = looked_at(*changes, by=watch())

    assert sorted(map(id, (*plan.changes, *(held.change for held in plan.held)))) == sorted(map(id, changes))

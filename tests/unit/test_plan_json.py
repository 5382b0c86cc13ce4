"""What answers people do, as plan, apply and status report it: its name, its JSON, and who may know of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from beklijf.commands.names import ANSWERS, mail_called, mail_refs
from beklijf.commands.plan_json import entry, entry_json, mailed
from beklijf.commands.report import Words, grouped_lines, single_lines
from beklijf.decide import responses
from beklijf.decide.plan import Action, Cause, Change, Move, Rehour, Respond
from beklijf.ledger import Row
from beklijf.ledger.outbox import Mail
from beklijf.model import canonical
from beklijf.model.conversation import About, Proposal, Response
from beklijf.model.domain import Contact, Event, Kind, Meets, MentorshipKey, Ref
from beklijf.planning import events

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 12, 7, 12, 0, tzinfo=ZONE)
OURS = "mentor@voorbeeld.example"
KEY = MentorshipKey("lead/sanne@voorbeeld.example")
SANNE, KARIM = "sanne@voorbeeld.example", "karim@voorbeeld.example"
WORDS = Words(ZONE, {SANNE: "Sanne de Vries", KARIM: "Karim Bakker"}, {"lead": "Leiden"}, NOW)
START = datetime(2026, 12, 10, 15, 0, tzinfo=ZONE)
EVENT = Event(
    uid=events.uid(OURS, Ref(f"{KEY}/goals"), 2),
    start=START,
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Gesprek",
    text="",
    location="",
    organizer=Contact("Programma", OURS),
    people=(Contact("Karim", KARIM), Contact("Sanne", SANNE)),
    alarms=(),
    free=False,
)
ROW = Row(
    uid=EVENT.uid,
    ref=Ref(f"{KEY}/goals"),
    generation=2,
    kind=Kind.MEETING,
    training="lead",
    mentorships=(KEY,),
    persons=(SANNE, KARIM),
    hour="",
    state="live",
    asked=canonical.dump(EVENT),
    seen=canonical.dump(EVENT),
)
PROPOSAL = Proposal(id=1, at=NOW, mentorship=KEY, uid=EVENT.uid, recurrence_id=None, who=SANNE, start=START, minutes=60)


def respond(about: About, person: str) -> Change:
    response = Response(about=about, mentorship=KEY, person=person)
    return Change(
        action=Action.SEND,
        kind=Kind.LETTER,
        training="lead",
        mentorships=(KEY,),
        ref=Ref(f"{KEY}/letter:{about}"),
        start=None,
        at=NOW,
        to=(person,),
        why="Sanne declined the series",
        cause=Cause.HUMAN,
        work=Respond(response=response, name=f"answer {about} 1", subject=KEY),
    )


def update(work: Move | Rehour, kind: Kind, why: str) -> Change:
    return replace(
        respond(About.MOVED, SANNE),
        action=Action.UPDATE,
        kind=kind,
        ref=ROW.ref if kind is Kind.MEETING else Ref(f"{KEY}/series"),
        start=START,
        to=(SANNE, KARIM),
        why=why,
        work=work,
    )


@pytest.mark.parametrize("about", About)
def test_each_answer_has_a_name_of_its_own_and_says_whose_it_is(about: About) -> None:
    made = entry(respond(about, KARIM), installation=OURS, now=NOW)

    assert made.called == ANSWERS[about]
    assert made.answers
    assert list(ANSWERS.values()).count(made.called) == 1
    assert entry_json(made) | {"why": ""} == {
        "action": "send",
        "kind": "letter",
        "training": "lead",
        "mentorships": [KEY],
        "item": f"{KEY}/letter:{about}",
        "key": f"answer {about} 1",
        "start": None,
        "at": "2026-12-07T11:00:00+00:00",
        "to": [KARIM],
        "why": "",
    }


def test_lines_to_mentors_and_letters_to_mentees_are_counted_apart() -> None:
    changes = [respond(About.PAUSED, person) for person in (SANNE, KARIM)]

    said = list(grouped_lines([entry(change, installation=OURS, now=NOW) for change in changes], WORDS, why=False))

    assert said == ["  Mon 7 Dec 12:00    letter: paused, Sanne de Vries", "  Mon 7 Dec 12:00    letter: paused, Karim Bakker"]


def test_a_proposal_that_is_taken_over_is_a_changed_meeting_and_says_who_proposed() -> None:
    reply = respond(About.MOVED, SANNE).work
    assert isinstance(reply, Respond)
    work = Move(row=ROW, event=EVENT, asked=EVENT, fields=frozenset({"time"}), proposal=PROPOSAL, reply=reply)
    made = entry(update(work, Kind.MEETING, "Sanne proposed another time"), installation=OURS, now=NOW)

    assert (made.action, made.kind) == (Action.UPDATE, Kind.MEETING)
    assert made.key == events.key(OURS, ROW.ref, 2)
    assert " ".join(" ".join(single_lines([made], WORDS)).split()) == (
        "Mon 7 Dec 12:00 changed goals meeting, on Thu 10 Dec 15:00: Sanne de Vries and Karim Bakker (Sanne proposed another time)"
    )


@pytest.mark.parametrize("generation", [0, 1, 3])
def test_another_hour_is_a_changed_series_under_the_key_of_the_event_that_stands(generation: int) -> None:
    ref = Ref(f"{KEY}/series")
    uid = events.uid(OURS, ref, generation) if generation else ""
    meets = Meets(weekday=3, at=time(15), minutes=60, zone=ZONE)
    work = Rehour(meets=meets, first=START.date(), mentorships=(KEY,), uid=uid, ref=ref, reply=None, proposal=PROPOSAL)

    made = entry(update(work, Kind.SERIES, "Sanne chose another hour for the series"), installation=OURS, now=NOW)

    assert made.key == events.key(OURS, ref, generation or 1)
    assert "changed series, Sanne de Vries and Karim Bakker, from Thu 10 Dec 15:00" in " ".join(
        " ".join(grouped_lines([made], WORDS)).split()
    )


def mail(name: str, kind: str = "letter", about: str = "answer", **payload: object) -> Mail:
    return Mail(
        id=1,
        kind=kind,
        name=name,
        about=about,
        recipient=SANNE,
        uid=None,
        recurrence_id=None,
        payload=payload,
        state="waiting",
        queued=NOW,
        attempts=0,
        retry_at=None,
        content=None,
        message_id=None,
        note="",
        unanswered=False,
    )


def test_an_answer_that_waits_is_known_by_what_it_says_and_one_that_failed_by_its_name_alone() -> None:
    response = Response(about=About.GOAL_NOTED, mentorship=KEY, person=SANNE, goal="Eerst vragen")
    waiting = mail("answer goal-noted 1", response=responses.dump(response))

    assert mail_refs(waiting) == [f"{KEY}/letter:goal-noted"]
    assert mail_called(waiting) == "letter that quotes the goal"
    assert mail_refs(mail("answer goal-noted 1")) == []
    assert mail_called(mail("answer goal-noted 1")) == "letter"


def test_a_mail_to_staff_is_told_by_its_title_and_its_lines() -> None:
    made = mailed(
        mail("notice silence", "notice", "silence", title="nothing heard of one pair", lines=["Leiden: ..", "Both got .."]), now=NOW
    )

    assert made.called == 'message to staff: "nothing heard of one pair"'
    assert made.why == "Leiden: .. Both got .."
    assert made.at.astimezone(UTC) == NOW
    assert (made.mentorships, made.item) == ((), "")

"""How things stand as people read it on 80 columns, and its JSON, which is a contract. Pure; it decides what to say nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from beklijf.commands.names import called
from beklijf.commands.plan_json import instant
from beklijf.commands.report import counted, wrapped
from beklijf.planning.silence import Reason
from beklijf.tick.outages import MAILBOX
from beklijf.tick.stages import CALENDAR, INBOX, MAIL, SCHEDULE, WRITING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from beklijf.commands.edits import Remark
    from beklijf.commands.plan_json import Json
    from beklijf.commands.report import Words
    from beklijf.commands.response_stats import Answer, Counts, Pair, Standing
    from beklijf.commands.status import PairStatus, Remarks, Status
    from beklijf.ledger import Outage
    from beklijf.model.domain import Mentorship, Person, Training

INVITE = {
    "server": "The calendar server sends the invitations.",
    "mail": "Invitations go out by mail.",
    "none": "Nobody sends invitations: [calendar] invitations = none.",
    None: "Who sends the invitations is found out with the first event.",
}

ASIDE = {
    CALENDAR: "event",
    SCHEDULE: "answer on the calendar server",
    INBOX: "mail in the inbox",
    WRITING: "change of",
    MAIL: "outgoing",
}
"""What was set aside, by the stage that it failed in."""

REASONS = {
    Reason.NO_ANSWER: "no answer",
    Reason.AWAY: "out of office",
    Reason.STRANGER: "an answer from an unknown address",
    Reason.DECLINED_SERIES: "the hour was declined",
    Reason.DECLINED_IN_A_ROW: "meetings in a row were declined or taken out",
}
"""Why somebody waits; never of whether a meeting took place, which nobody asks."""


# -- JSON --------------------------------------------------------------------------------------------------------------


def as_json(status: Status) -> dict[str, Json]:
    standing = status.standing
    return {
        "now": instant(status.now),
        "plan": status.plan,
        "invitations": status.invitations,
        "last_tick": instant(status.last_tick),
        "next": instant(status.next),
        "servers": [
            {
                "target": each.target,
                "what": each.what,
                "attempts": each.attempts,
                "since": instant(each.since),
                "retry_at": instant(each.retry_at),
            }
            for each in status.servers
        ],
        "trainings": [
            {
                "id": training.id,
                "name": training.name,
                "state": "live" if training.live else "draft",
                "answers": _counts_json(standing.trainings.get(training.id)),
                "mentorships": [_pair_json(each, standing) for each in pairs],
            }
            for training, pairs in status.trainings
        ],
        "small_groups": None
        if standing.small is None
        else {
            "trainings": list(standing.small.trainings),
            "pairs": standing.small.pairs,
            "answers": _counts_json(standing.small.counts),
        },
        "paused": [
            {
                "person": person.email,
                "kind": pause.kind,
                "from": pause.first.isoformat(),
                "until": None if pause.last is None else pause.last.isoformat(),
            }
            for person, pause in standing.paused
        ],
        "bounced": [{"address": address, "note": note} for address, note in standing.bounced],
        "aside": [
            {"stage": each.stage, "name": each.name, "what": each.what, "arrived": instant(each.arrived), "since": instant(each.since)}
            for each in status.aside
        ],
        "strangers": [{"address": each.address, "mentorship": each.mentorship.key} for each in standing.strangers],
        "staff": _remarks_json(status.staff),
    }


def _counts_json(counts: Counts | None) -> Json:
    if counts is None:
        return None
    return {
        "pairs": counts.pairs,
        "accepted": counts.accepted,
        "tentative": counts.tentative,
        "declined": counts.declined,
        "no_answer": counts.no_answer,
        "moved": counts.moved,
        "silent": counts.silent,
    }


def _pair_json(each: PairStatus, standing: Standing) -> dict[str, Json]:
    heard = standing.pairs.get(each.mentorship.key) if standing.names else None
    silence = heard.silence if heard else None
    return {
        "key": each.mentorship.key,
        "mentee": each.mentorship.mentee.email,
        "mentor": each.mentorship.mentor.email,
        "next_meeting": instant(each.next_meeting),
        "in_calendar": each.in_calendar,
        "answers": None if heard is None else [_answer_json(answer) for answer in heard.answers],
        "waiting_for": None if silence is None else _waited_for(silence.waiting_for, each.mentorship),
        "because": None if silence is None else silence.reason.value,
        "since": None if silence is None else instant(silence.since),
        **_remarks_json(each.remarks),
    }


def _waited_for(key: str, mentorship: Mentorship) -> str:
    """Return the address of who is waited for; ``coordinator`` where only a person can say."""
    person = next((each for each in (mentorship.mentee, mentorship.mentor) if each.key == key), None)
    return person.email if person else "coordinator"


def _answer_json(answer: Answer) -> Json:
    return {
        "item": answer.ref,
        "place": instant(answer.recurrence_id),
        "person": answer.person.email,
        "said": answer.said.value,
        "since": instant(answer.since),
    }


def _remarks_json(remarks: Remarks) -> dict[str, Json]:
    def plain(each: Remark) -> Json:
        return {"item": each.item, "what": each.what, "to": list(each.to), "at": instant(each.at)}

    return {
        "waiting": [plain(each) for each in remarks.waiting],
        "failed": [plain(each) for each in remarks.failed],
        "perhaps": [plain(each) for each in remarks.perhaps],
        "held": [plain(each) for each in remarks.held],
        "changed": [{"item": each.item, "field": each.field, "what": each.what} for each in remarks.changed],
        "lapsed": [plain(each) for each in remarks.lapsed],
    }


# -- lines -------------------------------------------------------------------------------------------------------------


def lines(status: Status, words: Words) -> Iterator[str]:
    """Yield the status as people read it, on 80 columns."""
    last = "never" if status.last_tick is None else words.moment(status.last_tick)
    yield f"{words.moment(status.now)} ({words.zone.key}); last tick: {last}"
    yield INVITE[status.invitations]
    yield from _reading(status.standing)
    for server in status.servers:
        yield from wrapped(_server_said(server, words), "", "  ")
    for training, pairs in status.trainings:
        yield ""
        yield f"{training.name} ({training.id}){_state(training, pairs)}"
        if counts := status.standing.trainings.get(training.id):
            yield from wrapped(_counts_said(counts), "  ", "    ")
        for each in pairs:
            yield f"  {each.mentorship.mentee.name} with {each.mentorship.mentor.name}"
            yield from _next_lines(each, words, live=training.live)
            if status.standing.names and (heard := status.standing.pairs.get(each.mentorship.key)):
                yield from _heard_lines(heard, each.mentorship, words)
            yield from _remark_lines(each.remarks, words)
    yield from _small_lines(status.standing)
    yield from _people_lines(status.standing, words)
    yield from _aside_lines(status, words)
    yield from _staff_lines(status, words)


def _reading(standing: Standing) -> Iterator[str]:
    if not standing.reads:
        yield "Answers are not read ([answers] read): who accepts or declines is unknown."
    elif not standing.hears:
        yield "Answers can't be heard: there is no [inbox], and no calendar that tells them."


def _server_said(server: Outage, words: Words) -> str:
    name = f"the calendar of {words.name(server.target.removeprefix(MAILBOX))}" if server.target.startswith(MAILBOX) else server.target
    return f"{name} is down since {words.moment(server.since)}, next try {words.moment(server.retry_at)}: {server.what}"


def _counts_said(counts: Counts) -> str:
    answers = {
        "accepted": counts.accepted,
        "tentative": counts.tentative,
        "declined": counts.declined,
        "no answer": counts.no_answer,
    }
    said = ", ".join(f"{number} {what}" for what, number in answers.items() if number)
    moved = f"; moved meetings: {counts.moved}" if counts.moved else ""
    silent = f"; silent for long: {counted(counts.silent, 'pair', 'pairs')}" if counts.silent else ""
    return f"{counted(counts.pairs, 'pair', 'pairs')}: {said}{moved}{silent}"


def _small_lines(standing: Standing) -> Iterator[str]:
    small = standing.small
    if small is None:
        return
    yield ""
    which = "one training" if len(small.trainings) == 1 else f"{len(small.trainings)} trainings"
    if small.counts is None:
        yield f"Too few pairs to say how they answered: {small.pairs}, in {which}."
    else:
        yield from wrapped(f"In the {which} together with fewer than five pairs each: {_counts_said(small.counts)}", "", "  ")


def _heard_lines(heard: Pair, mentorship: Mentorship, words: Words) -> Iterator[str]:
    """Yield who answered what, and who waits for whom."""
    said: dict[str, list[str]] = {}
    for answer in heard.answers:
        what = called(answer.ref) if answer.recurrence_id is None else f"the meeting of {words.moment(answer.recurrence_id)}"
        said.setdefault(what, []).append(f"{answer.person.first_name} {answer.said.value} ({words.day(answer.since)})")
    for what, answers in said.items():
        yield from wrapped(f"{what}: {', '.join(answers)}", "    ", "      ")
    if (silence := heard.silence) is not None:
        waiting, waited = _sides(silence.waiting_for, mentorship)
        since, long = words.day(silence.since), ", for long" if silence.silent else ""
        yield from wrapped(f"{waiting} for {waited} since {since}: {REASONS[silence.reason]}{long}", "    ", "      ")


def _sides(key: str, mentorship: Mentorship) -> tuple[str, str]:
    def name(person: Person) -> str:
        return person.first_name

    if key == mentorship.mentee.key:
        return f"{name(mentorship.mentor)} waits", name(mentorship.mentee)
    if key == mentorship.mentor.key:
        return f"{name(mentorship.mentee)} waits", name(mentorship.mentor)
    return f"{name(mentorship.mentee)} and {name(mentorship.mentor)} wait", "the coordinator"


def _next_lines(each: PairStatus, words: Words, *, live: bool) -> Iterator[str]:
    if each.next_meeting is not None:
        yield f"    next meeting {words.moment(each.next_meeting)}{'' if each.in_calendar else ', not in the calendar yet'}"
    elif live:
        yield "    no more meetings"


def _state(training: Training, pairs: Iterable[PairStatus]) -> str:
    if training.live:
        return ""
    return ", a draft again" if any(each.remarks.held for each in pairs) else ", a draft: nothing is sent"


def _remark_lines(remarks: Remarks, words: Words) -> Iterator[str]:
    kinds = {
        "waits": remarks.waiting,
        "FAILED": remarks.failed,
        "PERHAPS SENT": remarks.perhaps,
        "HELD": remarks.held,
        "lapsed": remarks.lapsed,
    }
    for about, found in kinds.items():
        for each in found:
            to = f", to {' and '.join(map(words.name, each.to))}" if each.to else ""
            again = f" (next try {words.moment(each.at)})" if each.at and about != "lapsed" and each.at > words.now else ""
            yield from wrapped(f"{about}: {each.what}{to}{again}", "    ", "      ")
    for each in remarks.changed:
        yield from wrapped(f"changed by people: {each.what}", "    ", "      ")


def _people_lines(standing: Standing, words: Words) -> Iterator[str]:
    """Yield what concerns persons and no mentorship: pauses, dead addresses, unknown ones."""
    said = []
    for person, pause in standing.paused:
        until = f"until {pause.last:%a %-d %b %Y}" if pause.last else "until they resume"
        said.append(f"paused: {person.name}, {pause.kind}, from {pause.first:%a %-d %b %Y} {until}")
    said += [f"mail does not arrive: {words.name(address)} <{address}>: {note}" for address, note in standing.bounced]
    for each in standing.strangers:
        pair = each.mentorship
        said.append(
            f"is {each.address} the same person as {pair.mentee.name} or {pair.mentor.name}? "
            f'Then add also = ["{each.address}"] to that [[person]].'
        )
    if said:
        yield from ("", "Persons")
    for line in said:
        yield from wrapped(line, "  ", "    ")


def _aside_lines(status: Status, words: Words) -> Iterator[str]:
    if status.aside:
        yield from ("", "Set aside, after three tries each; everything else goes on")
    for each in status.aside:
        arrived = f", which came in {words.moment(each.arrived)}" if each.arrived else ""
        yield from wrapped(f"{ASIDE[each.stage]} {each.name}{arrived}: {each.what}, since {words.moment(each.since)}", "  ", "    ")
    if status.aside:
        yield "  To have them tried again: beklijf retry"


def _staff_lines(status: Status, words: Words) -> Iterator[str]:
    staff = list(_remark_lines(status.staff, words))
    if staff:
        yield from ("", "Coordinator and administrator", *staff)
    yield ""
    if status.plan:
        yield f"To let go on what is held: beklijf apply --approve {status.plan}"
    yield "Next: nothing, until something changes." if status.next is None else f"Next: {words.moment(status.next)}"

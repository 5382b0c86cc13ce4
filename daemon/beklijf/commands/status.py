"""How every mentorship stands: next meeting, what waits, failed or is held, what people changed. Pure, but for reading the ledger.

Says what the calendar holds, not what was planned: a meeting that somebody moved is named at its new hour.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from beklijf import canonical
from beklijf.commands.entries import called, entry, instant, letter_called, mail_called, mail_refs
from beklijf.commands.report import VERBS, wrapped
from beklijf.domain import Kind
from beklijf.reconcile import merge
from beklijf.reconcile.plan import Resend, Withdraw, Write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from beklijf.commands.entries import Json
    from beklijf.commands.report import Words
    from beklijf.domain import Event, Mentorship, MentorshipKey, Ref, Track, Training
    from beklijf.ledger import Row, Trouble
    from beklijf.ledger.outbox import Mail
    from beklijf.reconcile.engine import Engine
    from beklijf.reconcile.survey import Survey

MEETINGS = frozenset({Kind.MEETING, Kind.SERIES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing about one item, in words."""

    item: str
    what: str
    to: tuple[str, ...] = ()
    at: datetime | None = None
    field: str = ""


@dataclass(slots=True, kw_only=True)
class Remarks:
    """What there is to say about one mentorship; about staff, under no mentorship."""

    waiting: list[Remark] = field(default_factory=list)
    failed: list[Remark] = field(default_factory=list)
    held: list[Remark] = field(default_factory=list)
    changed: list[Remark] = field(default_factory=list)
    lapsed: list[Remark] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One mentorship."""

    mentorship: Mentorship
    next_meeting: datetime | None
    in_calendar: bool
    """False: the next meeting is planned, and not written yet."""
    remarks: Remarks


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    now: datetime
    plan: str
    invitations: str | None
    last_tick: datetime | None
    next: datetime | None
    servers: tuple[Trouble, ...]
    trainings: tuple[tuple[Training, tuple[Standing, ...]], ...]
    staff: Remarks


def status(engine: Engine, survey: Survey, words: Words) -> Status:
    """Put together what the ledger, the calendar and the plan say about each mentorship."""
    rows = noted(survey)
    troubles = engine.ledger.troubles()
    remarks: defaultdict[str, Remarks] = defaultdict(Remarks)
    _mails(engine.outbox.open_mails(), remarks)
    _plan(survey, engine.config.service.installation, words, remarks)
    for row in sorted(rows.values(), key=lambda row: row.ref):
        for key in row.mentorships:
            remarks[key].changed += edits(row, words)
            if trouble := troubles.get(row.ref):
                remarks[key].failed.append(Remark(item=row.ref, what=trouble.what, at=trouble.retry_at))
    meetings = _meetings(rows.values())
    return Status(
        now=survey.now,
        plan=survey.plan.id if survey.plan.held else "",
        invitations=engine.applier.sender,
        last_tick=engine.ledger.instant("last_tick"),
        next=survey.plan.next,
        servers=tuple(trouble for trouble in troubles.values() if trouble.target in {"calendar", "mail"}),
        trainings=tuple(
            (
                training,
                tuple(_standing(m, survey, meetings.get(m.key, []), remarks[m.key]) for m in training.mentorships),
            )
            for training in engine.config.trainings
        ),
        staff=remarks[""],
    )


def noted(survey: Survey) -> dict[str, Row]:
    """Return the ledger's rows as the next tick will note them: with what people changed since the last one."""
    rows = dict(survey.rows) | {row.uid: row for row in (*survey.plan.adopted, *survey.plan.records)}
    for change in survey.plan.changes:
        if isinstance(change.work, Write | Withdraw):
            rows[change.work.row.uid] = change.work.row
    return rows


# -- meetings ----------------------------------------------------------------------------------------------------------


def _meetings(rows: Iterable[Row]) -> dict[MentorshipKey, list[datetime]]:
    found: defaultdict[MentorshipKey, list[datetime]] = defaultdict(list)
    for row in rows:
        if row.kind in MEETINGS and row.state == "live":
            for key in row.mentorships:
                found[key] += canonical.meetings(canonical.load(row.seen))
    return found


def _standing(mentorship: Mentorship, survey: Survey, meetings: list[datetime], remarks: Remarks) -> Standing:
    track = survey.programme.tracks.get(mentorship.key)
    there = min((at for at in meetings if at > survey.now), default=None)
    planned = None if track is None else min(_planned(track, survey), default=None)
    if planned is not None and (there is None or planned < there):
        return Standing(mentorship=mentorship, next_meeting=planned, in_calendar=False, remarks=remarks)
    return Standing(mentorship=mentorship, next_meeting=there, in_calendar=there is not None, remarks=remarks)


def _planned(track: Track, survey: Survey) -> Iterator[datetime]:
    """Yield the meetings that stand in no calendar yet."""
    known = {row.ref for row in (*survey.rows.values(), *survey.plan.adopted)}
    for item in track.items:
        if item.kind in MEETINGS and item.ref not in known:
            yield from (at for at in item.starts if at > survey.now)


# -- what waits, failed, is held ---------------------------------------------------------------------------------------


def _mails(mails: Iterable[Mail], remarks: Mapping[str, Remarks]) -> None:
    for mail in mails:
        refs = mail_refs(mail)
        said = Remark(item=refs[0] if refs else mail.name, what=_mail_said(mail), to=(mail.recipient,), at=mail.retry_at)
        for key in {ref.rpartition("/")[0]: None for ref in refs} or {"": None}:
            (remarks[key].failed if mail.state == "failed" else remarks[key].waiting).append(said)


def _mail_said(mail: Mail) -> str:
    return f"{mail_called(mail)}: {mail.note}" if mail.note else mail_called(mail)


def _plan(survey: Survey, installation: str, words: Words, remarks: Mapping[str, Remarks]) -> None:
    for change in survey.plan.changes:
        if not isinstance(change.work, Resend):
            made = entry(change, installation=installation, now=survey.now)
            for key in made.mentorships:
                remarks[key].waiting.append(Remark(item=made.item, what=f"{VERBS[made.action]}{made.called}", to=made.to, at=made.at))
    for held in survey.plan.held:
        made = entry(held.change, installation=installation, now=survey.now)
        what = f"{VERBS[made.action]}{made.called}: {held.reason}"
        keys: tuple[str, ...] = made.mentorships or ("",)
        for each in keys:
            remarks[each].held.append(Remark(item=made.item, what=what, to=made.to))
    for letter in survey.letters:
        if letter.lapsed:
            what = f"{letter_called(letter)}, from {words.day(letter.at)} on"
            for wish in letter.wishes:
                remarks[wish.mentorship].lapsed.append(Remark(item=wish.ref, what=what, to=(letter.person.email,), at=letter.at))


# -- what people changed -----------------------------------------------------------------------------------------------


def edits(row: Row, words: Words) -> list[Remark]:
    """Return in words what belongs to a human: where the calendar holds something else than we asked for."""
    if row.state == "deleted":
        return [_edit(row, "", "deleted")]
    if row.state != "live":
        return []
    asked, seen = canonical.load(row.asked), canonical.load(row.seen)
    fields = merge.human_fields(asked, seen)
    found = [_edit(row, name, said) for name, said in _plain(asked, seen, words) if name in fields]
    moved = {merge.single_field(s.at): s for s in seen.singles}
    for each in sorted(f for f in fields if merge.name(f) == "single"):
        single = moved.get(each)
        if single is None:
            if "time" not in fields:  # a moved series has its days off elsewhere
                found.append(_edit(row, "single", "a meeting that was off or moved takes place after all"))
        elif single.start is not None:
            found.append(_edit(row, "single", f"the meeting of {words.moment(single.at)} moved to {words.moment(single.start)}"))
        elif "time" not in fields:
            found.append(_edit(row, "single", f"the meeting of {words.moment(single.at)} is cancelled"))
    return found


def _plain(asked: Event, seen: Event, words: Words) -> Iterator[tuple[str, str]]:
    series = "the series " if seen.recurrence else ""
    if asked.start != seen.start:
        yield "time", f"{series}moved to {words.moment(seen.start)}"
    else:
        yield "time", f"{series}lasts {seen.minutes} minutes"
    last = "" if seen.recurrence is None else words.day(seen.recurrence.last)
    yield "recurrence", f"repeats otherwise, until {last}" if last else "no longer repeats"
    yield "place", f'place changed to "{seen.place}"'
    yield "people", _people(asked, seen)
    yield "title", f'title changed to "{seen.title}"'
    yield "text", "text changed"
    yield "alarms", "alarm changed"


def _people(asked: Event, seen: Event) -> str:
    before = {c.email.casefold(): c.email for c in asked.people}
    after = {c.email.casefold(): c.email for c in seen.people}
    came = [f"{after[key]} added" for key in sorted(after.keys() - before.keys())]
    left = [f"{before[key]} taken out" for key in sorted(before.keys() - after.keys())]
    return ", ".join(came + left)


def _edit(row: Row, field: str, what: str) -> Remark:
    return Remark(item=row.ref, what=f"{called(row.ref)}: {what}", field=field)


# -- JSON --------------------------------------------------------------------------------------------------------------


def as_json(status: Status) -> dict[str, Json]:
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
                "mentorships": [_standing_json(each) for each in standings],
            }
            for training, standings in status.trainings
        ],
        "staff": _remarks_json(status.staff),
    }


def _standing_json(standing: Standing) -> dict[str, Json]:
    return {
        "key": standing.mentorship.key,
        "mentee": standing.mentorship.mentee.email,
        "mentor": standing.mentorship.mentor.email,
        "next_meeting": instant(standing.next_meeting),
        "in_calendar": standing.in_calendar,
        **_remarks_json(standing.remarks),
    }


def _remarks_json(remarks: Remarks) -> dict[str, Json]:
    def plain(each: Remark) -> Json:
        return {"item": each.item, "what": each.what, "to": list(each.to), "at": instant(each.at)}

    return {
        "waiting": [plain(each) for each in remarks.waiting],
        "failed": [plain(each) for each in remarks.failed],
        "held": [plain(each) for each in remarks.held],
        "changed": [{"item": each.item, "field": each.field, "what": each.what} for each in remarks.changed],
        "lapsed": [plain(each) for each in remarks.lapsed],
    }


# -- lines -------------------------------------------------------------------------------------------------------------

INVITE = {
    "server": "The calendar server sends the invitations.",
    "mail": "Invitations go out by mail.",
    "none": "Nobody sends invitations: [calendar] invitations = none.",
    None: "Who sends the invitations is found out with the first event.",
}


def lines(status: Status, words: Words) -> Iterator[str]:
    """Yield the status as people read it, on 80 columns."""
    last = "never" if status.last_tick is None else words.moment(status.last_tick)
    yield f"{words.moment(status.now)} ({words.zone.key}); last tick: {last}"
    yield INVITE[status.invitations]
    for server in status.servers:
        since, again = words.moment(server.since), words.moment(server.retry_at)
        yield from wrapped(f"{server.target} is down since {since}, next try {again}: {server.what}", "", "  ")
    for training, standings in status.trainings:
        yield ""
        yield f"{training.name} ({training.id}){'' if training.live else ', a draft: nothing is sent'}"
        for standing in standings:
            yield f"  {standing.mentorship.mentee.name} with {standing.mentorship.mentor.name}"
            yield from _next_lines(standing, words, live=training.live)
            yield from _remark_lines(standing.remarks, words)
    yield from _staff_lines(status, words)


def _next_lines(standing: Standing, words: Words, *, live: bool) -> Iterator[str]:
    if standing.next_meeting is not None:
        yield f"    next meeting {words.moment(standing.next_meeting)}{'' if standing.in_calendar else ', not in the calendar yet'}"
    elif live:
        yield "    no more meetings"


def _remark_lines(remarks: Remarks, words: Words) -> Iterator[str]:
    for about, found in (("waits", remarks.waiting), ("FAILED", remarks.failed), ("HELD", remarks.held), ("lapsed", remarks.lapsed)):
        for each in found:
            to = f", to {' and '.join(map(words.name, each.to))}" if each.to else ""
            again = f" (next try {words.moment(each.at)})" if each.at and about != "lapsed" and each.at > words.now else ""
            yield from wrapped(f"{about}: {each.what}{to}{again}", "    ", "      ")
    for each in remarks.changed:
        yield from wrapped(f"changed by people: {each.what}", "    ", "      ")


def _staff_lines(status: Status, words: Words) -> Iterator[str]:
    staff = list(_remark_lines(status.staff, words))
    if staff:
        yield from ("", "Coordinator and administrator", *staff)
    yield ""
    if status.plan:
        yield f"To let go on what is held: beklijf apply --approve {status.plan}"
    yield "Next: nothing, until something changes." if status.next is None else f"Next: {words.moment(status.next)}"


def restorable(rows: Iterable[Row], words: Words) -> dict[Ref, list[Remark]]:
    """Return what people changed, by item: what ``restore`` can give back."""
    return {row.ref: found for row in rows if (found := edits(row, words))}

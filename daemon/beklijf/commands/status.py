"""How every mentorship stands: next meeting, what waits, failed or is held. Pure, but for reading the ledger.

Says what the calendar holds, not what was planned: a meeting that somebody moved is named at its new hour. What people changed
is worded in ``edits``, what they answered in ``response_stats``, and all of it as lines and JSON in ``status_report``. Where answers
are not told by name, a letter that comes of one is a letter and no more.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from beklijf.commands.edits import Remark, edits
from beklijf.commands.names import letter_called, mail_called, mail_refs
from beklijf.commands.plan_json import entry
from beklijf.commands.report import VERBS
from beklijf.commands.response_stats import Standing, standing
from beklijf.decide.plan import Action, Move, Resend, Withdraw, Write
from beklijf.model import canonical
from beklijf.model.domain import Anchor, Kind
from beklijf.model.errors import BackendError
from beklijf.tick.outages import MAILBOX
from beklijf.tick.stages import MAIL, STAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from beklijf.commands.plan_json import Entry
    from beklijf.commands.report import Words
    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Plan
    from beklijf.ledger import Outage, Row
    from beklijf.ledger.aside import Aside
    from beklijf.ledger.outbox import Mail
    from beklijf.model.domain import Mentorship, MentorshipKey, Track, Training
    from beklijf.tick.engine import Engine

MEETINGS = frozenset({Kind.MEETING, Kind.SERIES})


@dataclass(slots=True, kw_only=True)
class Remarks:
    """What there is to say about one mentorship; about staff, under no mentorship."""

    waiting: list[Remark] = field(default_factory=list)
    failed: list[Remark] = field(default_factory=list)
    perhaps: list[Remark] = field(default_factory=list)
    """Mails that were handed over twice and never answered: they may have arrived."""
    held: list[Remark] = field(default_factory=list)
    changed: list[Remark] = field(default_factory=list)
    lapsed: list[Remark] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairStatus:
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
    servers: tuple[Outage, ...]
    """What is down: the servers, and people's own calendars."""
    trainings: tuple[tuple[Training, tuple[PairStatus, ...]], ...]
    staff: Remarks
    standing: Standing
    aside: tuple[Aside, ...]
    """What failed by itself, and is left alone until it is to be tried again."""


def look(engine: Engine, now: datetime) -> tuple[Plan, BackendError | None]:
    """Return the plan, from the ledger alone when the calendar can't be read."""
    try:
        return engine.plan(now), None
    except BackendError as error:
        return engine.taker.plan(now, None), error


def status(engine: Engine, plan: Plan, words: Words) -> Status:
    """Put together what the ledger, the calendar and the plan say about each mentorship."""
    rows = noted(plan)
    outages = engine.ledger.outages()
    collected = _Collected(config=engine.config)
    left = engine.aside.asides.names(MAIL)
    collected.mails(mail for mail in engine.outbox.open_mails() if mail.label not in left)
    collected.plan(plan, words)
    for row in sorted(rows.values(), key=lambda row: row.ref):
        for key in row.mentorships:
            collected.remarks[key].changed += edits(row, words)
            if outage := outages.get(row.ref):
                collected.remarks[key].failed.append(Remark(item=row.ref, what=outage.what, at=outage.retry_at))
    meetings = _meetings(rows.values())
    return Status(
        now=plan.now,
        plan=plan.id if plan.held else "",
        invitations=engine.applier.sender,
        last_tick=engine.ledger.instant("last_tick"),
        next=plan.next,
        servers=tuple(t for t in outages.values() if t.target in STAGES or t.target.startswith(MAILBOX)),
        trainings=tuple(
            (training, tuple(_pair(m, plan, meetings.get(m.key, []), collected.remarks[m.key]) for m in training.mentorships))
            for training in engine.config.trainings
        ),
        staff=collected.remarks[""],
        standing=standing(engine, plan, rows.values()),
        aside=tuple(engine.aside.asides.set_aside()),
    )


def noted(plan: Plan) -> dict[str, Row]:
    """Return the ledger's rows as the next tick will note them: with what people changed since the last one."""
    rows = dict(plan.rows) | {row.uid: row for row in (*plan.adopted, *plan.records)}
    for change in plan.changes:
        if isinstance(change.work, Write | Withdraw | Move):
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


def _pair(mentorship: Mentorship, plan: Plan, meetings: list[datetime], remarks: Remarks) -> PairStatus:
    track = plan.programme.tracks.get(mentorship.key)
    there = min((at for at in meetings if at > plan.now), default=None)
    planned = None if track is None else min(_planned(track, plan), default=None)
    if planned is not None and (there is None or planned < there):
        return PairStatus(mentorship=mentorship, next_meeting=planned, in_calendar=False, remarks=remarks)
    return PairStatus(mentorship=mentorship, next_meeting=there, in_calendar=there is not None, remarks=remarks)


def _planned(track: Track, plan: Plan) -> Iterator[datetime]:
    """Yield the meetings that stand in no calendar yet."""
    known = {row.ref for row in (*plan.rows.values(), *plan.adopted)}
    for item in track.items:
        if item.kind in MEETINGS and item.ref not in known:
            yield from (at for at in item.starts if at > plan.now)


# -- what waits, failed, is held ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Collected:
    """Remarks by mentorship, while they are gathered."""

    config: Config
    remarks: defaultdict[str, Remarks] = field(default_factory=lambda: defaultdict(Remarks))

    def mails(self, mails: Iterable[Mail]) -> None:
        for mail in mails:
            refs = mail_refs(mail)
            said = Remark(item=refs[0] if refs else mail.name, what=mail_called(mail), to=(mail.recipient,), at=mail.retry_at)
            if self._is_private(mail):
                said = _unsaid(said)
            said = replace(said, what=f"{said.what}: {mail.note}") if mail.note else said
            for key in {ref.rpartition("/")[0]: None for ref in refs} or self._whose(mail):
                remarks = self.remarks[key]
                {"failed": remarks.failed, "perhaps": remarks.perhaps}.get(mail.state, remarks.waiting).append(said)

    def plan(self, plan: Plan, words: Words) -> None:
        installation = self.config.service.installation
        pairs: set[str] = {mentorship.key for training in self.config.trainings for mentorship in training.mentorships}
        for change in plan.changes:
            if not isinstance(change.work, Resend):
                made = entry(change, installation=installation, now=plan.now)
                for key in made.mentorships:
                    self.remarks[key].waiting.append(self._said(made, made.at))
        for held in plan.held:
            made = entry(held.change, installation=installation, now=plan.now)
            said = self._said(made, None)
            keys = tuple(key for key in made.mentorships if key in pairs) or ("",)  # of who left the config, staff are told
            for each in keys:
                self.remarks[each].held.append(replace(said, what=f"{said.what}: {held.reason}"))
        for letter in plan.letters:
            private = letter.wishes[0].rule.anchor is Anchor.SILENCE and not self.config.answers.names
            if letter.lapsed and not private:
                what = f"{letter_called(letter)}, from {words.day(letter.at)} on"
                for wish in letter.wishes:
                    said = Remark(item=wish.ref, what=what, to=(letter.person.email,), at=letter.at)
                    self.remarks[wish.mentorship].lapsed.append(said)

    def _said(self, made: Entry, at: datetime | None) -> Remark:
        said = Remark(item=made.item, what=f"{VERBS[made.action]}{made.called}", to=made.to, at=at)
        return _unsaid(said) if made.answers and made.action is Action.SEND and not self.config.answers.names else said

    def _is_private(self, mail: Mail) -> bool:
        """Say whether the mail's name alone would tell what somebody answered, or that they did not."""
        rungs = {rule.id for t in self.config.trainings for rule in t.method.letters if rule.anchor is Anchor.SILENCE}
        rules = {ref.rpartition("/letter:")[2].partition(":")[0] for ref in mail_refs(mail) if "/letter:" in ref}
        return not self.config.answers.names and (mail.is_answer or bool(rules & rungs))

    def _whose(self, mail: Mail) -> dict[str, None]:
        """Return the mentorships of an answer's receiver, when the answer itself no longer says; staff's mails are nobody's."""
        address = mail.recipient.casefold()
        pairs = (m for t in self.config.trainings for m in t.mentorships)
        found = {m.key: None for m in pairs if address in m.mentee.addresses | m.mentor.addresses}
        return {str(key): None for key in found} if mail.is_answer and found else {"": None}


def _unsaid(said: Remark) -> Remark:
    """Return a remark about a letter without what it says."""
    mentorship, found, _ = said.item.rpartition("/letter:")
    return replace(said, item=f"{mentorship}/letter" if found else "letter", what="letter")

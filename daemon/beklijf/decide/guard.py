"""The safety stop: what a change of config, method, server or clock would do to many people waits for a person. Pure.

Two kinds. *Wishes*: a training's changes beyond ``[guard]``'s numbers, or of a kind that is rarely meant (a training that is
gone or a draft again while meetings are to come, another method on a running one, a person or session that vanishes while one
like it appears). *Faults*: something is wrong with the calendar, the ledger or the clock, and going on would make it worse.
Letters and portions that simply came due pass.

What is held stays held (``standing_holds``), under one PLAN-ID while it shrinks, and nothing of the rest goes on by itself:

    held is          what drops out by itself                 approved, it                            and counts until
    ---------------  ---------------------------------------  --------------------------------------  ----------------------
    a wish           what has passed; what the config no      is done as it was shown                 all of it is done
                     longer asks for; what somebody did
    a question       the same; and all of it once the config  is done as it was shown                 all of it is done
                     answers it (``was = ..``)
    vanished events  those that are back; those that passed   counts as deleted by people             at once: it is noted
    an older state   what is as we wrote it again, or passed  is written over with ours, if the       at once: it is noted
                                                              numbers allow that
    the clock, or a  everything once the clock is right;      is done; what else came due since is    all of it is done; the
    long silence     what has passed                          a hold of its own                       clock counts as right

What grows is a new hold, beside the one that stands. Approved are faults first, then what the clock holds, then wishes: what
is wished of a broken calendar may be another thing once it is mended.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from beklijf.decide import notify, standing_holds
from beklijf.decide.plan import Action, Cause, Change, Current, Draft, Held, Judged, Resend, Withdraw
from beklijf.decide.standing_holds import identify
from beklijf.ledger.holds import HoldKind
from beklijf.ledger.instants import SLACK
from beklijf.model import canonical
from beklijf.model.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from beklijf.contracts.settings import GuardSettings
    from beklijf.decide.standing_holds import Matched
    from beklijf.ledger import Known, Row
    from beklijf.ledger.holds import Hold
    from beklijf.model.domain import Training
    from beklijf.model.stored import Stored

__all__ = ["Watch", "distrust", "guard", "identify", "look_for_faults"]

SILENCE = timedelta(days=7)
"""Without a tick for longer, nobody knows what else is out of date: a person looks first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the guard goes by."""

    settings: GuardSettings
    now: datetime
    last_tick: datetime | None
    known: Mapping[str, Known]
    trainings: Mapping[str, Training]
    approved: frozenset[str]
    enforced: bool = True
    """False: it reports and stops nothing (rehearse)."""
    holds: tuple[Hold, ...] = ()
    """What ticks before this one held, and what of it was approved."""
    config: str = ""
    """The config's digest."""
    drafts: frozenset[str] = frozenset()
    """The trainings of the config that are no part of the programme."""

    def remembered(self, kind: HoldKind) -> tuple[Hold, ...]:
        return tuple(hold for hold in self.holds if hold.kind is kind)

    def new_name(self, changes: Iterable[Change]) -> str:
        return standing_holds.fresh_name(changes, {hold.id for hold in self.holds})

    def approves(self, names: Iterable[str]) -> frozenset[str]:
        """Return which of the holds of these names are approved now: each by its own, or all by the one for all of them."""
        every = frozenset(names)
        return every if every and standing_holds.together(every) in self.approved else every & self.approved


def look_for_faults(rows: Mapping[str, Row], current: Current, watch: Watch) -> tuple[Mapping[str, Row], Current, tuple[Held, ...]]:
    """Return rows and calendar as a plan may use them, and what is held: events that vanished together, or went back in time.

    Approved, vanished events count as deleted by people, and an older state of the server is written over with ours. Of what vanished
    together no server need have told anybody: it is we who tell them that it is off.
    """
    vanished = [rows[uid] for uid in sorted(current.gone) if rows[uid].state == "live" and _to_come(rows[uid], watch.now)]
    # one that was deleted and came back, of which nobody was told yet, or that is being withdrawn, has the number of before we told so
    there = [(rows[uid], stored) for uid, stored in sorted(current.stored.items()) if uid in rows and rows[uid].state == "live"]
    older = [row for row, stored in there if (row.announced or not row.changed_at) and stored.sequence < row.sequence]
    older = [row for row in older if _to_come(row, watch.now)]
    standing = sum(row.state == "live" and _to_come(row, watch.now) for row in rows.values()) if len(vanished) > 1 else 0
    faults = _faults(vanished, older, standing, watch)
    if not faults:
        return rows, current, ()
    every = frozenset(held.hold for held in faults)
    approved = watch.approves(every) if watch.enforced else every
    held = tuple(each for each in faults if each.hold not in approved)
    left_alone = {_row(each).uid for each in held}
    calm = Current(
        stored={uid: stored for uid, stored in current.stored.items() if uid not in left_alone},
        gone=frozenset(current.gone - left_alone),
    )
    let_go = [row for each in faults if each.hold in approved and (row := _row(each)).uid in current.gone]
    mended = [*(_as_there(row, current.stored[row.uid]) for row in older if row.uid not in left_alone), *map(_ours_to_tell, let_go)]
    return dict(rows) | {row.uid: row for row in mended}, calm, held


def _ours_to_tell(row: Row) -> Row:
    known = canonical.load(row.announced or row.seen).people
    return replace(row, ours=tuple(sorted({*row.ours, *(contact.email.casefold() for contact in known)})))


def _as_there(row: Row, stored: Stored) -> Row:
    """Return *row* as if its older state were what was asked for: what differs from that is written, under a SEQUENCE above both."""
    theirs = canonical.dump(stored.event)
    return replace(row, asked=theirs, seen=theirs, href=stored.href, etag=stored.etag)


def _faults(vanished: Sequence[Row], older: Sequence[Row], standing: int, watch: Watch) -> list[Held]:
    """Return what is wrong with the calendar, under the names of what was held before and of what is new."""
    now = watch.now
    known = {change.ref: hold for hold in watch.remembered(HoldKind.FAULT) for change in hold.changes}
    new = [row for row in vanished if row.ref not in known]
    found = [(_concern(row, Action.WITHDRAW, "gone from the calendar", now), known[row.ref].reason) for row in vanished if row.ref in known]
    if len(new) > watch.settings.max_withdrawals or (new and len(vanished) == standing > 1):
        reason = f"{len(new)} of our events vanished from the calendar at once"
        found += [(_concern(row, Action.WITHDRAW, "gone from the calendar", now), reason) for row in new]
    reason = "the calendar has an older state of it than we wrote: was the server restored?"
    found += [(_concern(row, Action.UPDATE, "older in the calendar than written", now), reason) for row in older]
    name = watch.new_name(change for change, _ in found if change.ref not in known)
    return [Held(change=c, reason=reason, kind=HoldKind.FAULT, hold=known[c.ref].id if c.ref in known else name) for c, reason in found]


def _row(held: Held) -> Row:
    assert isinstance(held.change.work, Withdraw)  # `_concern` makes nothing else
    return held.change.work.row


def guard(draft: Draft, faults: tuple[Held, ...], watch: Watch) -> Judged:
    """Split a draft into what goes on and what is held."""
    if not watch.enforced:
        return _judged(draft, (), {}, (), watch)
    clock, changes = distrust(watch.now, watch.last_tick), draft.changes
    # what the clock held is looked at as usual once the clock is right, but for what was approved
    remembered = [h for h in watch.holds if h.kind is not HoldKind.FAULT and (clock or h.approved or h.kind is not HoldKind.CLOCK)]
    known = standing_holds.match(changes, remembered, config=watch.config, now=watch.now)
    passes = {i for i, hold in known.passes.items() if not clock or hold.kind is HoldKind.CLOCK}
    stays = {i: hold for i, hold in known.stays.items() if not _asked_again(hold, watch)}
    rest = [i for i in range(len(changes)) if i not in stays and i not in passes]
    held = {i: _in(hold, changes[i]) for i, hold in stays.items()}
    held |= _by_clock(changes, rest, clock, watch) if clock else _wishes(changes, rest, known, watch)
    approved = frozenset[str]() if faults else watch.approves(_approved_first(held.values()))
    stopped = {i: each for i, each in held.items() if each.hold not in approved}
    waits = {i: each.hold for i, each in standing_holds.hanging(changes, stopped.values()).items() if i not in stopped}
    stopped |= {i: Held(change=changes[i], reason=f"it takes the place of what is held as {name}", hold=name) for i, name in waits.items()}
    holds = standing_holds.kept(
        [*faults, *held.values(), *(_in(hold, changes[i]) for i, hold in known.passes.items())],
        [*watch.remembered(HoldKind.FAULT), *remembered],
        approved=approved,
        resting=draft.resting,
        certain=not clock,
        config=watch.config,
        now=watch.now,
    )
    accepted = any(hold.kind is HoldKind.CLOCK and hold.approved == watch.now for hold in holds)
    distrusted = "" if accepted and not any(each.clock for each in stopped.values()) else clock
    return replace(_judged(draft, faults, stopped, holds, watch), clock=distrusted)


def _in(hold: Hold, change: Change) -> Held:
    return Held(change=change, reason=hold.reason, kind=hold.kind, hold=hold.id)


def _asked_again(hold: Hold, watch: Watch) -> bool:
    """Say whether another config may have answered what was asked; no number was passed, or that would be the reason."""
    return hold.kind is HoldKind.QUESTION and hold.config != watch.config


def _judged(draft: Draft, faults: tuple[Held, ...], stopped: Mapping[int, Held], holds: tuple[Hold, ...], watch: Watch) -> Judged:
    held = (*faults, *(stopped[i] for i in sorted(stopped)))
    names = _approved_first(held)
    let_go = frozenset(hold.id for hold in holds if hold.approved == watch.now)
    decided = {hold.training for hold in holds if hold.approved}
    doubts = {t: doubt for t in watch.trainings if t not in decided and (doubt := _replaced_session(t, watch))} if watch.enforced else {}
    said = {h.reason for h in held}
    return Judged(
        id=standing_holds.together(names or let_go) if names or let_go else identify(draft.changes),
        changes=tuple(c for i, c in enumerate(draft.changes) if i not in stopped),
        held=held,
        problems=(*draft.problems, *(Problem(where=t, what=doubt, warning=True) for t, doubt in doubts.items() if doubt not in said)),
        doubted=frozenset(doubts),
        holds=holds,
        approvable=names | {standing_holds.together(names)} if names else frozenset(),
    )


def _approved_first(held: Iterable[Held]) -> frozenset[str]:
    """Return the names of the holds that can be approved now: of faults alone, else of what the clock holds alone."""
    every = list(held)
    faults = [each for each in every if each.kind is HoldKind.FAULT]
    return frozenset(each.hold for each in faults or [each for each in every if each.clock] or every)


def distrust(now: datetime, last_tick: datetime | None) -> str:
    """Return why the clock, or we, can't be trusted to know what is due."""
    if last_tick is None:
        return ""
    if now < last_tick - SLACK:
        return f"the clock went back: the last tick was {last_tick:%a %-d %b %Y %H:%M} UTC"
    if now - last_tick > SILENCE:
        return f"nothing ran for {(now - last_tick).days} days, since {last_tick:%a %-d %b %Y}"
    return ""


def _by_clock(changes: Sequence[Change], positions: Iterable[int], reason: str, watch: Watch) -> dict[int, Held]:
    # what is in the outbox was let through before; held, the mail about a hold would be held too, and make another plan of it
    found = {i: changes[i] for i in positions if not isinstance(changes[i].work, Resend)}
    name = watch.new_name(found.values())
    return {i: Held(change=change, reason=reason, kind=HoldKind.CLOCK, hold=name) for i, change in found.items()}


def _wishes(changes: Sequence[Change], positions: Iterable[int], known: Matched, watch: Watch) -> dict[int, Held]:
    """Return what is held: training by training, so that one doesn't stop another."""
    by_training: dict[str, list[int]] = defaultdict(list)
    for i in positions:
        if changes[i].cause is Cause.CHANGE:
            by_training[changes[i].training].append(i)
    held: dict[int, Held] = {}
    new: dict[int, tuple[HoldKind, str]] = {}
    for training, found in by_training.items():
        kind, reason = _reason(training, [changes[i] for i in found], watch)
        for i in found:
            if reason and i in known.stays and known.stays[i].reason == reason:
                held[i] = _in(known.stays[i], changes[i])  # asked again, and not answered
            elif reason:
                new[i] = kind, reason
            elif i in known.grown and not _asked_again(known.grown[i], watch):
                new[i] = HoldKind.WISH, f"more is asked for than what is held as {known.grown[i].id}"
    name = watch.new_name(changes[i] for i in new)
    return held | {i: Held(change=changes[i], reason=reason, kind=kind, hold=name) for i, (kind, reason) in new.items()}


def _reason(training: str, changes: list[Change], watch: Watch) -> tuple[HoldKind, str]:
    """Return why a training's changes are held; an empty text if they aren't. Numbers go before questions, which have an answer."""
    known, now = watch.known.get(training), watch.trainings.get(training)
    people = {address for change in changes for address in change.to}
    withdrawals = sum(change.action is Action.WITHDRAW for change in changes)
    if now is None:
        gone = "is a draft again" if training in watch.drafts else "is gone from the config"
        return HoldKind.WISH, f"the training {gone} while meetings are still to come"
    if len(people) > watch.settings.max_people:
        return HoldKind.WISH, f"it touches {len(people)} people (guard.max_people = {watch.settings.max_people})"
    if withdrawals > watch.settings.max_withdrawals:
        return HoldKind.WISH, f"it withdraws {withdrawals} events (guard.max_withdrawals = {watch.settings.max_withdrawals})"
    if any(isinstance(change.work, Withdraw) and change.work.organizer for change in changes):
        return HoldKind.WISH, "running tracks get another organizer: everybody is invited anew"
    if known and known.method != now.method.digest:
        return HoldKind.WISH, "the method of a running training changed"
    return HoldKind.QUESTION, _replaced_session(training, watch) or _renamed(changes, now)


def _replaced_session(training: str, watch: Watch) -> str:
    """Notice a session that vanishes while another appears; a session that only moved keeps its letters and its look-back."""
    known, now = watch.known.get(training), watch.trainings.get(training)
    if known is None or now is None:
        return ""
    sessions = {session.key for session in now.sessions}
    lost, new = sorted(known.sessions - sessions), sorted(sessions - known.sessions)
    if not (lost and new):
        return ""
    return f"the session of {lost[0]} vanished and {new[0]} appeared: if it moved, write {{ date = {new[0]}, was = {lost[0]} }}"


def _renamed(changes: list[Change], training: Training) -> str:
    """Notice a person who leaves under one address while somebody of the same name is there under another."""
    people = {person.email.casefold(): person for m in training.mentorships for person in (m.mentee, m.mentor)}
    names = {person.name.casefold(): person.email for person in people.values()}
    for change in changes:
        if isinstance(change.work, Withdraw) and change.action is Action.WITHDRAW:
            for contact in canonical.load(change.work.row.asked).people:
                new = names.get(contact.name.casefold())
                if new and contact.email.casefold() not in people:
                    both = f"{contact.name} leaves as {contact.email} and is there as {new}"
                    return f'{both}: if that is one person, write was = ["{contact.email}"]'
    return ""


def _concern(row: Row, action: Action, why: str, now: datetime) -> Change:
    seen = canonical.load(row.seen)
    return Change(
        action=action,
        kind=row.kind,
        training=row.training,
        mentorships=row.mentorships,
        ref=row.ref,
        start=next((at for at in canonical.meetings(seen) if at > now), seen.start),
        at=now,
        to=tuple(c.email for c in seen.people),
        why=why,
        cause=Cause.CHANGE,
        work=Withdraw(row=row, gone=True, state="deleted"),
        tells=notify.cancels(None),
    )


def _to_come(row: Row, now: datetime) -> bool:
    return any(at > now for at in canonical.meetings(canonical.load(row.seen)))

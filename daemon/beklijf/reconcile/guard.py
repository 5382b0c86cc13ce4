"""The safety stop: what a change of config, method, server or clock would do to many people waits for a person. Pure.

Two kinds. *Wishes*: a training's changes beyond ``[guard]``'s numbers, or of a kind that is rarely meant (another method on
a running training, a person or session that vanishes while one like it appears). *Faults*: something is wrong with the
calendar, the ledger or the clock, and going on would make it worse. Letters and portions that simply came due pass.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from beklijf import canonical
from beklijf.errors import Problem
from beklijf.reconcile import telling
from beklijf.reconcile.plan import Action, Cause, Change, Current, Draft, Held, Plan, Resend, Withdraw

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from beklijf.domain import Training
    from beklijf.ledger import Known, Row
    from beklijf.settings import GuardSettings

SILENCE = timedelta(days=7)
"""Without a tick for longer, nobody knows what else is out of date: a person looks first."""

BACKWARDS = timedelta(minutes=5)
"""A clock may be corrected by so much."""


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


def look_for_faults(rows: Mapping[str, Row], current: Current, watch: Watch) -> tuple[dict[str, Row], Current, tuple[Held, ...]]:
    """Return rows and calendar as a plan may use them, and what is held: events that vanished together, or went back in time.

    Approved, vanished events count as deleted by people, and an older state of the server is written over with ours.
    """
    vanished = [rows[uid] for uid in sorted(current.gone) if rows[uid].state == "live" and _to_come(rows[uid], watch.now)]
    # one that was deleted and came back, of which nobody was told yet, or that is being withdrawn, has the number of before we told so
    live = {uid: row for uid, row in rows.items() if row.state == "live" and (row.told or not row.changed_at)}
    older = [live[uid] for uid, stored in sorted(current.stored.items()) if uid in live and stored.sequence < live[uid].sequence]
    held: list[Held] = []
    standing = sum(row.state == "live" and _to_come(row, watch.now) for row in rows.values()) if len(vanished) > 1 else 0
    if len(vanished) > watch.settings.max_withdrawals or len(vanished) == standing > 1:
        reason = f"{len(vanished)} of our events vanished from the calendar at once"
        held += [Held(change=_concern(row, Action.WITHDRAW, "gone from the calendar", watch.now), reason=reason) for row in vanished]
    reason = "the calendar has an older state of it than we wrote: was the server restored?"
    held += [Held(change=_concern(row, Action.UPDATE, "older in the calendar than written", watch.now), reason=reason) for row in older]
    if not held:
        return dict(rows), current, ()
    if not watch.enforced or identify(h.change for h in held) in watch.approved:
        theirs = {row.uid: canonical.dump(current.stored[row.uid].event) for row in older}
        return {uid: replace(row, asked=theirs[uid], seen=theirs[uid]) if uid in theirs else row for uid, row in rows.items()}, current, ()
    left_alone = {h.change.work.row.uid for h in held if isinstance(h.change.work, Withdraw)}
    calm = Current(
        stored={uid: stored for uid, stored in current.stored.items() if uid not in left_alone},
        gone=frozenset(current.gone - left_alone),
    )
    return dict(rows), calm, tuple(held)


def guard(draft: Draft, faults: tuple[Held, ...], watch: Watch) -> Plan:
    """Split a draft into what goes on and what is held."""
    clock = _clock(draft.changes, watch) if watch.enforced else {}
    reasons = {**_wishes(draft.changes, watch), **clock} if watch.enforced else {}
    held = (*faults, *(Held(change=c, reason=reasons[i], clock=i in clock) for i, c in enumerate(draft.changes) if i in reasons))
    # faults are approved by themselves, and first: what is wished of a broken calendar may be another thing once it is mended
    identity = identify(h.change for h in faults or held) if held else identify(draft.changes)
    approved = bool(held) and not faults and identity in watch.approved
    if approved:
        reasons, held = {}, ()
    doubts = {} if approved or not watch.enforced else {t: doubt for t in watch.trainings if (doubt := _replaced_session(t, watch))}
    said = {h.reason for h in held}
    return Plan(
        id=identity,
        changes=tuple(c for i, c in enumerate(draft.changes) if i not in reasons),
        held=held,
        problems=(*draft.problems, *(Problem(where=t, what=doubt, warning=True) for t, doubt in doubts.items() if doubt not in said)),
        records=draft.records,
        adopted=draft.adopted,
        assumed=draft.assumed,
        doubted=frozenset(doubts),
        next=draft.next,
    )


def identify(changes: Iterable[Change]) -> str:
    """Return the PLAN-ID of *changes*: what would be done to what and whom, without times."""
    lines = sorted(f"{c.action} {c.ref} {' '.join(sorted(c.to))}" for c in changes)
    return sha256("\n".join(lines).encode()).hexdigest()[:8]


def _clock(changes: tuple[Change, ...], watch: Watch) -> dict[int, str]:
    """Hold everything when the clock, or we, can't be trusted to know what is due."""
    if watch.last_tick is None:
        return {}
    if watch.now < watch.last_tick - BACKWARDS:
        reason = f"the clock went back: the last tick was {watch.last_tick:%a %-d %b %Y %H:%M} UTC"
    elif watch.now - watch.last_tick > SILENCE:
        reason = f"nothing ran for {(watch.now - watch.last_tick).days} days, since {watch.last_tick:%a %-d %b %Y}"
    else:
        return {}
    # what is in the outbox was let through before; held, the mail about a hold would be held too, and make another plan of it
    return {i: reason for i, change in enumerate(changes) if not isinstance(change.work, Resend)}


def _wishes(changes: tuple[Change, ...], watch: Watch) -> dict[int, str]:
    """Return why changes are held, by their place: training by training, so that one doesn't stop another."""
    by_training: dict[str, list[int]] = defaultdict(list)
    for i, change in enumerate(changes):
        if change.cause is Cause.CHANGE:
            by_training[change.training].append(i)
    held: dict[int, str] = {}
    for training, places in by_training.items():
        if reason := _reason(training, [changes[i] for i in places], watch):
            held |= dict.fromkeys(places, reason)
    return held


def _reason(training: str, changes: list[Change], watch: Watch) -> str:
    people = {address for change in changes for address in change.to}
    withdrawals = sum(change.action is Action.WITHDRAW for change in changes)
    if len(people) > watch.settings.max_people:
        return f"it touches {len(people)} people (guard.max_people = {watch.settings.max_people})"
    if withdrawals > watch.settings.max_withdrawals:
        return f"it withdraws {withdrawals} events (guard.max_withdrawals = {watch.settings.max_withdrawals})"
    if any(isinstance(change.work, Withdraw) and change.work.organizer for change in changes):
        return "running tracks get another organizer: everybody is invited anew"
    known, now = watch.known.get(training), watch.trainings.get(training)
    if known and now and known.method != now.method.digest:
        return "the method of a running training changed"
    if doubt := _replaced_session(training, watch):
        return doubt
    return _renamed(changes, now) if now else ""


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
        tells=telling.cancels(None),
    )


def _to_come(row: Row, now: datetime) -> bool:
    return any(at > now for at in canonical.meetings(canonical.load(row.seen)))

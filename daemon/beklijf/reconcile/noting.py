"""What a tick writes down without anything being done for it, and whom it tells of trouble. Decides nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf import canonical, words
from beklijf.domain import Kind, Meets
from beklijf.ledger import Known
from beklijf.reconcile.apply import sender_seen
from beklijf.reconcile.plan import Action

if TYPE_CHECKING:
    from datetime import datetime

    from beklijf.calendars import Changes
    from beklijf.errors import BackendError
    from beklijf.ledger import Ledger, Row
    from beklijf.ledger.outbox import Outbox
    from beklijf.reconcile.plan import Plan
    from beklijf.reconcile.survey import Survey
    from beklijf.settings import Config

log = logging.getLogger("beklijf")

DONE = {Action.CREATE: "created", Action.UPDATE: "changed", Action.WITHDRAW: "withdrew", Action.SEND: "queued"}


def note(ledger: Ledger, outbox: Outbox, survey: Survey, changes: Changes | None, sender: str | None) -> None:
    """Write down what needs no doing: who joined, hours chosen or moved, humans' changes, decisions taken up."""
    with ledger.write():
        if survey.decisions and changes is not None:  # taken up without a calendar, an approval would approve nothing
            _take_up(ledger, survey)
        for track in survey.programme.tracks.values():
            key = track.mentorship.key
            for person in (track.mentorship.mentee, track.mentorship.mentor):
                ledger.join(key, person.key, survey.facts.arrived.get((key, person.key), survey.now))
            if track.proposed and track.meets and key not in survey.facts.chosen:
                ledger.keep_slot(key, "chosen", track.meets, config=track.mentorship.meets)
        if changes is None:
            return
        _adopt(ledger, outbox, survey, changes, sender)
        for row in survey.plan.records:
            _record(ledger, row, survey)


def _adopt(ledger: Ledger, outbox: Outbox, survey: Survey, changes: Changes, sender: str | None) -> None:
    """Take over what a ledger before this one wrote: its events, who invites, and the letters that announced them."""
    known = survey.rows.keys() | {row.uid for row in survey.plan.adopted}
    if sender is None and (found := [s for s in changes.changed if s.event.uid in known]):
        ledger.set("sender", sender_seen(found))  # a lost ledger, or a crash right after the first event
    for row in survey.plan.adopted:
        ledger.put(row)
        if row.generation > 1:
            ledger.carry(row.ref, row.generation, canonical.load(row.seen).start)
        log.info("recognised %s in the calendar", row.ref)
    for letter in survey.plan.assumed:
        outbox.assume(letter, now=survey.now)


def _take_up(ledger: Ledger, survey: Survey) -> None:
    """Make people's decisions the ledger's: what was given back, and in which generation it comes back."""
    before = ledger.rows()
    for decision in survey.decisions:
        ledger.taken_up(decision, survey.now)
    for uid in before.keys() - survey.rows.keys():
        ledger.conclude(before[uid], survey.now)
    for ref, generation in survey.facts.generations.items():
        ledger.carry(ref, generation.number, generation.since)
    for uid, row in survey.rows.items():
        if row != before[uid]:
            ledger.put(row)
            if row.kind is Kind.SERIES and canonical.load(row.asked).start != canonical.load(before[uid].asked).start:
                ledger.forget_moved(row.mentorships)


def _record(ledger: Ledger, row: Row, survey: Survey) -> None:
    if row.state == "closed":
        ledger.conclude(row, survey.now)
        return
    ledger.put(row)
    before = survey.rows.get(row.uid)
    if (before and before.seen != row.seen) or row.state == "deleted":
        log.info("%s by a person: %s", "deleted" if row.state == "deleted" else "changed", row.ref)
    asked, seen = canonical.load(row.asked), canonical.load(row.seen)
    if row.kind is not Kind.SERIES or row.state != "live" or (asked.start == seen.start and asked.minutes == seen.minutes):
        return
    for mentorship in row.mentorships:
        track = survey.programme.tracks.get(mentorship)
        if track and track.meets:
            own = seen.start.tzinfo
            start = seen.start.astimezone(own if isinstance(own, ZoneInfo) else track.meets.zone)
            zone = own if isinstance(own, ZoneInfo) else track.meets.zone
            meets = Meets(weekday=start.weekday(), at=start.time(), minutes=seen.minutes, zone=zone)
            ledger.keep_slot(mentorship, "moved", meets, config=track.mentorship.meets, first=start.date())


def know_trainings(ledger: Ledger, survey: Survey) -> None:
    """Note what each training was planned from, unless that is being asked about."""
    open_questions = {held.change.training for held in survey.plan.held} | survey.plan.doubted
    for training in survey.programme.trainings.values():
        if training.id not in open_questions:
            sessions = frozenset(session.key for session in training.sessions)
            ledger.know_training(training.id, Known(method=training.method.digest, sessions=sessions))


def tell_of_hold(outbox: Outbox, config: Config, plan: Plan, now: datetime) -> None:
    """Mail coordinator and administrator, once a plan, what is held and how to let it go on."""
    lines = list(dict.fromkeys(f"{h.change.training}: {h.reason}" for h in plan.held))
    lines += [f"{DONE[h.change.action]}: {h.change.ref} ({', '.join(h.change.to)})" for h in plan.held]
    organisation = config.organisation
    title = words.NOTICES["held"][organisation.language].format(plan.id)
    for contact in (organisation.coordinator, organisation.administrator):
        payload = {"name": contact.name, "title": title, "lines": lines, "command": f"beklijf apply --approve {plan.id}"}
        outbox.add_notice(f"held {plan.id}", recipient=contact.email, payload=payload, now=now)


def tell_of_calendar(outbox: Outbox, config: Config, error: BackendError, since: datetime, now: datetime) -> None:
    """Mail the administrator, once an outage, that the calendar can't be used; a mail server can't be complained of by mail."""
    organisation = config.organisation
    lines = [line for line in (str(error), error.hint) if line]
    payload = {
        "name": organisation.administrator.name,
        "title": words.NOTICES["down"][organisation.language],
        "lines": lines,
        "command": "",
    }
    outbox.add_notice(f"calendar down since {since:%Y-%m-%dT%H:%M}", recipient=organisation.administrator.email, payload=payload, now=now)

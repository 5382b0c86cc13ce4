"""What a tick writes down without anything being done for it, and whom it tells of trouble. Decides nothing."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.decide import merge, responses
from beklijf.decide.decisions import read_pause
from beklijf.decide.plan import Action
from beklijf.ledger import Known, stamp
from beklijf.ledger.erasure import forget_pairs
from beklijf.ledger.holds import HoldKind, Holds
from beklijf.model import canonical, words
from beklijf.model.conversation import FEW, PAUSABLE, About, Heard, PausedKind, Response, Said
from beklijf.model.domain import Kind, Meets
from beklijf.replies.staff_mail import Notices
from beklijf.tick.apply import sender_seen
from beklijf.tick.erasure import JUMPED, is_time, over_since

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Found, Plan
    from beklijf.decide.snapshot import Snapshot
    from beklijf.ledger import Decision, Ledger, Row
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Outbox
    from beklijf.model.conversation import Pause
    from beklijf.model.domain import Mentorship, Track
    from beklijf.model.stored import Changes

log = logging.getLogger("beklijf")

DONE = {Action.CREATE: "created", Action.UPDATE: "changed", Action.WITHDRAW: "withdrew", Action.SEND: "queued"}


def record(snapshot: Snapshot, plan: Plan, *, ledger: Ledger, outbox: Outbox, conversation: Conversation, may_schedule: bool) -> None:
    """Write down what needs no doing: who joined, hours chosen or moved, humans' changes and answers, decisions taken up.

    By a clock that can't be trusted nothing is noted that carries a time: it is found again once the clock is right.
    """
    config, changes = snapshot.config, snapshot.changes
    with ledger.write():
        if plan.clock:
            _distrust(ledger, outbox, config, plan, changes)
            return
        if plan.decisions and changes is not None:  # taken up without a calendar, an approval would approve nothing
            _take_up(ledger, plan)
            _take_up_pauses(outbox, conversation, config, plan)
        for heard in plan.heard:
            conversation.note(heard)
        _forget_proposals(conversation, plan)
        _tell_of_silence(ledger, Notices(config=config, outbox=outbox), plan)
        _erase(ledger, conversation, config, plan)
        for found in plan.fresh:
            _settle_in(ledger, found, plan.now)
        if changes is None:
            return
        _adopt(ledger, outbox, plan, changes, snapshot.sender, may_schedule=may_schedule)
        for row in plan.records:
            _record(ledger, conversation, row, plan)
        _note_rules(ledger)
        _know_trainings(ledger, plan)
        _hold(ledger, outbox, config, plan)


def _note_rules(ledger: Ledger) -> None:
    """Note by which rules of their zones events were written that a ledger of before 0.4 has: today's, and nobody is told of those."""
    for row in [each for each in ledger.rows().values() if each.state == "live" and '"clock":' not in each.asked]:
        asked, seen = canonical.load(row.asked), canonical.load(row.seen)
        if clock := canonical.reckoned(asked):
            noted = canonical.dump(replace(seen, clock=clock))
            announced = noted if row.announced == row.seen else row.announced
            ledger.put(replace(row, asked=canonical.dump(replace(asked, clock=clock)), seen=noted, announced=announced))


def _settle_in(ledger: Ledger, found: Found, now: datetime) -> None:
    """Note who is in which mentorship since when, and the hours that were chosen for them."""
    for key, track in found.programme.tracks.items():
        for person in (track.mentorship.mentee, track.mentorship.mentor):
            ledger.join(key, person.key, found.facts.arrived.get((key, person.key), now))
        if track.proposed and track.meets and key not in found.facts.chosen:
            ledger.keep_slot(key, "chosen", track.meets, config=track.mentorship.meets)


def _distrust(ledger: Ledger, outbox: Outbox, config: Config, plan: Plan, changes: Changes | None) -> None:
    """Note that the clock jumped, what is held for it, and what was approved of that; what else was decided waits."""
    ledger.set(JUMPED, stamp(plan.now))
    if changes is None:
        return
    for decision in plan.decisions:
        if decision.kind == "approve":
            ledger.taken_up(decision, plan.now)
    _hold(ledger, outbox, config, plan)


def _adopt(ledger: Ledger, outbox: Outbox, plan: Plan, changes: Changes, sender: str | None, *, may_schedule: bool) -> None:
    """Take over what a ledger before this one wrote: its events, who invites, and the letters that announced them."""
    known = plan.rows.keys() | {row.uid for row in plan.adopted}
    if sender is None and (found := [s for s in changes.changed if s.event.uid in known]):
        ledger.set("sender", sender_seen(found, may_schedule=may_schedule))  # a lost ledger, or a crash right after the first event
    for row in plan.adopted:
        ledger.put(row)
        if row.generation > 1:
            ledger.carry(row.ref, row.generation, canonical.load(row.seen).start)
        log.info("recognised %s in the calendar", row.ref)
    for letter in plan.assumed:
        outbox.assume(letter, now=plan.now)


def _take_up(ledger: Ledger, plan: Plan) -> None:
    """Make people's decisions the ledger's: what was given back, and in which generation it comes back."""
    before = ledger.rows()
    for decision in plan.decisions:
        ledger.taken_up(decision, plan.now)
    for uid in before.keys() - plan.rows.keys():
        ledger.conclude(before[uid], plan.now)
    for ref, generation in plan.facts.generations.items():
        ledger.carry(ref, generation.number, generation.since)
    for uid, row in plan.rows.items():
        if row != before[uid]:
            ledger.put(row)
            if row.kind is Kind.SERIES and merge.are_elsewhere(canonical.load(row.asked), canonical.load(before[uid].asked)):
                ledger.forget_moved(row.mentorships)


def _pause(conversation: Conversation, decisions: Iterable[Decision]) -> dict[tuple[str, PausedKind], Pause | None]:
    """Begin and end pauses; return what was decided last of each kind for each person: a pause, or None for its end."""
    decided: dict[tuple[str, PausedKind], Pause | None] = {}
    for decision in decisions:
        if decision.kind == "pause":
            pause = read_pause(decision)
            conversation.pause(pause)
            decided[pause.person, pause.kind] = pause
        elif decision.kind == "resume":
            for kind in (each for each in PAUSABLE if decision.field in {"", each}):
                conversation.resume(decision.subject, kind)
                decided[decision.subject, kind] = None
    return decided


def _take_up_pauses(outbox: Outbox, conversation: Conversation, config: Config, plan: Plan) -> None:
    """Begin and end pauses that staff decided on, and let each person know, in one letter what came of all that was decided.

    Paused twice is paused once, by the words of the second time; paused and resumed before a tick came by is nothing to tell.
    """
    persons = {person.key: person for person in config.persons}
    standing = {(pause.person, pause.kind) for pause in conversation.pauses()}
    decided = _pause(conversation, [decision for decision in plan.decisions if decision.subject in persons])
    begun: defaultdict[tuple[str, date, date | None], list[PausedKind]] = defaultdict(list)
    ended: defaultdict[str, list[PausedKind]] = defaultdict(list)
    for (key, kind), made in decided.items():
        if made is not None:
            begun[key, made.first, made.last].append(kind)
        elif (key, kind) in standing:
            ended[key].append(kind)
    letters = [(About.PAUSED, key, kinds, first, last) for (key, first, last), kinds in begun.items()]
    letters += [(About.RESUMED, key, kinds, plan.now.astimezone(persons[key].zone).date(), None) for key, kinds in ended.items()]
    for about, key, kinds, first, last in letters:
        mentorship = next((k for k, track in plan.programme.tracks.items() if key in _members(track)), None)
        if mentorship is None:
            continue
        response = Response(about=about, mentorship=mentorship, person=key, kinds=tuple(kinds), first=first, last=last)
        name = f"answer {about} {key} {' '.join(kinds)} {stamp(plan.now)}"
        outbox.add_answer(name, subject=key, recipient=persons[key].email, response=responses.dump(response), now=plan.now)


def _forget_proposals(conversation: Conversation, plan: Plan) -> None:
    """Let go of what somebody proposed who left the pair since: back in it later, they would be surprised by a move.

    Not while a change waits to be approved: it may be that one, and never happen.
    """
    tracks = plan.programme.tracks
    for proposal in conversation.proposals() if plan.hears and not plan.held else ():
        track = tracks.get(proposal.mentorship)
        if track is None or proposal.who not in _members(track):
            conversation.settle(proposal)


def _members(track: Track) -> set[str]:
    return {track.mentorship.mentee.key, track.mentorship.mentor.key}


def _tell_of_silence(ledger: Ledger, notices: Notices, plan: Plan) -> None:
    """Let the coordinator know how many pairs stay silent, each time that there is one more; who, only if that is switched on.

    Trainings of few pairs are counted together: "one of the two" would be a name.
    """
    silent = sorted(key for key, each in plan.silences.items() if each.silent)
    told = [key for key in json.loads(ledger.get("told_silent") or "[]") if key in plan.programme.tracks]
    if not set(silent) - set(told):
        return
    names, language, trainings = notices.config.answers.names, notices.language, plan.programme.trainings
    small = [t for t in trainings.values() if len(t.mentorships) < FEW and not names]
    few = [t.name for t in small]
    untold = {t.id for t in small} if sum(len(t.mentorships) for t in small) < FEW else set()
    silent = [key for key in silent if plan.programme.tracks[key].mentorship.training not in untold]
    groups: defaultdict[str, list[Mentorship]] = defaultdict(list)
    for key in silent:
        pair = plan.programme.tracks[key].mentorship
        name = trainings[pair.training].name
        groups[words.listed(few, language) if name in few else name].append(pair)
    for name, pairs in sorted(groups.items()):
        count = words.pairs(len(pairs), language)
        who = words.listed([f"{pair.mentee.first_name} {words.AND[language]} {pair.mentor.first_name}" for pair in pairs], language)
        notices.tell(
            "silent",
            f"{name} {plan.now:%Y-%m-%d}",
            plan.now,
            called=count,
            training=name,
            pairs=f"{count} ({who})" if names else count,
            days=str(max(trainings[pair.training].method.limits.silent for pair in pairs)),
        )
    ledger.set("told_silent", json.dumps(sorted({*silent, *told})))


def _erase(ledger: Ledger, conversation: Conversation, config: Config, plan: Plan) -> None:
    """Forget what people said about tracks that are over long enough; once a day is often enough to look."""
    if not is_time(ledger, "erased", plan.now):
        return
    since = over_since(ledger, "erased", plan.now)
    ledger.set("erased", stamp(plan.now))
    if since is None:
        return
    ends = {key: end for key, track in plan.programme.tracks.items() if (end := end_of(track))}
    if gone := conversation.erase(ends, config.answers.keep, since):
        log.info("forgot %d things that people said about tracks that are over", gone)
    told = json.loads(ledger.get("told_silent") or "[]")
    if over := [key for key in told if key not in ends or ends[key] < since - config.answers.keep]:
        ledger.set("told_silent", json.dumps([key for key in told if key not in over]))
    known = {mentorship.key for training in config.trainings for mentorship in training.mentorships}
    addresses = {address for person in config.persons for address in person.addresses}
    if pairs := forget_pairs(ledger, known, addresses, since - config.answers.keep):
        log.info("forgot %d pairs that left the config", pairs)


def end_of(track: Track) -> datetime | None:
    """Return when a track ends: its last event or letter."""
    hours = [item.starts[-1] for item in track.items]
    hours += [datetime.combine(wish.due, time(), wish.person.zone) for wish in track.wishes]
    return max(hours, default=None)


def _record(ledger: Ledger, conversation: Conversation, row: Row, plan: Plan) -> None:
    if row.state == "closed":
        ledger.conclude(row, plan.now)
        return
    ledger.put(row)
    before = plan.rows.get(row.uid)
    if before and before.state == "intended" and row.state == "live":  # made before the power failed, and found in the calendar
        conversation.note(Heard(at=plan.now, said=Said.INVITED, uid=row.uid, ref=row.ref))
    if (before and not canonical.says(before.seen, canonical.load(row.seen))) or row.state == "deleted":
        log.info("%s by a person: %s", "deleted" if row.state == "deleted" else "changed", row.ref)
    asked, seen = canonical.load(row.asked), canonical.load(row.seen)
    if row.kind is not Kind.SERIES or row.state != "live" or "time" not in merge.human_fields(asked, seen):
        return
    for mentorship in row.mentorships:
        track = plan.programme.tracks.get(mentorship)
        if track and track.meets:
            own = seen.start.tzinfo
            start = seen.start.astimezone(own if isinstance(own, ZoneInfo) else track.meets.zone)
            zone = own if isinstance(own, ZoneInfo) else track.meets.zone
            meets = Meets(weekday=start.weekday(), at=start.time(), minutes=seen.minutes, zone=zone)
            ledger.keep_slot(mentorship, "moved", meets, config=track.mentorship.meets, first=start.date())


def _hold(ledger: Ledger, outbox: Outbox, config: Config, plan: Plan) -> None:
    """Note what is held and what was approved, and tell staff of what is held from now on."""
    holds = Holds(ledger)
    before = holds.standing()
    if plan.holds != before:
        holds.keep(plan.holds)
    known = {hold.id for hold in before}
    for name in dict.fromkeys(held.hold for held in plan.held if held.hold not in known):
        _tell_of_hold(outbox, config, name, plan)
    if any(h.kind is HoldKind.CLOCK and h.approved == plan.now for h in plan.holds) and not any(h.clock for h in plan.held):
        ledger.set(JUMPED, "")
        ledger.set("last_tick", stamp(plan.now))  # somebody looked: from here on the clock is right, even if the power fails now


def _know_trainings(ledger: Ledger, plan: Plan) -> None:
    """Note what each training was planned from, unless that is being asked about."""
    open_questions = {held.change.training for held in plan.held} | plan.doubted
    for training in plan.programme.trainings.values():
        if training.id not in open_questions:
            sessions = frozenset(session.key for session in training.sessions)
            ledger.know_training(training.id, Known(method=training.method.digest, sessions=sessions))


def _tell_of_hold(outbox: Outbox, config: Config, name: str, plan: Plan) -> None:
    """Mail coordinator and administrator, once a hold, what is held and how to let it go on."""
    held = [each for each in plan.held if each.hold == name]
    lines = list(dict.fromkeys(f"{h.change.training}: {h.reason}" for h in held))
    lines += [f"{DONE[h.change.action]}: {h.change.ref} ({', '.join(h.change.to)})" for h in held]
    organisation = config.organisation
    title = words.NOTICES["held"][organisation.language].format(name)
    for contact in (organisation.coordinator, organisation.administrator):
        payload = {"name": contact.name, "title": title, "lines": lines, "command": f"beklijf apply --approve {name}"}
        # one that was taken back and is asked for again is told again, though it has the same name
        outbox.add_notice(
            f"held {name} since {plan.now:%Y-%m-%dT%H:%M}", about="held", recipient=contact.email, payload=payload, now=plan.now
        )

"""Changes as they are reported: one flat value each, and its JSON, which is a contract. Pure; words are in ``names`` and ``report``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

from beklijf.commands.names import ANSWERS, called, letter_called, mail_called, mail_refs, mail_why
from beklijf.decide.plan import Action, Create, Move, Rehour, Resend, Respond, Send, Withdraw, Write
from beklijf.ledger.outbox import letter_name
from beklijf.model import canonical
from beklijf.model.domain import Anchor, Kind, MentorshipKey, Ref, Role
from beklijf.planning import events

if TYPE_CHECKING:
    from beklijf.decide.plan import Change, Held, Plan
    from beklijf.ledger.outbox import Mail
    from beklijf.model.conversation import Response
    from beklijf.model.domain import Item, Letter
    from beklijf.model.errors import Problem

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"

Chosen: TypeAlias = Callable[["Entry"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that a tick would do, or did: what ``--json`` says of it, and what it is called."""

    action: Action
    kind: Kind
    training: str
    mentorships: tuple[MentorshipKey, ...]
    item: Ref
    key: str
    start: datetime | None
    at: datetime
    to: tuple[str, ...]
    why: str
    called: str
    """``look-back``, ``welcome letter``: what entries that are told together have in common."""
    role: Role | None = None
    """Whose letter or reminder it is; None for what both get."""
    answers: bool = False
    """It comes of what somebody answered, or of silence: whoever may not know that, may not know this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """An entry that the guard holds."""

    entry: Entry
    reason: str
    until: str
    hold: str = ""
    """The PLAN-ID under which it is held, beside others or alone."""


# -- from changes ------------------------------------------------------------------------------------------------------


def entry(change: Change, *, installation: str, now: datetime) -> Entry:
    """Return *change* as it is reported at *now*; what was due before goes out now."""
    made = Entry(
        action=change.action,
        kind=change.kind,
        training=change.training,
        mentorships=change.mentorships,
        item=change.ref,
        key=_key(change, installation),
        start=change.start,
        at=max(change.at, now),
        to=change.to,
        why=change.why,
        called=called(change.ref),
        role=Role.MENTOR if change.kind is Kind.REMINDER else None,
    )
    match change.work:
        case Send(letter=letter):
            rule = letter.wishes[0].rule
            return replace(made, called=letter_called(letter), role=rule.role, answers=rule.anchor is Anchor.SILENCE)
        case Respond(response=response):
            return replace(made, called=ANSWERS[response.about], role=_role(response), answers=True)
        case Resend(mail=mail):
            return _waiting(made, mail)
        case Move() | Rehour():
            return replace(made, answers=True)
        case _:
            return made


def mailed(mail: Mail, *, now: datetime) -> Entry:
    """Return a mail that went out as an entry: one that no change of a plan stands for, such as a line to staff."""
    made = Entry(
        action=Action.SEND,
        kind=Kind.LETTER,
        training="",
        mentorships=(),
        item=Ref(""),
        key=mail.name,
        start=None,
        at=now,
        to=(mail.recipient,),
        why=mail_why(mail),
        called="",
    )
    return _waiting(made, mail)


def in_order(made: Entry) -> tuple[datetime, bool]:
    """Sort as a tick goes about it: letters before the events that they announce."""
    return made.at, made.action is not Action.SEND


def stopped(held: Iterable[Held], *, installation: str, now: datetime) -> list[Stopped]:
    return [Stopped(entry=entry(h.change, installation=installation, now=now), reason=h.reason, until=h.until, hold=h.hold) for h in held]


def upcoming(plan: Plan, *, installation: str, until: datetime) -> list[Entry]:
    """Return what comes due after now and up to *until* if people do nothing: items that open, letters that go out."""
    there = {(row.ref, row.generation) for row in plan.rows.values()} | {(row.ref, row.generation) for row in plan.adopted}
    welcome: dict[MentorshipKey, datetime] = {}
    for letter in plan.letters:
        for wish in letter.wishes:
            if wish.rule.on_joining and not letter.lapsed:
                welcome[wish.mentorship] = max(letter.at, welcome.get(wish.mentorship, letter.at))
    found = [_letter(letter) for letter in plan.letters if not letter.lapsed and plan.now < letter.at <= until]
    for track in plan.programme.tracks.values():
        for item in track.items:
            opens = max([item.opens, *(welcome[key] for key in item.mentorships if key in welcome)])
            if (item.ref, item.generation) not in there and plan.now < opens <= until and opens < item.starts[-1]:
                found.append(_opening(item, opens, installation))
    return sorted(found, key=lambda e: (*in_order(e), e.training, e.item))


def _role(response: Response) -> Role:
    return Role.MENTEE if response.mentorship.partition("/")[2] == response.person else Role.MENTOR


def _letter(letter: Letter) -> Entry:
    wish = letter.wishes[0]
    return Entry(
        action=Action.SEND,
        kind=Kind.LETTER,
        training=wish.training,
        mentorships=tuple(each.mentorship for each in letter.wishes),
        item=wish.ref,
        key=letter_name(letter),
        start=None,
        at=letter.at,
        to=(letter.person.email,),
        why=wish.rule.why,
        called=letter_called(letter),
        role=wish.rule.role,
        answers=wish.rule.anchor is Anchor.SILENCE,
    )


def _opening(item: Item, opens: datetime, installation: str) -> Entry:
    return Entry(
        action=Action.CREATE,
        kind=item.kind,
        training=item.training,
        mentorships=item.mentorships,
        item=item.ref,
        key=events.key(installation, item.ref, item.generation),
        start=item.starts[0],
        at=opens,
        to=tuple(person.email for person in item.people),
        why=item.why,
        called=called(item.ref),
        role=Role.MENTOR if item.kind is Kind.REMINDER else None,
    )


def _waiting(made: Entry, mail: Mail) -> Entry:
    """Say of a mail in the outbox what it is about; the outbox itself knows only a name."""
    refs = mail_refs(mail)
    if not refs:
        return replace(made, called=mail_called(mail), answers=mail.is_answer)
    mentorships = tuple(dict.fromkeys(MentorshipKey(ref.rpartition("/")[0]) for ref in refs))
    training = str(mail.payload.get("training") or refs[0].partition("/")[0])
    about = replace(made, item=refs[0], training=training, mentorships=mentorships, called=mail_called(mail), answers=mail.is_answer)
    if mail.kind != "invitation":
        return about
    start = canonical.load(mail.payload["event"]).start if "event" in mail.payload else None
    return replace(about, kind=Kind(mail.payload.get("kind", Kind.MEETING)), start=start)


def _key(change: Change, installation: str) -> str:
    match change.work:
        case Create(row=row) | Write(row=row) | Withdraw(row=row) | Move(row=row):
            return events.key(installation, row.ref, row.generation)
        case Rehour(uid=uid, ref=ref):
            return uid.removesuffix(events.mark(installation)) if uid else events.key(installation, ref, 1)
        case Respond(name=name):
            return name
        case Send(letter=letter):
            return letter_name(letter)
        case Resend(mail=mail):
            return mail.name


# -- JSON --------------------------------------------------------------------------------------------------------------


def instant(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds")


def entry_json(made: Entry) -> dict[str, Json]:
    return {
        "action": made.action.value,
        "kind": made.kind.value,
        "training": made.training,
        "mentorships": list(made.mentorships),
        "item": made.item,
        "key": made.key,
        "start": instant(made.start),
        "at": instant(made.at),
        "to": list(made.to),
        "why": made.why,
    }


def stopped_json(held: Stopped) -> dict[str, Json]:
    return entry_json(held.entry) | {"reason": held.reason, "until": held.until}


def problem_json(problem: Problem) -> dict[str, Json]:
    return {
        "what": problem.what,
        "where": problem.where,
        "file": problem.file,
        "line": problem.line,
        "hint": problem.hint,
        "warning": problem.warning,
    }

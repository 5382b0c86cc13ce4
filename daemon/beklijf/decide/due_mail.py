"""The letters and waiting mails of a plan. Pure."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from beklijf.decide.plan import Action, Cause, Change, Resend, Send
from beklijf.model.domain import Kind, Ref

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from datetime import datetime

    from beklijf.decide.plan import World
    from beklijf.ledger.outbox import Mail
    from beklijf.model.domain import Letter, MentorshipKey, Person


def assumed(letters: Iterable[Letter], adopted: Container[MentorshipKey]) -> tuple[Letter, ...]:
    """Return the welcome letters to people whose meetings stood in the calendar already: a lost ledger sent them."""
    return tuple(letter for letter in letters if all(w.rule.on_joining and w.mentorship in adopted for w in letter.wishes))


def changes(world: World, left_out: Container[Letter]) -> tuple[list[Change], list[datetime]]:
    """Return what goes out now, and when something goes out later."""
    found: list[Change] = []
    later: list[datetime] = []
    for letter in world.letters:
        if letter.lapsed or letter in left_out:
            continue
        if letter.at > world.now:
            later.append(letter.at)
        else:
            found.append(letter_change(letter))
    return found, later


def resent(mails: Iterable[Mail], now: datetime) -> tuple[list[Change], list[datetime]]:
    """Return what waits in the outbox and goes out now, and when more of it does."""
    found: list[Change] = []
    later: list[datetime] = []
    for mail in mails:
        if mail.retry_at and mail.retry_at > now:
            later.append(mail.retry_at)
        elif mail.goes_out:
            found.append(_resend(mail, now))
    return found, later


def receiver(change: Change) -> Person:
    """Return who gets the letter of a change."""
    assert isinstance(change.work, Send)
    return change.work.letter.person


def welcomes(letters: Iterable[Letter]) -> dict[MentorshipKey, datetime]:
    """Return when each mentorship's last welcome letter goes out: nobody gets an invitation from a machine unexplained."""
    found: dict[MentorshipKey, datetime] = {}
    for letter in letters:
        for wish in letter.wishes:
            if wish.rule.on_joining and not letter.lapsed:
                found[wish.mentorship] = max(letter.at, found.get(wish.mentorship, letter.at))
    return found


def letter_change(letter: Letter) -> Change:
    """Return a letter as a change, for plans and previews alike."""
    wish = letter.wishes[0]
    return Change(
        action=Action.SEND,
        kind=Kind.LETTER,
        training=wish.training,
        mentorships=tuple(w.mentorship for w in letter.wishes),
        ref=wish.ref,
        start=None,
        at=letter.at,
        to=(letter.person.email,),
        why=wish.rule.why,
        cause=Cause.DUE,
        work=Send(letter=letter),
    )


def _resend(mail: Mail, now: datetime) -> Change:
    return Change(
        action=Action.SEND,
        kind=Kind.LETTER,
        training="",
        mentorships=(),
        ref=Ref(mail.name),
        start=None,
        at=now.astimezone(UTC),
        to=(mail.recipient,),
        why=f"was not taken before: {mail.note}" if mail.note else "is waiting in the outbox",
        cause=Cause.DUE,
        work=Resend(mail=mail),
    )

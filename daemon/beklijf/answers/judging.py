"""Decides what a mail that was read means for us: what is noted, whether the coordinator gets it, whether it is handled.

In this order; the first that fits decides.

    mail                                        noted                       to the coordinator   filed
    of our own, back                            -                           -                    yes
    report on a mail that isn't ours            -                           -                    no
    report, permanent, on whom we wrote to      Bounced                     -                    yes
    report, full mailbox or policy (5.7)        -                           yes                  yes
    report, anything else                       -                           -                    yes
    answer to an event (also one marked auto)   see below                   see below            yes
    ... that can't be read, whoever wrote it    as what else it is          yes                  yes
    absence, of a person of ours                Away                        -                    yes
    token of ours, by its person or a colleague Pressed                     goals: the rest      yes
    token of ours, by anybody else              -                           yes                  yes
    answer to a goals letter                    as with its token           as with its token    yes
    another machine's, of a person of ours      -                           -                    yes
    anything else of a person of ours           -                           yes                  yes
    anything else                               -                           -                    no

    answer (to an event that we know) about     from                        noted                to the coordinator
    somebody invited, REPLY                     themselves, a colleague     Answered             -
    somebody invited, COUNTER                   themselves                  Proposed             -
    ... without a time that can be read         themselves                  Answered             yes
    somebody invited, REFRESH                   themselves, a colleague     Asked                -
    somebody invited, COUNTER                   a colleague                 -                    yes
    somebody put on it by hand, COUNTER         anybody                     -                    yes
    somebody invited                            the other one invited       -                    yes
    somebody invited                            outside, or nobody          -                    yes
    a person of ours who isn't invited          anybody                     -                    -
    an address that nobody knows                the organisation            Stranger             -
    an address that nobody knows                outside                     -                    -

*Themselves* is any address of that person; *a colleague* (a secretary, an alias that the config doesn't have) is any other
address in one of the organisation's domains. Who sends and who answers differ with delegates and aliases, so a REPLY may come from
a colleague; but it moves nothing, and a COUNTER, which may, must come from the person. One of the two can't answer for the
other. An outsider to whom somebody passed the invitation on may accept it as they like: nobody asked them. An older
SEQUENCE is about another time: such a REPLY is nothing, and such a COUNTER goes to the coordinator.

Authentication-Results is not relied on: which server's to believe is known to nobody here, a mailbox on the organisation's own
server often has none for internal mail, and forwarding breaks what there is. What a forged mail can do is what stands here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from beklijf.answers import Verdict
from beklijf.answers.mime import words
from beklijf.answers.reading import Mail, tokens
from beklijf.conversation import ANSWERS, Answered, Asked, Away, Bounced, Pressed, Proposed, Stranger, TokenKind

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from datetime import datetime

    from beklijf.answers import Known
    from beklijf.conversation import Happening, Invited, Itip, Token
    from beklijf.inbox import Envelope

Held: TypeAlias = "Mapping[tuple[str, datetime | None], tuple[datetime, int]]"
"""When meetings are now, and for how many minutes, by UID and place."""

NOWHERE: Held = MappingProxyType({})
_UNREADABLE = "an answer about an event of ours that can't be understood, or takes too much to read"
LEFT = Verdict(filed=False, why="not about anything of ours")


def wanted(envelope: Envelope, *, persons: Container[str]) -> bool:
    """Say by the envelope alone whether a mail may mean something: who writes it, or what it brings."""
    return (
        envelope.sender in persons
        or envelope.calendar
        or envelope.content_type.startswith(("multipart/report", "text/calendar"))
        or bool(tokens(words(envelope.subject)))
    )


def judge(mail: Mail, known: Known, *, held: Held = NOWHERE) -> Verdict:
    """Return what becomes of a mail; proposing the time at which a meeting is *held* already is nothing."""
    if mail.sender in known.ours:
        return Verdict(why="of our own, come back")
    if mail.report:
        return _report(mail, known)
    verdict = (
        _answers(mail, known, held)
        or _absence(mail, known)
        or _token(mail, known)
        or _goals_reply(mail, known)
        or _anything_else(mail, known)
    )
    return replace(verdict, forward=True, filed=True, why=f"{verdict.why}; {_UNREADABLE}") if mail.unreadable else verdict


def message(received: Itip, known: Known, *, held: Held = NOWHERE) -> Verdict:
    """Return what becomes of a message in a server's schedule inbox; the server let nobody write it but whom it names.

    There is no mail to forward: what would need the coordinator is nothing here.
    """
    heard = _answers(Mail(sender=received.attendee, itip=(received,)), known, held) or LEFT
    return replace(heard, forward=False)


# -- reports on delivery -----------------------------------------------------------------------------------------------


def _report(mail: Mail, known: Known) -> Verdict:
    addresses = {known.sent[each].casefold() for each in mail.returned if each in known.sent}
    if not addresses:
        return Verdict(filed=False, why="a report on a mail that is not ours")
    about = [(each, bounce) for bounce in mail.bounces for each in sorted(addresses & bounce.addresses)]
    bounced = {each: Bounced(address=each, note=bounce.note) for each, bounce in reversed(about) if bounce.permanent}
    if bounced:
        return Verdict(happenings=tuple(bounced.values()), why="a mail of ours never arrives there")
    if any(bounce.failed for _, bounce in about):
        return Verdict(forward=not addresses <= known.staff, why="a mail of ours was not taken, for another reason than its address")
    return Verdict(why="a report on a mail of ours, which is no end of it")


# -- answers to events -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Heard:
    """What one iTIP message comes to."""

    why: str
    happening: Happening | None = None
    forward: bool = False


def _answers(mail: Mail, known: Known, held: Held) -> Verdict | None:
    ours = [(replace(message, uid=event.uid), event) for message in mail.itip if (event := known.events.get(message.uid))]
    if not ours:
        return None
    heard = [_answer(message, event, mail.sender, known, held) for message, event in ours]
    return Verdict(
        happenings=tuple(dict.fromkeys(each.happening for each in heard if each.happening)),
        forward=any(each.forward for each in heard) or (mail.cut and mail.sender in known.persons),
        why="; ".join(dict.fromkeys(each.why for each in heard)),
    )


def _answer(message: Itip, event: Invited, sender: str, known: Known, held: Held) -> _Heard:
    named = message.attendee or sender
    who = _invited(named, event, known)
    if not who:
        return _uninvited(message, named, sender, known)
    themselves = sender == who or _is_same(sender, who, known)
    if not themselves and (_invited(sender, event, known) or not _is_organisation(sender, known)):
        return _Heard("an answer in the name of somebody else", forward=True)
    if message.method == "REFRESH":
        return _Heard("asks for the invitation", Asked(uid=message.uid, who=who))
    if message.sequence < event.current(message.place):
        return _Heard("an answer about another time", forward=message.method == "COUNTER")
    if message.method == "COUNTER" and who not in known.persons:
        return _Heard("a proposal of somebody who is in no pair", forward=True)
    return _counter(message, who, held, themselves=themselves) if message.method == "COUNTER" else _reply(message, who)


def _reply(message: Itip, who: str) -> _Heard:
    if message.partstat in ANSWERS:
        return _Heard("an answer", Answered(uid=message.uid, place=message.place, who=who, partstat=message.partstat))
    return _Heard("an answer that says neither yes nor no", forward=not message.partstat)


def _counter(message: Itip, who: str, held: Held, *, themselves: bool) -> _Heard:
    if not themselves:
        return _Heard("a proposal in the name of somebody else", forward=True)
    if message.start is None:
        partstat = message.partstat if message.partstat in {"TENTATIVE", "DECLINED"} else "TENTATIVE"
        answer = Answered(uid=message.uid, place=message.place, who=who, partstat=partstat)
        return _Heard("a proposal without a time that can be read", answer, forward=True)
    now = held.get((message.uid, message.place))
    if now is not None and now[0] == message.start and message.minutes in {0, now[1]}:
        return _Heard("a proposal of the time that it has")
    return _Heard("a proposal", Proposed(uid=message.uid, place=message.place, who=who, start=message.start, minutes=message.minutes))


def _uninvited(message: Itip, named: str, sender: str, known: Known) -> _Heard:
    if not named or named in known.persons or not _is_organisation(sender, known):
        return _Heard("an answer of somebody who isn't invited")
    partstat = message.partstat or ("TENTATIVE" if message.method == "COUNTER" else "")
    if partstat not in ANSWERS:
        return _Heard("somebody who isn't invited says neither yes nor no")
    stranger = Stranger(uid=message.uid, place=message.place, who=named, partstat=partstat)
    return _Heard("an answer of an address that nobody knows", stranger)


def _invited(address: str, event: Invited, known: Known) -> str:
    """Return the address by which this person is invited; empty for who isn't."""
    if address in event.people:
        return address
    return next((each for each in sorted(event.people) if _is_same(address, each, known)), "")


def _is_same(one: str, other: str, known: Known) -> bool:
    key = known.persons.get(one)
    return key is not None and key == known.persons.get(other)


def _is_organisation(address: str, known: Known) -> bool:
    return address.rpartition("@")[2] in known.domains


# -- absence, tokens, goals --------------------------------------------------------------------------------------------


def _absence(mail: Mail, known: Known) -> Verdict | None:
    if mail.auto != "away":
        return None
    if mail.sender not in known.persons:
        return LEFT
    return Verdict(happenings=(Away(who=mail.sender),), why="an out-of-office")


def _token(mail: Mail, known: Known) -> Verdict | None:
    found = [known.tokens[each] for each in mail.tokens if each in known.tokens]
    if not found:
        return None
    if len(found) > 1:
        return Verdict(forward=True, why="more than one token")
    return _pressed(mail, found[0], known)


def _goals_reply(mail: Mail, known: Known) -> Verdict | None:
    """Take a plain answer to a goals letter as what its link sends; a machine's is none."""
    names = (known.goal_letters[each] for each in mail.in_reply_to if each in known.goal_letters)
    token = next((known.tokens[each] for each in names if each in known.tokens), None)
    return _pressed(mail, token, known) if token is not None and not mail.auto else None


def _pressed(mail: Mail, token: Token, known: Known) -> Verdict:
    if known.persons.get(mail.sender) != token.person and (mail.sender in known.persons or not _is_organisation(mail.sender, known)):
        return Verdict(forward=True, why="a token, sent by somebody else")
    if token.kind is not TokenKind.GOAL:
        return Verdict(happenings=(Pressed(token=token.token, who=mail.sender),), forward=mail.cut, why=f"a token: {token.kind}")
    if not mail.goal:
        return Verdict(forward=True, why="an answer about goals without one")
    return Verdict(
        happenings=(Pressed(token=token.token, who=mail.sender, said=mail.goal),), forward=mail.rest or mail.cut, why="a token: goal"
    )


def _anything_else(mail: Mail, known: Known) -> Verdict:
    if mail.sender not in known.persons:
        return LEFT
    if mail.auto:
        return Verdict(why="written by a machine")
    return Verdict(forward=True, why="fits nothing")

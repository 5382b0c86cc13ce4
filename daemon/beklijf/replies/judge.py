"""Decides what a mail that was read means for us: what is noted, whether the coordinator gets it, whether it is handled.

In this order; the first that fits decides.

    mail                                        noted                       to the coordinator   filed
    of our own, back                            -                           -                    yes
    report on a mail that isn't ours            -                           -                    no
    report, permanent, on whom we wrote to      Bounced                     -                    yes
    ... without the secret of that mail         -                           yes                  yes
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
    ... no to a whole series, not proved        themselves, a colleague     Unproved             -
    somebody invited, COUNTER                   themselves                  Proposed             -
    ... not proved                              themselves                  Unproved             -
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

What would change much must be proved: a proposal (which may move a meeting) and a no to a whole series count if the server that
received the mail vouches for its sender (`authentication`), or if it answers a mail of ours to that person, whose Message-ID nobody
else can know. Otherwise they are `Unproved`, and put to the coordinator. Much else that a forged mail can do stands here: accept,
decline one meeting, be away; each of it shows, and is taken back by an answer. A report proves by the same Message-ID that it had our
mail; without it nobody's mail ends. A mail of 0.2.0 or before had a Message-ID that anybody can work out: it proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from beklijf.mime.leaves import words
from beklijf.mime.messages import is_secret
from beklijf.model.canonical import place
from beklijf.model.conversation import ANSWERS, Answered, Asked, Away, Bounced, Pressed, Proposed, Stranger, TokenKind, Unproved
from beklijf.model.domain import Kind
from beklijf.replies.reader import Mail, tokens
from beklijf.replies.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Container
    from datetime import datetime

    from beklijf.model.conversation import Happening, Invited, Itip, Token
    from beklijf.model.mailbox import Envelope
    from beklijf.replies.verdict import ByKey, Known

Actual: TypeAlias = "ByKey[tuple[str, datetime | None], tuple[datetime, int]]"
"""When meetings are now, and for how many minutes, by UID and RECURRENCE-ID."""

NOWHERE: Actual = MappingProxyType({})
_WHOSE = "nothing proves whose it is"
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


def judge(mail: Mail, known: Known, *, held: Actual = NOWHERE, answers: Collection[str] = ()) -> Verdict:
    """Return what becomes of a mail; proposing the time at which a meeting is *held* already is nothing.

    *answers* are the addresses that the mails of ours went to which it answers: nobody else can name these.
    """
    if mail.sender in known.ours:
        return Verdict(why="of our own, come back")
    if mail.report:
        return _report(mail, known)
    verdict = (
        _answers(mail, known, held, answers)
        or _absence(mail, known)
        or _token(mail, known)
        or _goals_reply(mail, known)
        or _anything_else(mail, known)
    )
    return replace(verdict, forward=True, filed=True, why=f"{verdict.why}; {_UNREADABLE}") if mail.unreadable else verdict


def message(received: Itip, known: Known, *, held: Actual = NOWHERE) -> Verdict:
    """Return what becomes of a message in a server's schedule inbox; the server let nobody write it but whom it names.

    There is no mail to forward: what would need the coordinator is nothing here.
    """
    heard = _answers(Mail(sender=received.attendee, itip=(received,), authenticated=True), known, held, ()) or LEFT
    return replace(heard, forward=False)


# -- reports on delivery -----------------------------------------------------------------------------------------------


def _report(mail: Mail, known: Known) -> Verdict:
    sent = {each: known.sent[each].casefold() for each in mail.returned if each in known.sent}
    addresses, proved = set(sent.values()), {address for each, address in sent.items() if is_secret(each)}
    if not addresses:
        return Verdict(filed=False, why="a report on a mail that is not ours")
    about = [(each, bounce) for bounce in mail.bounces for each in sorted(addresses & bounce.addresses)]
    ends = [(each, bounce) for each, bounce in reversed(about) if bounce.permanent and each in proved]
    bounced = {each: Bounced(address=each, note=bounce.note) for each, bounce in ends}
    if bounced:
        return Verdict(happenings=tuple(bounced.values()), why="a mail of ours never arrives there")
    if any(bounce.failed for _, bounce in about):
        return Verdict(forward=not addresses <= known.staff, why="a mail of ours was not taken, or so says who can't prove to know it")
    return Verdict(why="a report on a mail of ours, which is no end of it")


# -- answers to events -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Understood:
    """What one iTIP message comes to."""

    why: str
    happening: Happening | None = None
    forward: bool = False


def _answers(mail: Mail, known: Known, held: Actual, answers: Collection[str]) -> Verdict | None:
    ours = [(_placed(message, event), event) for message in mail.itip if (event := known.events.get(message.uid))]
    if not ours:
        return None
    understood = [
        each if _is_proved(mail, each.happening, known, answers) else _put(each, event)
        for message, event in ours
        for each in [_answer(message, event, mail.sender, known, held)]
    ]
    return Verdict(
        happenings=tuple(dict.fromkeys(each.happening for each in understood if each.happening)),
        forward=any(each.forward for each in understood) or (mail.cut and mail.sender in known.persons),
        why="; ".join(dict.fromkeys(each.why for each in understood)),
    )


def _placed(message: Itip, event: Invited) -> Itip:
    """Return *message* under our UID, and about the meeting that it means, by whatever rules of the zone it spells that."""
    at = message.recurrence_id
    placed = place(at, event.start, event.recurrence) if at is not None and event.start is not None else at
    return replace(message, uid=event.uid, recurrence_id=placed)


def _is_proved(mail: Mail, happening: Happening | None, known: Known, answers: Collection[str]) -> bool:
    """Say whether it is certain who wrote this: the server that received it vouches for them, or it answers our mail to them."""
    who = getattr(happening, "who", "")
    return mail.authenticated or any(address == who or _is_same(address, who, known) for address in answers)


def _put(understood: _Understood, event: Invited) -> _Understood:
    """Return what is left of an answer that anybody may have written: what would change much is put to the coordinator."""
    match understood.happening:
        case Proposed():
            return replace(understood, happening=Unproved(asked=understood.happening), why=_WHOSE)
        case Answered(recurrence_id=None, partstat="DECLINED") if event.kind is Kind.SERIES:
            return replace(understood, happening=Unproved(asked=understood.happening), why=_WHOSE)
        case Stranger(recurrence_id=None, partstat="DECLINED") if event.kind is Kind.SERIES:
            return replace(understood, happening=replace(understood.happening, partstat="NEEDS-ACTION"), forward=True, why=_WHOSE)
        case _:
            return understood


def _answer(message: Itip, event: Invited, sender: str, known: Known, held: Actual) -> _Understood:
    named = message.attendee or sender
    who = _invited(named, event, known)
    if not who:
        return _uninvited(message, named, sender, known)
    themselves = sender == who or _is_same(sender, who, known)
    if not themselves and (_invited(sender, event, known) or not _is_organisation(sender, known)):
        return _Understood("an answer in the name of somebody else", forward=True)
    if message.method == "REFRESH":
        return _Understood("asks for the invitation", Asked(uid=message.uid, who=who))
    if message.sequence < event.current(message.recurrence_id):
        return _Understood("an answer about another time", forward=message.method == "COUNTER")
    if message.method == "COUNTER" and who not in known.persons:
        return _Understood("a proposal of somebody who is in no pair", forward=True)
    return _counter(message, who, held, themselves=themselves) if message.method == "COUNTER" else _reply(message, who)


def _reply(message: Itip, who: str) -> _Understood:
    if message.partstat in ANSWERS:
        return _Understood("an answer", Answered(uid=message.uid, recurrence_id=message.recurrence_id, who=who, partstat=message.partstat))
    return _Understood("an answer that says neither yes nor no", forward=not message.partstat)


def _counter(message: Itip, who: str, held: Actual, *, themselves: bool) -> _Understood:
    if not themselves:
        return _Understood("a proposal in the name of somebody else", forward=True)
    if message.start is None:
        partstat = message.partstat if message.partstat in {"TENTATIVE", "DECLINED"} else "TENTATIVE"
        answer = Answered(uid=message.uid, recurrence_id=message.recurrence_id, who=who, partstat=partstat)
        return _Understood("a proposal without a time that can be read", answer, forward=True)
    now = held.get((message.uid, message.recurrence_id))
    if now is not None and now[0] == message.start and message.minutes in {0, now[1]}:
        return _Understood("a proposal of the time that it has")
    return _Understood(
        "a proposal", Proposed(uid=message.uid, recurrence_id=message.recurrence_id, who=who, start=message.start, minutes=message.minutes)
    )


def _uninvited(message: Itip, named: str, sender: str, known: Known) -> _Understood:
    if not named or named in known.persons or not _is_organisation(sender, known):
        return _Understood("an answer of somebody who isn't invited")
    partstat = message.partstat or ("TENTATIVE" if message.method == "COUNTER" else "")
    if partstat not in ANSWERS:
        return _Understood("somebody who isn't invited says neither yes nor no")
    stranger = Stranger(uid=message.uid, recurrence_id=message.recurrence_id, who=named, partstat=partstat)
    return _Understood("an answer of an address that nobody knows", stranger)


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
    letters = [each for each in mail.in_reply_to if (token := known.goal_letters.get(each)) and token in known.tokens]
    if not letters or mail.auto:
        return None
    if not is_secret(letters[0]) and not mail.authenticated:
        return Verdict(forward=True, why=_WHOSE)
    return _pressed(mail, known.tokens[known.goal_letters[letters[0]]], known)


def _pressed(mail: Mail, token: Token, known: Known) -> Verdict:
    theirs = known.persons.get(mail.sender) == token.person
    if not theirs and (mail.sender in known.persons or not (_is_organisation(mail.sender, known) or mail.sender in known.staff)):
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

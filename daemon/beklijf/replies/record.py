"""What comes of the things that people say by mail: noted, proposed, paused, answered, passed on. Decides not what a mail means.

Called inside one transaction of the ledger, so that a mail is heard as a whole or not at all. What it may bring about is
bounded: facts about who is in our events, answers to people of the config, and mails to the coordinator, so many a day.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never
from zoneinfo import ZoneInfo

from beklijf.decide import from_calendar, responses
from beklijf.decide.decisions import read_kind
from beklijf.mime.links import Links
from beklijf.model import canonical, words
from beklijf.model.conversation import (
    ANSWERS,
    About,
    Answered,
    Asked,
    Away,
    Bounced,
    Heard,
    Pause,
    Pressed,
    Proposal,
    Proposed,
    Response,
    Said,
    Stranger,
    TokenKind,
    Unproved,
)
from beklijf.model.domain import Kind, Ref
from beklijf.replies.staff_mail import Notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from beklijf.contracts.settings import Config
    from beklijf.ledger import Ledger
    from beklijf.ledger.conversation import Conversation
    from beklijf.ledger.outbox import Outbox
    from beklijf.model.conversation import Happening, Token
    from beklijf.model.domain import MentorshipKey, Person
    from beklijf.model.mailbox import Received

log = logging.getLogger("beklijf")

Source: TypeAlias = Literal["calendar", "mail"]

HEARD_A_DAY = 40
"""Of one address about one event: all its meetings, answered more than once. Each may bring a letter; what is more is a machine."""

FORWARDS_A_DAY = 20
"""From one address; what is more is filed, and stays there for the coordinator to be looked up."""

FORWARDS_IN_ALL = 100

UNPROVED_A_DAY = 20
"""So many things that mails ask without a proof are put to the coordinator; anybody can make them up."""

STRANGERS_A_DAY = 20
"""So many unknown addresses the coordinator is asked about; anybody can make them up. ``status`` names all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorder:
    config: Config
    ledger: Ledger
    outbox: Outbox
    conversation: Conversation

    def record(self, happening: Happening, now: datetime, *, source: Source = "mail") -> None:
        """Note one happening, with what follows from it at once."""
        if self._is_too_much(happening, now):
            log.warning("an answer is left alone: there were too many of them today")
            return
        match happening:
            case Answered(uid=uid, recurrence_id=recurrence_id, who=who, partstat=partstat):
                self._note(ANSWERS.get(partstat, Said.OPEN), uid, recurrence_id, who, now)
            case Proposed():
                self._propose(happening, now, source)
            case Asked(uid=uid, who=who):
                self._send_again(uid, who, now)
            case Stranger(uid=uid, recurrence_id=recurrence_id, who=who, partstat=partstat):
                self._note(Said.STRANGER, uid, recurrence_id, who, now)
                self._note(ANSWERS.get(partstat, Said.OPEN), uid, recurrence_id, who, now)
                self._ask_who(uid, who, now)
            case Away(who=who):
                self._note(Said.AWAY, "", None, who, now)
            case Bounced(address=address, note=note):
                self._bounced(address, note, now)
            case Unproved(asked=asked):
                self._put(asked, now)
            case Pressed(token=token, said=said):
                self._pressed(self.conversation.token(token), said, now)
            case unknown:
                assert_never(unknown)

    def _is_too_much(self, happening: Happening, now: datetime) -> bool:
        if not isinstance(happening, Answered | Proposed | Stranger):
            return False
        return self.conversation.count(happening.uid, happening.who, now - timedelta(days=1)) >= HEARD_A_DAY

    def _bounced(self, address: str, note: str, now: datetime) -> None:
        if self.conversation.bounce(address, note, now):
            self.outbox.drop_for(address, note)
            status = note.partition(" ")[0]  # and not the words of whichever server it was
            self._notices.tell("bounced", address, now, called=address, name=self._name(address), address=address, note=status)

    def _note(self, said: Said, uid: str, recurrence_id: datetime | None, who: str, now: datetime, source: Source = "mail") -> None:
        self.conversation.note(Heard(at=now, said=said, uid=uid, ref=Ref(""), recurrence_id=recurrence_id, who=who, source=source))

    def _propose(self, proposed: Proposed, now: datetime, source: Source) -> None:
        """Keep a proposal until it is settled; the mail about one that the calendar told already says nothing new."""
        invited = self.conversation.invited(proposed.uid)
        key = self._whose().get(proposed.who.casefold(), "")
        row = self.ledger.row(proposed.uid)
        told = source == "mail" and row is not None and from_calendar.is_told(row, proposed)
        if told or not self._has_say(invited.mentorships[0], key):
            return
        self._note(Said.PROPOSED, proposed.uid, proposed.recurrence_id, proposed.who, now, source)
        own = next((m.zone for t in self.config.trainings for m in t.mentorships if m.key in invited.mentorships), ZoneInfo("UTC"))
        zone = canonical.clock(canonical.load(row.seen).start, own) if row else own
        proposal = Proposal(
            id=0,
            at=now,
            mentorship=invited.mentorships[0],
            uid=proposed.uid,
            recurrence_id=proposed.recurrence_id,
            who=key,
            start=proposed.start.astimezone(zone),
            minutes=proposed.minutes,
        )
        self.conversation.propose(proposal)

    def _pressed(self, token: Token | None, said: str, now: datetime) -> None:
        person = self._persons().get(token.person) if token else None
        if token is None or person is None:
            return  # who left the config has nothing to say any more
        if token.kind not in {TokenKind.PAUSE, TokenKind.RESUME} and not self._has_say(token.mentorship, person.key):
            return  # nor has who left the pair, except about mail to themselves
        if token.kind is TokenKind.CONFIRM:
            self.record(_confirmed(token, person), now)
            return
        self._note(Said.WROTE, "", None, person.email, now)
        match token.kind:
            case TokenKind.GOAL:
                if said:
                    self.conversation.set_goal(token.mentorship, token.person, said, now)
                    today = now.astimezone(person.zone).date()
                    noted = Response(about=About.GOAL_NOTED, mentorship=token.mentorship, person=person.key, goal=said, first=today)
                    self._answer(noted, person, now)
            case TokenKind.PAUSE | TokenKind.RESUME:
                self._pause(token, person, now)
            case TokenKind.HOUR | TokenKind.TIME:
                self._choose(token, now)
            case TokenKind.ONCE | TokenKind.CONFIRM:
                pass
            case unknown:
                assert_never(unknown)

    def _pause(self, token: Token, person: Person, now: datetime) -> None:
        kind = read_kind(token.value["kind"])
        first = now.astimezone(person.zone).date()
        if token.kind is TokenKind.PAUSE:
            self.conversation.pause(Pause(person=person.key, kind=kind, first=first))
            response = Response(about=About.PAUSED, mentorship=token.mentorship, person=person.key, kinds=(kind,), first=first)
        elif self.conversation.resume(person.key, kind):
            response = Response(about=About.RESUMED, mentorship=token.mentorship, person=person.key, kinds=(kind,), first=first)
        else:
            return
        self._answer(response, person, now)
        pausing = words.pausing([kind], first, None, self._notices.language)
        about = "paused" if token.kind is TokenKind.PAUSE else "resumed"
        self._notices.tell(about, f"{person.key} {kind} {now:%Y-%m-%d}", now, called=person.name, name=person.name, **pausing)

    def _choose(self, token: Token, now: datetime) -> None:
        """Take a chosen time as a proposal: whether it is still possible shows when it is settled."""
        value = token.value
        recurrence_id = datetime.fromisoformat(value["place"]) if value.get("place") else None
        uid = value.get("uid", "") if token.kind is TokenKind.TIME else ""
        mentees = {m.key: m.mentee.key for t in self.config.trainings for m in t.mentorships}
        agreed = value.get("agreed") == "yes" or mentees.get(token.mentorship) == token.person
        start = datetime.fromisoformat(value["start"])
        proposal = Proposal(
            id=0,
            at=now,
            mentorship=token.mentorship,
            uid=uid,
            recurrence_id=recurrence_id,
            who=token.person,
            start=start.astimezone(ZoneInfo(value["zone"])) if "zone" in value else start,
            minutes=int(value.get("minutes", "0")),
            agreed=agreed,
        )
        self.conversation.propose(proposal)
        if uid:
            self._note(Said.PROPOSED, uid, recurrence_id, self._persons()[token.person].email, now)

    def _send_again(self, uid: str, who: str, now: datetime) -> None:
        """Send the invitation once more, to the attendee who asked; where a server invites, it has answered by itself."""
        row = self.ledger.row(uid)
        if row is None or row.state != "live" or row.announced is None or (self.ledger.get("sender") == "server" and not row.ours):
            return
        event = canonical.load(row.announced)
        contact = next((c for c in event.people if c.email.casefold() == who.casefold()), None)
        if contact is not None:
            copy, again = self.conversation.copy(row, event), f" again {now:%Y-%m-%d}"
            self.outbox.add_invitation(row, event, copy, to=contact, method="REQUEST", about="invitation", now=now, again=again)

    # -- mails that follow ---------------------------------------------------------------------------------------------

    def _answer(self, response: Response, person: Person, now: datetime) -> None:
        name = f"answer {response.about} {response.mentorship} {person.key} {now:%Y-%m-%dT%H:%M:%S}"
        self.outbox.add_answer(name, subject=response.mentorship, recipient=person.email, response=responses.dump(response), now=now)

    def forward(self, mail: Received, sender: str, now: datetime) -> None:
        """Pass a mail on to the coordinator as it came, unread by us."""
        today, whom = now - timedelta(days=1), sha256(sender.encode()).hexdigest()[:12]
        count = self.outbox.count
        if count("forwarded", today) >= FORWARDS_IN_ALL or count("forwarded", today, subject=whom) >= FORWARDS_A_DAY:
            log.warning("a mail that fits nothing is only filed: there were too many of them today")
            return
        self._notices.tell(
            "forwarded",
            f"{whom} {sha256(mail.content).hexdigest()[:32]}",
            now,
            called=sender,
            subject=whom,
            address=sender,
            attached=base64.b64encode(mail.content).decode(),
        )

    def _put(self, asked: Answered | Proposed, now: datetime) -> None:
        """Tell the coordinator what somebody asks whose mail proves nothing, with a link that makes it count.

        Where a mailbox's own server works every answer into its event, the calendar says it if it is so: nobody is asked.
        """
        row = self.ledger.row(asked.uid)
        if isinstance(asked, Answered) and self.config.calendar.kind.tells_answers:
            return
        if isinstance(asked, Proposed) and row is not None and from_calendar.is_told(row, asked):
            return
        key, invited = self._whose().get(asked.who.casefold(), ""), self.conversation.invited(asked.uid)
        if not key or not invited.mentorships or not self._has_say(invited.mentorships[0], key):
            return
        if self.outbox.count("unproved", now - timedelta(days=1)) >= UNPROVED_A_DAY:
            log.warning("what a mail asks is not told: there were too many of them today")
            return
        start = asked.start if isinstance(asked, Proposed) else None
        said = self._said(asked)
        links = Links(self.config.inbox.address if self.config.inbox else "", self.ledger.secret())
        link = links.mailto(
            TokenKind.CONFIRM,
            invited.mentorships[0],
            key,
            {
                "partstat": asked.partstat if isinstance(asked, Answered) else "",
                "uid": asked.uid,
                "place": asked.recurrence_id.isoformat() if asked.recurrence_id else "",
                "start": start.isoformat() if start else "",
                "minutes": str(asked.minutes if isinstance(asked, Proposed) else 0),
            },
            subject=words.ASKS["confirm"][self._notices.language].format(said),
            body=words.ASKS["send"][self._notices.language],
        )
        self.conversation.remember(links.made, now)
        name = self._name(asked.who)
        self._notices.tell(
            "unproved",
            f"{links.made[0].token} {now:%Y-%m-%d}",
            now,
            called=name,
            link=link,
            name=name,
            address=asked.who,
            asked=said,
        )

    def _said(self, asked: Answered | Proposed) -> str:
        """Return what is asked, in the organisation's words and on its clock."""
        language, zone = self._notices.language, self.config.organisation.zone
        if isinstance(asked, Answered):
            return words.REQUESTS["decline"][language]
        row = self.ledger.row(asked.uid)
        was = asked.recurrence_id or (canonical.load(row.seen).start if row else asked.start)
        about = "move" if asked.recurrence_id or (row and row.kind is not Kind.SERIES) else "move-series"
        moments = {"was": words.moment(was, zone, language), "start": words.moment(asked.start, zone, language)}
        return words.REQUESTS[about][language].format(**moments)

    def _ask_who(self, uid: str, who: str, now: datetime) -> None:
        """Ask the coordinator whose an address is, once."""
        if self.outbox.count("stranger", now - timedelta(days=1)) >= STRANGERS_A_DAY:
            return
        invited = self.conversation.invited(uid)
        names = [self._name(address) for address in sorted(invited.people)]
        listed = words.listed(names, self._notices.language)
        self._notices.tell("stranger", who, now, called=who, address=who, names=listed)

    @property
    def _notices(self) -> Notices:
        return Notices(config=self.config, outbox=self.outbox)

    def _has_say(self, mentorship: MentorshipKey, person: str) -> bool:
        """Say whether somebody (by key) is one of the two; people may be put on an event by hand, or have left the pair."""
        return any(person in {m.mentee.key, m.mentor.key} for t in self.config.trainings for m in t.mentorships if m.key == mentorship)

    def _name(self, address: str) -> str:
        key = self._whose().get(address.casefold(), "")
        return self._persons()[key].name if key else address

    def _persons(self) -> Mapping[str, Person]:
        return {person.key: person for person in self.config.persons}

    def _whose(self) -> dict[str, str]:
        return {address: person.key for person in self.config.persons for address in person.addresses}


def _confirmed(token: Token, person: Person) -> Answered | Proposed:
    """Return what the token's person asked by mail, now that somebody vouches for it."""
    value = token.value
    recurrence_id = datetime.fromisoformat(value["place"]) if value["place"] else None
    if value["partstat"]:
        return Answered(uid=value["uid"], recurrence_id=recurrence_id, who=person.email.casefold(), partstat=value["partstat"])
    start, minutes = datetime.fromisoformat(value["start"]), int(value["minutes"])
    return Proposed(uid=value["uid"], recurrence_id=recurrence_id, who=person.email.casefold(), start=start, minutes=minutes)

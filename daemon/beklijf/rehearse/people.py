"""People in a rehearsal: does what a file says they do, as their programs would do it, and says so in words.

Mails are dropped into the inbox and events edited in the folder, both as bytes; what comes of it is the engine's business. Only
what an act is about is looked up in the ledger: which event, which link the person got.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from beklijf.backends.folder.settings import CalendarInFolder, InboxInFolder
from beklijf.boundary import files, maildir
from beklijf.commands.names import called
from beklijf.contracts.people import safe_name
from beklijf.model import canonical, words
from beklijf.model.conversation import TokenKind
from beklijf.model.errors import Problem
from beklijf.planning.agendas import day_of
from beklijf.rehearse import client_edits, client_mail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from beklijf.commands.report import Words
    from beklijf.ledger import Row
    from beklijf.model.conversation import Token
    from beklijf.model.domain import Event
    from beklijf.rehearse.script import Act
    from beklijf.tick.engine import Engine

PARTSTATS = {"accept": "ACCEPTED", "tentative": "TENTATIVE", "decline": "DECLINED"}
ANSWERS = {"accept": "accepts", "tentative": "perhaps comes to", "decline": "declines"}
TOKENS = {
    "goal": {TokenKind.GOAL},
    "choose": {TokenKind.HOUR, TokenKind.TIME},
    "pause": {TokenKind.PAUSE},
    "resume": {TokenKind.RESUME},
}
BOUNCING = timedelta(days=14)


class Nothing(Exception):
    """There is nothing of that kind at that moment: what is missing, and a hint."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody did."""

    act: Act
    item: str
    """The item's whole name; empty where it is about none."""
    said: str
    """``Sanne de Vries declines the series``."""


@dataclass(frozen=True, slots=True)
class _Found:
    row: Row
    event: Event
    recurrence_id: datetime | None
    """UTC."""
    start: datetime
    """Where the meeting is now; of a series its next one."""

    @property
    def called(self) -> str:
        return f"the {called(self.row.ref)}"


class People:
    """Everybody, at work in the folders of one rehearsal."""

    def __init__(self, engine: Engine, words: Words) -> None:
        config = engine.config
        assert config.inbox is not None
        assert isinstance(config.inbox.maker, InboxInFolder)
        assert isinstance(config.calendar.maker, CalendarInFolder)
        self._engine = engine
        self._words = words
        self._inbox = config.inbox.maker.path
        self._calendars = config.calendar.maker
        self._number = count(1)

    def do(self, act: Act) -> Deed | Problem:
        """Do *act*; return a problem when it can't be done, with the line that it stands on."""
        try:
            item, said = self._do(act)
        except Nothing as error:
            return Problem(file=act.file, line=act.line, where=act.where, what=str(error), hint=error.hint)
        return Deed(act=act, item=item, said=f"{act.person.name} {said}")

    def _do(self, act: Act) -> tuple[str, str]:
        match act.what:
            case "accept" | "tentative" | "decline":
                return self._answer(act)
            case "propose":
                return self._propose(act)
            case "move" | "delete":
                return self._edit(act)
            case "away":
                self._drop(act, client_mail.absence)
                return "", "answers from the programme: out of office"
            case "bounce":
                return self._bounce(act)
            case _:
                return self._press(act)

    # -- answers to events ---------------------------------------------------------------------------------------------

    def _answer(self, act: Act) -> tuple[str, str]:
        found, partstat = self._find(act), PARTSTATS[act.what]
        attendee, organizer = self._attendee(act, found), found.event.organizer.email
        if organizer.casefold() == self._organizer.casefold():
            invitation = self._invitation(found, attendee)
            self._drop(act, lambda envelope: client_mail.answer(envelope, invitation, "REPLY", partstat))
        else:  # the answer goes to the mentee whose event it is, and that person's program notes it
            self._write(found, client_edits.answer(self._read(found), found.recurrence_id, attendee, partstat))
        return found.row.ref, f"{ANSWERS[act.what]} {self._which(found)}"

    def _propose(self, act: Act) -> tuple[str, str]:
        found = self._find(act)
        attendee, organizer = self._attendee(act, found), found.event.organizer.email
        if organizer.casefold() != self._organizer.casefold():
            raise Nothing("the proposal would go to the mentee, whose event it is", 'they move it: what = "move"')
        invitation = replace(self._invitation(found, attendee), start=self._to(act))
        self._drop(act, lambda envelope: client_mail.answer(envelope, invitation, "COUNTER", "TENTATIVE"))
        return found.row.ref, f"proposes {self._words.moment(invitation.start)} for {self._which(found)}"

    def _edit(self, act: Act) -> tuple[str, str]:
        found = self._find(act)
        data = self._read(found)
        if act.what == "move":
            zone = found.start.tzinfo
            by = self._to(act).astimezone(zone).replace(tzinfo=None) - found.start.replace(tzinfo=None)
            self._write(found, client_edits.move(data, found.recurrence_id, by))
            return found.row.ref, f"moves {self._which(found)} to {self._words.moment(self._to(act))}"
        if found.recurrence_id is None:
            (self._folder(found) / self._name(found)).unlink()
        else:
            self._write(found, client_edits.take_out(data, found.recurrence_id))
        return found.row.ref, f"takes {self._which(found)} out of the calendar"

    def _find(self, act: Act) -> _Found:
        """Return the event that *act* names, as the ledger saw it last: this person's, if the name fits several."""
        live = [row for row in self._engine.ledger.rows().values() if row.state == "live"]
        named = [row for row in live if f"/{row.ref}".casefold().endswith(f"/{act.item}".casefold())]
        own = [row for row in named if act.person.key in row.persons]
        if not own:
            what = f"{act.person.name} is not in {named[0].ref}" if named else f'no event "{act.item}" stands in a calendar then'
            raise Nothing(what, self._there(act, live))
        if len(own) > 1:
            raise Nothing(f'"{act.item}" may be any of: {", ".join(sorted(row.ref for row in own))}', "name one of them in full")
        [row] = own
        event = canonical.load(row.seen)
        recurrence_id = self._recurrence_id(act, event)
        start = (
            canonical.actual_start(event, recurrence_id)
            if recurrence_id
            else next((at for at in canonical.meetings(event) if at > act.at), None)
        )
        if start is None:
            raise Nothing(f"{row.ref} has no such meeting any more")
        return _Found(row, event, recurrence_id, start.astimezone(canonical.clock(event.start)))

    def _recurrence_id(self, act: Act, event: Event) -> datetime | None:
        if act.meeting is None:
            return None
        occurrences = canonical.occurrences(event)
        actual = {
            day_of(at, act.person): recurrence_id for recurrence_id in occurrences if (at := canonical.actual_start(event, recurrence_id))
        }
        days = actual | {day_of(at, act.person): at for at in occurrences}
        if event.recurrence is None:
            if act.meeting in days:
                return None
            raise Nothing(f"that meeting is on {act.person.name}'s {next(iter(days))}", "leave out meeting")
        if act.meeting not in days:
            raise Nothing(f"the series has no meeting on {act.meeting}", f"it has: {', '.join(map(str, sorted(days)))}")
        return days[act.meeting]

    def _there(self, act: Act, rows: list[Row]) -> str:
        mine = sorted(row.ref for row in rows if act.person.key in row.persons)
        return f"{act.person.name} has: {', '.join(mine)}" if mine else f"{act.person.name} has no events yet"

    def _attendee(self, act: Act, found: _Found) -> str:
        """Return by which of their addresses a person is invited."""
        invited = {contact.email.casefold(): contact.email for contact in found.event.people}
        for address in sorted(act.person.addresses):
            if address in invited:
                return invited[address]
        raise Nothing(f"{act.person.name} is not invited to {found.row.ref}", "whose event it is answers nobody")

    def _which(self, found: _Found) -> str:
        if found.recurrence_id is None:
            return found.called
        return f"the meeting of {self._words.moment(found.recurrence_id)}"

    def _to(self, act: Act) -> datetime:
        assert act.to is not None  # the reader asks for it
        return act.to

    def _invitation(self, found: _Found, attendee: str) -> client_mail.Invitation:
        event = found.event
        return client_mail.Invitation(
            uid=found.row.uid,
            recurrence_id=found.recurrence_id,
            sequence=found.row.sequence,
            organizer=event.organizer.email,
            attendee=attendee,
            start=found.start if found.recurrence_id else event.start,
            minutes=event.minutes,
            title=event.title,
        )

    # -- links and machines --------------------------------------------------------------------------------------------

    def _press(self, act: Act) -> tuple[str, str]:
        token = self._token(act)
        language = act.person.language
        body, said = words.ASKS["send"][language], ""
        match act.what:
            case "goal":
                subject, body = words.ASKS["goal"][language], f"{words.GOAL_LINE[language]}{act.text}"
                said = f'writes a goal: "{act.text}"'
            case "choose":
                start = _start(token)
                subject = words.ASKS["time"][language].format(f"{start:%Y-%m-%d %H:%M}")
                said = f"chooses {self._words.moment(start)}{', from then on' if token.kind is TokenKind.HOUR else ''}"
            case _:
                subject = words.ASKS[f"{act.what}-{act.kind}"][language]
                said = f"{act.what}s {act.kind}"
        self._drop(act, lambda envelope: client_mail.link(envelope, subject, token.token, body))
        return "", said

    def _token(self, act: Act) -> Token:
        """Return the link that a letter gave this person; of several times the one that is meant, or else the first to come."""
        tokens = self._engine.conversation.tokens().values()
        mine = [token for token in tokens if token.person == act.person.key and token.kind in TOKENS[act.what]]
        match act.what:
            case "choose":
                times = sorted(mine, key=_start)
                fit = [token for token in times if _start(token) > act.at and act.to in {None, _start(token)}]
                offered = ", ".join(dict.fromkeys(self._words.moment(_start(token)) for token in times))
                hint = f"offered were: {offered}" if times else "no letter has offered any"
            case "goal":
                fit, hint = mine, "the goals letter has not gone out then"
            case _:
                fit = [token for token in mine if token.value["kind"] == act.kind]
                hint = "each letter has one to pause, and who paused gets one to resume"
        if not fit:
            raise Nothing(f"{act.person.name} has got no link for that", hint)
        return fit[0]

    def _bounce(self, act: Act) -> tuple[str, str]:
        sent = self._engine.outbox.sent_by_id(act.at - BOUNCING)
        back = [message for message, recipient in sent.items() if recipient == act.person.email.casefold()]
        if not back:
            raise Nothing(f"no mail went to {act.person.email} in the days before")
        self._drop(act, lambda envelope: client_mail.returned(envelope, act.person.email, back[-1]), daemon=True)
        return "", "no longer has a mailbox: a mail comes back"

    # -- files ---------------------------------------------------------------------------------------------------------

    @property
    def _organizer(self) -> str:
        return self._engine.config.calendar.organizer.email

    def _drop(self, act: Act, made: Callable[[client_mail.Envelope], bytes], *, daemon: bool = False) -> None:
        """Put a mail into the inbox, as of the moment at which it happens."""
        number = next(self._number)
        assert self._engine.config.inbox is not None
        sender, name = ("mailer-daemon@mail.invalid", "Mail Delivery System") if daemon else (act.address, act.person.name)
        envelope = client_mail.Envelope(sender=sender, name=name, to=self._engine.config.inbox.address, at=act.at, number=number)
        maildir.make(self._inbox, durable=False)
        at = act.at.timestamp()
        maildir.deliver(self._inbox, f"{int(at)}.{number}.rehearsal", made(envelope), at=at, durable=False)

    def _folder(self, found: _Found) -> Path:
        owner, theirs, _ = found.row.href.rpartition("|")
        return self._calendars.folder_of(owner) if theirs else self._calendars.path / safe_name(self._organizer)

    def _name(self, found: _Found) -> str:
        return found.row.href.rpartition("|")[2]

    def _read(self, found: _Found) -> bytes:
        return (self._folder(found) / self._name(found)).read_bytes()

    def _write(self, found: _Found, data: bytes) -> None:
        with files.folder(self._folder(found)) as folder:
            files.write(folder, self._name(found), data, mode=files.COMMON, durable=False)


def _start(token: Token) -> datetime:
    return datetime.fromisoformat(token.value["start"]).astimezone(UTC)

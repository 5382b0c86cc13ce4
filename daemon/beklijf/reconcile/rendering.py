"""Rows of the outbox as messages: found again in the programme, worded by the templates. Sends and records nothing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from beklijf import canonical
from beklijf.domain import Contact, Letter, Person, Single
from beklijf.letters import reply_to
from beklijf.mailers import invitations, messages

if TYPE_CHECKING:
    from email.message import EmailMessage

    from beklijf.domain import Event, Programme
    from beklijf.ledger.outbox import Mail
    from beklijf.letters import Letters
    from beklijf.settings import Config


class Rendering:
    """The messages of one pass over the outbox; the programme is looked through once, not once a mail."""

    def __init__(self, config: Config, letters: Letters, programme: Programme) -> None:
        self.config = config
        self.letters = letters
        self.programme = programme
        self._wishes = {wish.ref: wish for track in programme.tracks.values() for wish in track.wishes}
        self._items = {item.ref: item for track in programme.tracks.values() for item in track.items}
        self._persons = {person.email.casefold(): person for person in config.persons}

    def message(self, mail: Mail) -> EmailMessage | None:
        """Return the message of a row; None when what it was about is gone. Raises ConfigError for a template that fails."""
        match mail.kind:
            case "letter":
                return self._letter(mail)
            case "invitation":
                return self._invitation(mail)
            case _:
                return self._notice(mail)

    def _letter(self, mail: Mail) -> EmailMessage | None:
        found = tuple(self._wishes[ref] for ref in mail.payload["refs"] if ref in self._wishes)
        if not found:
            return None
        letter = Letter(wishes=found, at=mail.queued)
        return messages.build(
            self.letters.letter(letter, self.programme),
            sender=self.config.mail.sender,
            to=Contact(letter.person.name, mail.recipient),
            reply_to=reply_to(letter, self.programme),
            message_id=self._message_id(mail),
            date=mail.queued,
            auto=True,
        )

    def _invitation(self, mail: Mail) -> EmailMessage:
        told = mail.payload
        event = canonical.load(told["event"])
        single = _single(event, told["single"])
        contact = Contact(*told["contact"])
        item = self._items.get(told["ref"])
        return invitations.invitation(
            event,
            method=told["method"],
            sequence=told["sequence"],
            stamp=mail.queued,
            single=None if single is None else single.at,
            recipient=contact,
            rendered=self.letters.around(told["about"], event, self._reader(contact), self.programme, item=item, single=single),
            message_id=self._message_id(mail),
            date=mail.queued,
        )

    def _notice(self, mail: Mail) -> EmailMessage:
        said = mail.payload
        to = Contact(said["name"], mail.recipient)
        return messages.build(
            self.letters.notice(self.programme, to, said["title"], said["lines"], said["command"]),
            sender=self.config.mail.sender,
            to=to,
            reply_to=None,
            message_id=self._message_id(mail),
            date=mail.queued,
            auto=True,
        )

    def _message_id(self, mail: Mail) -> str:
        sender = self.config.calendar.organizer if mail.kind == "invitation" else self.config.mail.sender
        return messages.message_id(f"{self.config.service.installation} {mail.name}", sender.email.rpartition("@")[2])

    def _reader(self, contact: Contact) -> Person:
        """Return whose language and clock a mail goes by; somebody who left the config reads the organisation's."""
        address = contact.email.casefold()
        if known := self._persons.get(address):
            return known
        organisation = self.config.organisation
        return Person(
            key=address,
            name=contact.name or contact.email,
            email=contact.email,
            language=organisation.language,
            zone=organisation.zone,
            works=organisation.office_hours.days,
        )


def _single(event: Event, at: str) -> Single | None:
    """Return the meeting of *event* that a row is about; one that is back on its own hour stands at its place."""
    if not at:
        return None
    place = datetime.fromisoformat(at)
    own = Single(place, place.astimezone(event.start.tzinfo), event.minutes)
    return next((single for single in event.singles if single.at == place), own)

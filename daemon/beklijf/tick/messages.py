"""Rows of the outbox as messages: found again in the programme, worded by the templates. Sends and records nothing."""

from __future__ import annotations

import base64
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from beklijf.decide import responses
from beklijf.ledger.outbox import load_copy
from beklijf.letters import reply_to, response_values
from beklijf.mime import invitations, messages
from beklijf.model import canonical
from beklijf.model.domain import Contact, Letter, Override, Person, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from email.message import EmailMessage

    from beklijf.contracts.settings import Config
    from beklijf.ledger.outbox import Mail
    from beklijf.letters import Letters
    from beklijf.mime.links import Links
    from beklijf.model.domain import Event, Item, MentorshipKey, Programme, Ref, Wish
    from beklijf.planning.offers import Times


class Rendering:
    """The messages of one pass over the outbox; the programme is looked through once, for the first mail that needs it."""

    def __init__(
        self,
        config: Config,
        letters: Letters,
        programme: Programme,
        times: Callable[[MentorshipKey], Times],
        links: Links,
        *,
        secret: bytes,
    ) -> None:
        self.config = config
        self.letters = letters
        self.programme = programme
        self.times = times
        self.links = links
        self._secret = secret

    @cached_property
    def _wishes(self) -> Mapping[Ref, Wish]:
        return {wish.ref: wish for track in self.programme.tracks.values() for wish in track.wishes}

    @cached_property
    def _items(self) -> Mapping[Ref, Item]:
        return {item.ref: item for track in self.programme.tracks.values() for item in track.items}

    @cached_property
    def _persons(self) -> Mapping[str, Person]:
        return {person.email.casefold(): person for person in self.config.persons}

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
        if "response" in mail.payload:
            return self._response(mail)
        found = tuple(self._wishes[ref] for ref in mail.payload["refs"] if ref in self._wishes)
        if not found:
            return None
        letter = Letter(wishes=found, at=mail.queued)
        wish = found[0]
        offered = self.links.works and wish.rule.on_joining and wish.rule.role is Role.MENTEE
        offers = self.times(wish.mentorship).hours(wish.mentorship, now=mail.queued) if offered else ()
        return messages.build(
            self.letters.letter(letter, self.programme, self.links, offers=offers),
            sender=self.config.mail.sender,
            to=Contact(letter.person.name, mail.recipient),
            reply_to=reply_to(letter, self.programme, self.links),
            message_id=self._message_id(mail),
            date=mail.queued,
            auto=True,
            unsubscribe=self.links.unsubscribe(wish.mentorship, letter.person),
        )

    def _response(self, mail: Mail) -> EmailMessage | None:
        response = responses.load(mail.payload["response"])
        person = response_values.receiver(response, self.programme)
        if person is None:
            return None
        return messages.build(
            self.letters.response(response, self.programme, self.links),
            sender=self.config.mail.sender,
            to=Contact(person.name, mail.recipient),
            reply_to=response_values.reply_to(response, self.programme),
            message_id=self._message_id(mail),
            date=mail.queued,
            auto=True,
            unsubscribe=self.links.unsubscribe(response.mentorship, person),
        )

    def _invitation(self, mail: Mail) -> EmailMessage:
        told = mail.payload
        event = canonical.load(told["event"])
        override = _override(event, told["single"])
        contact = Contact(*told["contact"])
        item = self._items.get(told["ref"])
        return invitations.invitation(
            event,
            method="REQUEST" if told["single"] else told["method"],  # 0.2.0 cancelled one meeting by itself
            copy=load_copy(told),
            stamp=mail.queued,
            recurrence_id=None if override is None else override.at,
            recipient=contact,
            rendered=self.letters.around(told["about"], event, self._reader(contact), self.programme, item=item, override=override),
            message_id=self._message_id(mail),
            date=mail.queued,
            sent_by=self._sent_by(event),
        )

    def _sent_by(self, event: Event) -> Contact | None:
        """Return ourselves where somebody else's event goes out from our mailbox."""
        ours = self.config.calendar.organizer
        return None if event.organizer.email.casefold() == ours.email.casefold() else ours

    def _notice(self, mail: Mail) -> EmailMessage:
        said = mail.payload
        to = Contact(said["name"], mail.recipient)
        return messages.build(
            self.letters.notice(self.programme, to, said["title"], said["lines"], said["command"], link=said.get("link", "")),
            sender=self.config.mail.sender,
            to=to,
            reply_to=None,
            message_id=self._message_id(mail),
            date=mail.queued,
            auto=True,
            attached=base64.b64decode(said["attached"]) if "attached" in said else None,
        )

    def _message_id(self, mail: Mail) -> str:
        sender = self.config.calendar.organizer if mail.kind == "invitation" else self.config.mail.sender
        return messages.message_id(self._secret, f"{self.config.service.installation} {mail.name}", sender.email.rpartition("@")[2])

    def _reader(self, contact: Contact) -> Person:
        """Return whose language and clock a mail goes by; somebody who left the config reads the organisation's."""
        address = contact.email.casefold()
        if known := self._persons.get(address):
            return known
        organisation = self.config.organisation
        return Person(
            key=address,
            name=contact.name.strip() or contact.email or "?",  # whom somebody put there by hand may have neither
            email=contact.email,
            language=organisation.language,
            zone=organisation.zone,
            works=organisation.office_hours.days,
        )


def _override(event: Event, at: str) -> Override | None:
    """Return the meeting of *event* that a row is about; one that is back on its own hour stands at its place."""
    if not at:
        return None
    recurrence_id = datetime.fromisoformat(at)
    own = Override(recurrence_id, recurrence_id.astimezone(event.start.tzinfo), event.minutes)
    return next((override for override in event.overrides if override.at == recurrence_id), own)

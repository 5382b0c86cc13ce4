"""Links that answer: ``mailto:`` addresses with a token in the subject that can't be guessed.

Makes links and says which tokens they carry. Stores none (that goes with the claim of the mail), and knows no template.
Why mail and not the web: an answer needs no server of ours that is open to the world, and nobody sees a link being opened.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b32encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from beklijf.mime.addresses import ascii_address
from beklijf.model import words
from beklijf.model.conversation import Token, TokenKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from beklijf.model.conversation import Offer, PausedKind
    from beklijf.model.domain import MentorshipKey, Person

LENGTH: Final = 20
"""Letters of a token: a hundred bits."""


@dataclass(slots=True)
class Links:
    """Makes links to one mailbox, and collects the tokens in them; without a mailbox or a secret every link is empty."""

    address: str = ""
    secret: bytes | None = field(default=None, repr=False)
    made: list[Token] = field(default_factory=list)
    """Each once, in the order in which the links were first made."""

    @property
    def works(self) -> bool:
        """Whether an answer would be read; templates name the coordinator where it isn't."""
        return bool(self.address and self.secret)

    def mailto(
        self,
        kind: TokenKind,
        mentorship: MentorshipKey,
        person: str,
        value: Mapping[str, str] | None = None,
        *,
        subject: str,
        body: str = "",
    ) -> str:
        """Return a link that opens a mail with *subject*, the token behind it and *body* (RFC 6068); empty if none works.

        The same arguments give the same token. All but letters, digits and ``-._~`` is percent-encoded, so that the link
        is one word in Markdown, in an attribute of HTML and in a header.
        """
        if not self.works:
            return ""
        token = self._token(kind, mentorship, person, value or {})
        local, _, domain = ascii_address(self.address).rpartition("@")
        link = f"mailto:{_encoded(local)}@{domain}?subject={_encoded(f'{subject} [{token}]')}"
        return f"{link}&body={_encoded(body)}" if body else link

    def unsubscribe(self, mentorship: MentorshipKey, person: Person) -> str:
        """Return what List-Unsubscribe says (RFC 2369): a mail that pauses letters, the same as the link below them."""
        link = Replies(self, mentorship, person).pause("letters", body=False)
        return f"<{link}>" if link else ""

    def _token(self, kind: TokenKind, mentorship: MentorshipKey, person: str, value: Mapping[str, str]) -> str:
        said = json.dumps([kind, mentorship, person, dict(value)], sort_keys=True, separators=(",", ":"))
        digest = hmac.digest(self.secret or b"", said.encode(), hashlib.sha256)
        token = f"bk-{b32encode(digest).decode().lower()[:LENGTH]}"
        made = Token(token=token, kind=kind, mentorship=mentorship, person=person, value=dict(value))
        if made not in self.made:
            self.made.append(made)
        return token


@dataclass(frozen=True, slots=True)
class Replies:
    """The links that one person can answer with, about one mentorship, in that person's language and on their clock."""

    links: Links
    mentorship: MentorshipKey
    person: Person

    def goal(self) -> str:
        subject, body = words.ASKS["goal"][self.person.language], words.GOAL_LINE[self.person.language]
        return self.links.mailto(TokenKind.GOAL, self.mentorship, self.person.key, subject=subject, body=body)

    def pause(self, kind: PausedKind, *, body: bool = True) -> str:
        said = self._plain if body else ""
        subject = words.ASKS[f"pause-{kind}"][self.person.language]
        return self.links.mailto(TokenKind.PAUSE, self.mentorship, self.person.key, {"kind": kind}, subject=subject, body=said)

    def resume(self, kind: PausedKind) -> str:
        subject = words.ASKS[f"resume-{kind}"][self.person.language]
        return self._ask(TokenKind.RESUME, {"kind": kind}, subject)

    def hour(self, offer: Offer, *, agreed: bool = False) -> str:
        """Return the link that makes an offer the hour of the whole series; *agreed*: the other one had proposed it."""
        value = {"start": offer.start.isoformat(), "zone": words.zone_name(offer.start), "minutes": str(offer.minutes)} | _agreed(agreed)
        return self._ask(TokenKind.HOUR, value, self._subject("hour", words.weekly(offer.start, self.person.zone, self.person.language)))

    def time(self, offer: Offer, *, uid: str, recurrence_id: datetime | None, agreed: bool = False) -> str:
        """Return the link that moves one meeting to an offer; *agreed*: the other one had proposed it."""
        value = _meeting(uid, recurrence_id, offer.start) | {"minutes": str(offer.minutes)} | _agreed(agreed)
        return self._ask(TokenKind.TIME, value, self._subject("time", self._moment(offer.start)))

    def once(self, start: datetime, *, uid: str, recurrence_id: datetime | None) -> str:
        """Return the link that says: only this time."""
        return self._ask(TokenKind.ONCE, _meeting(uid, recurrence_id, start), self._subject("once", self._moment(start)))

    @property
    def _plain(self) -> str:
        return words.ASKS["send"][self.person.language]

    def _subject(self, name: str, when: str) -> str:
        return words.ASKS[name][self.person.language].format(when)

    def _moment(self, start: datetime) -> str:
        return words.moment(start, self.person.zone, self.person.language)

    def _ask(self, kind: TokenKind, value: Mapping[str, str], subject: str) -> str:
        return self.links.mailto(kind, self.mentorship, self.person.key, value, subject=subject, body=self._plain)


def _meeting(uid: str, recurrence_id: datetime | None, start: datetime) -> dict[str, str]:
    return {"uid": uid, "place": recurrence_id.isoformat() if recurrence_id else "", "start": start.isoformat()}


def _agreed(agreed: bool) -> dict[str, str]:
    return {"agreed": "yes"} if agreed else {}


def _encoded(text: str) -> str:
    return quote("\r\n".join(text.splitlines()), safe="")

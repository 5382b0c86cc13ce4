"""The outbox: what must go out, what went out, and what is known of each attempt. It stores; ``delivery`` sends.

    waiting                         and claimed: its bytes are kept for every other attempt, under the same Message-ID
      -> sending                    its content goes out now: from here on it may arrive
        -> sent                     250, or the Maildir file is there
        -> waiting (retry_at)       4xx, no connection: with capped back-off
        -> waiting (unanswered: 1)  no answer to the content: too late, cut off, we were stopped. It goes out once more
        -> perhaps                  and that had no answer either. Never again by itself: named in ``status``
        -> failed                   a no to this address: named in ``status``
      -> dropped                    a newer revision replaced it, or what it was about is gone

A row found ``sending`` when nobody is sending is what a crash left: it had no answer either.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from beklijf.ledger import stamp
from beklijf.model import canonical
from beklijf.model.conversation import Copy
from beklijf.model.domain import MentorshipKey, Ref
from beklijf.planning.correspondence import Sent

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping

    from beklijf.ledger import Ledger, Row
    from beklijf.model.domain import Contact, Event, Letter


_ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One row: a mail to one address, rendered when it is claimed."""

    id: int
    kind: str
    name: str
    about: str
    recipient: str
    uid: str | None
    recurrence_id: str | None
    payload: dict[str, Any]
    state: str
    queued: datetime
    attempts: int
    retry_at: datetime | None
    content: bytes | None
    message_id: str | None
    note: str
    unanswered: bool
    """It was handed over and nothing was heard: it may have arrived, and goes out once more at most."""

    @property
    def goes_out(self) -> bool:
        """Whether it is sent by itself, now or later."""
        return self.state == "waiting" or (self.state == "sending" and not self.unanswered)

    @property
    def is_answer(self) -> bool:
        """Whether it is a letter that answers something that a person did."""
        return self.about == _ANSWER

    @property
    def label(self) -> str:
        """What it is called where its name would tell what somebody answered."""
        return f"{self.kind} {self.id} to {self.recipient}"


class Outbox:
    """The mails of one ledger; call the writing methods inside ``ledger.write()``."""

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.db

    # -- putting in --------------------------------------------------------------------------------------------------

    def add_letter(self, letter: Letter, *, recipient: str, now: datetime) -> None:
        refs = [wish.ref for wish in letter.wishes]
        self._note_letter(letter, self._insert("letter", letter_name(letter), recipient, _dump({"refs": refs}), now), now)

    def _note_letter(self, letter: Letter, mail: int, now: datetime) -> None:
        self._db.executemany(
            "INSERT INTO letter VALUES (?, ?, ?, ?, ?)",
            [(wish.ref, wish.mentorship, letter.person.key, stamp(now), mail) for wish in letter.wishes],
        )

    def add_answer(self, name: str, *, subject: str, recipient: str, response: dict[str, Any], now: datetime) -> None:
        """Queue a letter that answers something that a person did to *subject*; the same name is never sent twice."""
        if not self._has(name):
            self._insert("letter", name, recipient, _dump({"response": response}), now, about=_ANSWER, subject=subject)

    def assume(self, letter: Letter, *, now: datetime) -> None:
        """Note a letter as sent by a ledger before this one: its receiver has what it announced."""
        mail = self._insert("letter", letter_name(letter), letter.person.email, "{}", now)
        self._db.execute("UPDATE outbox SET state = 'dropped', note = 'sent before this ledger began' WHERE id = ?", (mail,))
        self._note_letter(letter, mail, now)

    def add_notice(self, name: str, *, about: str, recipient: str, payload: dict[str, Any], now: datetime, subject: str = "") -> None:
        """Queue a mail to staff; the same name is never mailed twice. *subject* is for one that is counted by it."""
        if not self._has(name := f"notice {name} {recipient}"):
            self._insert("notice", name, recipient, json.dumps(payload), now, about=about, subject=subject)

    def add_invitation(
        self,
        row: Row,
        event: Event,
        copy: Copy,
        *,
        to: Contact,
        method: Literal["REQUEST", "CANCEL"],
        about: str,
        now: datetime,
        recurrence_id: datetime | None = None,
        again: str = "",
    ) -> None:
        """Queue one iTIP message; it replaces an unsent older one for the same event, meeting and person.

        A CANCEL for somebody who never got anything of the event removes both: nothing goes out. *about* is what the words around
        it say. *again* tells apart one that somebody asked for once more; nobody gets the same twice otherwise.
        """
        single = "" if recurrence_id is None else recurrence_id.astimezone(UTC).isoformat()
        name = f"{method} {row.uid} {single} {to.email} {row.sequence}{again}"
        if again and self._has(name):
            return
        payload = {
            "method": method,
            "about": about,
            "single": single,
            "contact": [to.name, to.email],
            "ref": row.ref,
            "kind": row.kind,
            "training": row.training,
            "copy": _dump_copy(copy),
            "event": canonical.dump(event),
        }
        replaced = self._db.execute(
            """UPDATE outbox SET state = 'dropped', payload = '{}' WHERE uid = :uid AND recipient = :recipient
               AND state = 'waiting' AND attempts = 0 AND (recurrence_id = :recurrence_id OR :recurrence_id = '')""",
            {"uid": row.uid, "recipient": to.email, "recurrence_id": single},
        ).rowcount
        (known,) = self._db.execute(
            "SELECT count(*) FROM outbox WHERE uid = ? AND recipient = ? AND (state IN ('sending', 'sent', 'perhaps') OR attempts > 0)",
            (row.uid, to.email),
        ).fetchone()
        if method == "CANCEL" and replaced and not known:
            return
        mail = self._insert("invitation", name, to.email, _dump(payload), now, about=method)
        self._db.execute(
            "UPDATE outbox SET uid = ?, recurrence_id = ?, sequence = ?, whole = ? WHERE id = ?",
            (row.uid, single, row.sequence, copy.sequence(None), mail),
        )

    def _has(self, name: str) -> bool:
        return self._db.execute("SELECT 1 FROM outbox WHERE name = ?", (name,)).fetchone() is not None

    def _insert(self, kind: str, name: str, recipient: str, payload: str, now: datetime, *, about: str = "", subject: str = "") -> int:
        cursor = self._db.execute(
            """INSERT INTO outbox (kind, name, about, subject, recipient, payload, state, queued)
               VALUES (?, ?, ?, ?, ?, ?, 'waiting', ?)""",
            (kind, name, about, subject, recipient, payload, stamp(now)),
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    # -- taking out --------------------------------------------------------------------------------------------------

    def due(self, now: datetime) -> list[Mail]:
        """Return what can be sent now, oldest first."""
        found = self._db.execute(
            "SELECT * FROM outbox WHERE state = 'waiting' AND (retry_at IS NULL OR retry_at <= ?) ORDER BY id", (stamp(now),)
        )
        return [_mail(row) for row in found]

    def cut_off(self) -> list[Mail]:
        """Return what a crash left in the middle of being sent, when nobody is sending."""
        return [_mail(row) for row in self._db.execute("SELECT * FROM outbox WHERE state = 'sending' ORDER BY id")]

    def next_retry(self) -> datetime | None:
        (found,) = self._db.execute("SELECT min(retry_at) FROM outbox WHERE state = 'waiting' AND retry_at IS NOT NULL").fetchone()
        return None if found is None else datetime.fromisoformat(found)

    def claim(self, mail: Mail, *, content: bytes, message_id: str) -> None:
        """Keep what an attempt, and every later one, sends."""
        self._db.execute(
            "UPDATE outbox SET attempts = attempts + 1, bytes = ?, message_id = ? WHERE id = ?", (content, message_id, mail.id)
        )

    def sending(self, mail: Mail) -> None:
        """Note that the content goes out now: whoever finds this doesn't know whether it arrived."""
        self._db.execute("UPDATE outbox SET state = 'sending' WHERE id = ?", (mail.id,))

    def unanswered(self, mail: Mail, *, at: datetime, note: str) -> None:
        """Let a mail wait for the one more time that it is sent, since nothing was heard of it."""
        self._db.execute("UPDATE outbox SET unanswered = 1 WHERE id = ?", (mail.id,))
        self.retry(mail, at=at, note=note)

    def perhaps(self, mail: Mail, note: str) -> None:
        """Leave a mail to people: it was sent, or not, and is never sent again by itself."""
        self._finish(mail, "perhaps", note)

    def sent(self, mail: Mail) -> None:
        self._finish(mail, "sent", "")

    def failed(self, mail: Mail, note: str) -> None:
        self._finish(mail, "failed", note)

    def dropped(self, mail: Mail, note: str) -> None:
        self._finish(mail, "dropped", note)

    def _finish(self, mail: Mail, state: str, note: str) -> None:
        # what was written to people isn't kept; the payload of an event would hold a copy
        self._db.execute(
            "UPDATE outbox SET state = ?, note = ?, bytes = NULL, retry_at = NULL, payload = '{}' WHERE id = ?", (state, note, mail.id)
        )

    def put_back(self, mail: Mail, *, at: datetime, note: str) -> None:
        """Let a mail that failed wait again: the refusal was not about its address."""
        self._db.execute(
            "UPDATE outbox SET state = 'waiting', retry_at = ?, note = ?, payload = ? WHERE id = ?",
            (stamp(at), note, _dump(mail.payload), mail.id),
        )

    def drop_for(self, address: str, note: str) -> None:
        """Let go of everything that waits for an address that doesn't exist."""
        self._db.execute(
            """UPDATE outbox SET state = 'failed', note = ?, bytes = NULL, retry_at = NULL, payload = '{}'
               WHERE state = 'waiting' AND lower(recipient) = ?""",
            (note, address.casefold()),
        )

    def retry(self, mail: Mail, *, at: datetime, note: str) -> None:
        self._db.execute("UPDATE outbox SET state = 'waiting', retry_at = ?, note = ? WHERE id = ?", (stamp(at), note, mail.id))

    def unclaim(self, mail: Mail) -> None:
        """Put a claimed mail back as if it had not been tried: it never reached a server."""
        self._db.execute("UPDATE outbox SET state = 'waiting', attempts = ? WHERE id = ?", (mail.attempts, mail.id))

    # -- looking in --------------------------------------------------------------------------------------------------

    def letters(self, persons: Iterable[str]) -> dict[str, tuple[Sent, ...]]:
        """Return every letter to people (by key) that was queued or sent: what is not sent again, and what the caps count."""
        found: dict[int, tuple[str, str, list[Ref]]] = {}
        query = "SELECT ref, person, at, outbox FROM letter WHERE person IN (SELECT value FROM json_each(?)) ORDER BY outbox, ref"
        for ref, person, at, mail in self._db.execute(query, (json.dumps([*persons]),)):
            found.setdefault(mail, (person, at, []))[2].append(Ref(ref))
        letters: dict[str, tuple[Sent, ...]] = {}
        for person, at, refs in found.values():
            letters[person] = (*letters.get(person, ()), Sent(person=person, at=datetime.fromisoformat(at), wishes=tuple(refs)))
        return letters

    def has_letters(self) -> bool:
        return self._db.execute("SELECT 1 FROM letter LIMIT 1").fetchone() is not None

    def answers(self, subjects: Collection[str] | None = None) -> dict[str, set[str]]:
        """Return the names of all answers that were queued, by what they are about; with *subjects* of each of those."""
        query, values = "SELECT subject, name FROM outbox WHERE about = 'answer'", list[str]()
        if subjects is not None:
            query += " AND subject IN (SELECT value FROM json_each(?))"
            values.append(json.dumps([*subjects]))
        found: dict[str, set[str]] = {subject: set() for subject in subjects or ()}
        for subject, name in self._db.execute(query, values):
            found.setdefault(subject, set()).add(name)
        return found

    def sent_by_id(self, since: datetime) -> dict[str, str]:
        """Return to whom each mail went that may still bounce, by Message-ID."""
        found = self._db.execute("SELECT message_id, recipient FROM outbox WHERE message_id NOT NULL AND queued >= ?", (stamp(since),))
        return {row["message_id"]: row["recipient"].casefold() for row in found}

    def sent_to(self, message_id: str, since: datetime) -> str | None:
        """Return to whom a mail went that may still bounce, by its Message-ID."""
        query = "SELECT recipient FROM outbox WHERE message_id = ? AND queued >= ? ORDER BY id DESC"
        found = self._db.execute(query, (message_id, stamp(since))).fetchone()
        return None if found is None else str(found["recipient"]).casefold()

    def recipients(self, ids: Collection[str]) -> frozenset[str]:
        """Return to whom the mails went that have these Message-IDs."""
        query = "SELECT recipient FROM outbox WHERE message_id IN (SELECT value FROM json_each(?))"
        found = self._db.execute(query, (json.dumps(list(ids)),))
        return frozenset(row["recipient"].casefold() for row in found)

    def letters_by_id(self, message_id: str, rules: Collection[str]) -> list[tuple[MentorshipKey, str]]:
        """Return which letters of some rules went out in one mail: mentorship, receiver's key."""
        found = self._db.execute(
            "SELECT mentorship, person, ref FROM outbox JOIN letter ON outbox.id = letter.outbox WHERE message_id = ?", (message_id,)
        )
        return [
            (MentorshipKey(row["mentorship"]), row["person"])
            for row in found
            if row["ref"].rpartition("/")[2].split(":")[1:2] in [[rule] for rule in rules]
        ]

    def count(self, about: str, since: datetime, *, subject: str = "") -> int:
        """Return how many mails to staff about something were queued since an instant; with *subject* of that alone."""
        query = "SELECT count(*) FROM outbox WHERE kind = 'notice' AND about = ? AND queued >= ? AND ? IN ('', subject)"
        (number,) = self._db.execute(query, (about, stamp(since), subject)).fetchone()
        return int(number)

    def on_their_way(self) -> frozenset[Ref]:
        """Return the wishes whose letter has been queued and not been sent."""
        found = self._db.execute("SELECT ref FROM outbox JOIN letter ON outbox.id = letter.outbox WHERE state IN ('waiting', 'sending')")
        return frozenset(Ref(row["ref"]) for row in found)

    def open_mails(self) -> list[Mail]:
        """Return what waits, is being sent, was perhaps sent, or failed: for plan and status."""
        found = self._db.execute("SELECT * FROM outbox WHERE state IN ('waiting', 'sending', 'perhaps', 'failed') ORDER BY id")
        return [_mail(row) for row in found]


def letter_name(letter: Letter) -> str:
    """Return what a letter's row, and ``--json``, call it."""
    return f"letter {' '.join(wish.ref for wish in letter.wishes)} to {letter.person.key}"


def _dump_copy(copy: Copy) -> dict[str, Any]:
    return {
        "sequences": [[at and at.isoformat(), number] for at, number in copy.sequences.items()],
        "answers": [[at and at.isoformat(), address, partstat] for (at, address), partstat in copy.answers.items()],
    }


def load_copy(payload: Mapping[str, Any]) -> Copy:
    """Return the copy of a payload; one that was queued by 0.2.0 has one SEQUENCE, and whoever proposed what it is about."""
    if "copy" not in payload:
        return Copy(sequences={None: payload["sequence"]}, answers={(None, address): "ACCEPTED" for address in payload.get("accepted", ())})
    said = payload["copy"]
    return Copy(
        sequences={at and datetime.fromisoformat(at): number for at, number in said["sequences"]},
        answers={(at and datetime.fromisoformat(at), address): partstat for at, address, partstat in said["answers"]},
    )


def _dump(payload: dict[str, Any]) -> str:
    return json.dumps(payload, ensure_ascii=False)


def _mail(row: sqlite3.Row) -> Mail:
    return Mail(
        id=row["id"],
        kind=row["kind"],
        name=row["name"],
        about=row["about"],
        recipient=row["recipient"],
        uid=row["uid"],
        recurrence_id=row["recurrence_id"],
        payload=json.loads(row["payload"]),
        state=row["state"],
        queued=datetime.fromisoformat(row["queued"]),
        attempts=row["attempts"],
        retry_at=None if row["retry_at"] is None else datetime.fromisoformat(row["retry_at"]),
        content=row["bytes"],
        message_id=row["message_id"],
        note=row["note"],
        unanswered=bool(row["unanswered"]),
    )

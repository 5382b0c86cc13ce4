"""What people said, as the ledger keeps it: heard, proposals, tokens, goals, pauses, bounces. It stores; ``from_calendar`` decides.

Call the writing methods inside ``ledger.write()``. Whose an address is, is not written down but looked up when it is read: so
an answer from an address that nobody knew counts from the day on which the config says whose it is.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from beklijf.ledger import stamp
from beklijf.model import canonical
from beklijf.model.conversation import ANSWERS, Copy, Heard, History, Invited, Pause, Proposal, Said, Token, TokenKind
from beklijf.model.domain import Kind, MentorshipKey, Ref

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

    from beklijf.ledger import Ledger, Row
    from beklijf.model.domain import Event

_ANSWERS = frozenset(ANSWERS.values())


class Conversation:
    """What people said to one installation."""

    def __init__(self, ledger: Ledger) -> None:
        self._db = ledger.db

    # -- heard -------------------------------------------------------------------------------------------------------

    def note(self, heard: Heard) -> None:
        self._db.execute(
            "INSERT INTO heard (at, said, uid, recurrence_id, who, source) VALUES (?, ?, ?, ?, ?, ?)",
            (stamp(heard.at), heard.said, heard.uid, _recurrence_id(heard.recurrence_id), heard.who.casefold(), heard.source),
        )

    def count(self, uid: str, who: str, since: datetime) -> int:
        """Return how much was heard by mail of one address about one event since an instant."""
        query = "SELECT count(*) FROM heard WHERE uid = ? AND who = ? AND source = 'mail' AND at >= ?"
        (number,) = self._db.execute(query, (uid, who.casefold(), stamp(since))).fetchone()
        return int(number)

    def reopen(self, uid: str, recurrence_id: datetime | None, who: str, now: datetime) -> None:
        """Let an answer go back to open, because the meeting that it was about is at another time; nothing where there is none."""
        last = self._db.execute(
            """SELECT said FROM heard WHERE uid = ? AND recurrence_id = ? AND who = ? AND source = 'mail'
               AND said IN ('accepted', 'tentative', 'declined', 'open') ORDER BY id DESC LIMIT 1""",
            (uid, _recurrence_id(recurrence_id), who.casefold()),
        ).fetchone()
        if last is not None and Said(last["said"]) is not Said.OPEN:
            self.note(Heard(at=now, said=Said.OPEN, uid=uid, ref=Ref(""), recurrence_id=recurrence_id, who=who, source="mail"))

    def told_by_calendar(self, uids: Iterable[str] | None = None) -> dict[tuple[str, datetime | None, str], Said]:
        """Return the last answer that the calendar told, by event, meeting and address; with *uids* of those events alone."""
        these, values = _these("uid", uids)
        query = f"SELECT uid, recurrence_id, who, said FROM heard WHERE source = 'calendar' AND who != '' AND {these} ORDER BY id"  # noqa: S608  # our own words
        found = {}
        for row in self._db.execute(query, values):
            if (said := Said(row["said"])) in _ANSWERS:
                found[row["uid"], _instant(row["recurrence_id"]), row["who"]] = said
        return found

    def histories(self, persons: Mapping[str, str], since: str = "", uids: Iterable[str] | None = None) -> dict[MentorshipKey, History]:
        """Return what was heard of each mentorship, oldest first; *persons* has everybody's addresses, and whose they are.

        *since* (a `stamp`) is when listening began: for silence an invitation before that counts from then on. With *uids* it is what was
        heard of those events alone.
        """
        found: defaultdict[MentorshipKey, list[Heard]] = defaultdict(list)
        members: dict[MentorshipKey, set[str]] = {}
        these, values = _these("heard.uid", uids)
        query = f"""SELECT heard.*, event.ref AS ref, event.mentorships AS mentorships, event.persons AS persons
                    FROM heard JOIN event USING (uid) WHERE {these} ORDER BY heard.id"""  # noqa: S608  # our own words
        for row in self._db.execute(query, values):
            heard = _heard(row, persons)
            if heard.said is Said.INVITED and row["at"] < since:
                heard = replace(heard, at=datetime.fromisoformat(since))
            for key in json.loads(row["mentorships"]):
                found[MentorshipKey(key)].append(heard)
                members.setdefault(MentorshipKey(key), set()).update(json.loads(row["persons"]))
        away = self._away(persons) if found else {}
        for key, here in found.items():
            here += [heard for person in sorted(members[key]) for heard in away.get(person, ())]
            here.sort(key=lambda heard: heard.at)
        return {key: History(heard=tuple(here)) for key, here in found.items()}

    def _away(self, persons: Mapping[str, str]) -> Mapping[str, list[Heard]]:
        """Return what was heard of people and no event, by person."""
        away: defaultdict[str, list[Heard]] = defaultdict(list)
        for row in self._db.execute("SELECT heard.*, NULL AS ref FROM heard WHERE uid = '' ORDER BY id"):
            heard = _heard(row, persons)
            away[heard.person].append(heard)
        return away

    def strangers(self, persons: Mapping[str, str]) -> list[tuple[MentorshipKey, str]]:
        """Return the addresses that answered and are still nobody's, by the mentorship that they answered to."""
        found: dict[tuple[MentorshipKey, str], None] = {}
        for row in self._db.execute("SELECT who, mentorships FROM heard JOIN event USING (uid) WHERE said = ?", (Said.STRANGER,)):
            if row["who"] not in persons:
                found |= dict.fromkeys((MentorshipKey(key), str(row["who"])) for key in json.loads(row["mentorships"]))
        return list(found)

    def invited_as(self, uid: str) -> Invited | None:
        """Return an event of ours by its UID, or by the one under which the server invites; None for what is none of ours."""
        # our own UID first, whatever a server calls another event
        for query in ("SELECT uid FROM event WHERE uid = ?", "SELECT uid FROM event WHERE icaluid = ? AND icaluid != ''"):
            if found := self._db.execute(query, (uid,)).fetchone():
                return self.invited(found["uid"])
        return None

    def invited(self, uid: str) -> Invited:
        """Return an event of ours as answers are held against it, be it over."""
        query = "SELECT icaluid, kind, mentorships, seen, coalesce(announced, seen) AS announced FROM event WHERE uid = ?"
        row, mailed = self._db.execute(query, (uid,)).fetchone(), self._mailed(uid)
        seen, announced = canonical.load(row["seen"]), canonical.load(row["announced"])
        return Invited(
            uid=uid,
            icaluid=row["icaluid"],
            kind=Kind(row["kind"]),
            mentorships=tuple(MentorshipKey(key) for key in json.loads(row["mentorships"])),
            people=frozenset(contact.email.casefold() for contact in announced.people),
            sequence=mailed.get(None, 0),
            start=seen.start,
            recurrence=seen.recurrence,
            sequences={recurrence_id: number for recurrence_id, number in mailed.items() if recurrence_id},
        )

    def copy(self, row: Row, event: Event, recurrence_id: datetime | None = None, *, accepted: str = "") -> Copy:
        """Return what the next mail about an event, or about one meeting of it, says of versions and answers.

        The whole keeps its SEQUENCE when a meeting moved, so that nobody is asked about it again; a meeting that does not take
        place, or is back in its place, is a change of the whole (EXDATE, RFC 5546 section 2.1.4). Who is asked about one meeting by
        itself has not answered by an answer to the whole. *accepted* is the address of who proposed what is mailed.
        """
        (whole,) = self._db.execute("SELECT max(whole) FROM outbox WHERE about = 'REQUEST' AND uid = ?", (row.uid,)).fetchone()
        if whole is None or not any(each.at == recurrence_id and each.start for each in event.overrides):
            whole = row.sequence
        sequences = self._mailed(row.uid) | {None: whole, recurrence_id: row.sequence}
        addresses = [contact.email.casefold() for contact in event.people]
        answers = {(at, address): "NEEDS-ACTION" for at in sequences for address in addresses} | self._standing(row.uid)
        if accepted:
            answers[recurrence_id, accepted.casefold()] = "ACCEPTED"
        return Copy(sequences=sequences, answers=answers)

    def _standing(self, uid: str) -> dict[tuple[datetime | None, str], str]:
        """Return each address's last answer to an event and its meetings, as PARTSTAT."""
        partstats = {said: partstat for partstat, said in ANSWERS.items()}
        query = "SELECT recurrence_id, who, said FROM heard WHERE uid = ? AND who != '' ORDER BY id"
        found = {
            (_instant(row["recurrence_id"]), row["who"]): Said(row["said"])
            for row in self._db.execute(query, (uid,))
            if row["said"] in _ANSWERS
        }
        return {key: partstats[said] for key, said in found.items()}

    def _mailed(self, uid: str) -> dict[datetime | None, int]:
        """Return the highest SEQUENCE that was queued of an event and its single meetings."""
        query = "SELECT recurrence_id, max(sequence) FROM outbox WHERE about = 'REQUEST' AND uid = ? GROUP BY recurrence_id"
        return {
            datetime.fromisoformat(recurrence_id) if recurrence_id else None: number
            for recurrence_id, number in self._db.execute(query, (uid,))
        }

    # -- proposals ---------------------------------------------------------------------------------------------------

    def propose(self, proposal: Proposal) -> None:
        """Keep a proposal until it is settled; a newer one of the same person for the same meeting takes its place."""
        zone = proposal.start.tzinfo
        self._db.execute(
            "DELETE FROM proposal WHERE mentorship = ? AND uid = ? AND recurrence_id = ? AND who = ?",
            (proposal.mentorship, proposal.uid, _recurrence_id(proposal.recurrence_id), proposal.who),
        )
        self._db.execute(
            """INSERT INTO proposal (at, mentorship, uid, recurrence_id, who, start, zone, minutes, agreed)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                stamp(proposal.at),
                proposal.mentorship,
                proposal.uid,
                _recurrence_id(proposal.recurrence_id),
                proposal.who,
                stamp(proposal.start),
                zone.key if isinstance(zone, ZoneInfo) else "UTC",
                proposal.minutes,
                int(proposal.agreed),
            ),
        )

    def proposals(self) -> tuple[Proposal, ...]:
        """Return what was proposed and isn't settled, oldest first."""
        return tuple(
            Proposal(
                id=row["id"],
                at=datetime.fromisoformat(row["at"]),
                mentorship=MentorshipKey(row["mentorship"]),
                uid=row["uid"],
                recurrence_id=_instant(row["recurrence_id"]),
                who=row["who"],
                start=datetime.fromisoformat(row["start"]).astimezone(ZoneInfo(row["zone"])),
                minutes=row["minutes"],
                agreed=bool(row["agreed"]),
            )
            for row in self._db.execute("SELECT * FROM proposal ORDER BY id")
        )

    def settle(self, proposal: Proposal) -> None:
        self._db.execute("DELETE FROM proposal WHERE id = ?", (proposal.id,))

    # -- tokens, goals, pauses, bounces ------------------------------------------------------------------------------

    def remember(self, tokens: Iterable[Token], now: datetime) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO token VALUES (?, ?, ?, ?, ?, ?)",
            [(t.token, t.kind, t.mentorship, t.person, json.dumps(dict(t.value), sort_keys=True), stamp(now)) for t in tokens],
        )

    def tokens(self) -> dict[str, Token]:
        return {row["token"]: _token(row) for row in self._db.execute("SELECT * FROM token")}

    def token(self, token: str) -> Token | None:
        row = self._db.execute("SELECT * FROM token WHERE token = ?", (token,)).fetchone()
        return None if row is None else _token(row)

    def goal_token(self, mentorship: MentorshipKey, person: str) -> str | None:
        """Return the token by which somebody sends their goal; the last one, of several."""
        query = "SELECT token FROM token WHERE kind = ? AND mentorship = ? AND person = ? ORDER BY rowid DESC"
        found = self._db.execute(query, (TokenKind.GOAL, mentorship, person)).fetchone()
        return None if found is None else str(found["token"])

    def set_goal(self, mentorship: MentorshipKey, person: str, goal: str, now: datetime) -> None:
        self._db.execute("INSERT OR REPLACE INTO goal VALUES (?, ?, ?, ?)", (mentorship, person, goal, stamp(now)))

    def goals(self, mentees: Mapping[MentorshipKey, str]) -> dict[MentorshipKey, tuple[str, ...]]:
        """Return the goals in people's own words, by mentorship; *mentees* are by key: another mentee has goals of their own."""
        query = "SELECT mentorship, person, goal FROM goal WHERE mentorship IN (SELECT value FROM json_each(?))"
        found = self._db.execute(query, (json.dumps([*mentees]),))
        return {MentorshipKey(key): (goal,) for key, person, goal in found if mentees[MentorshipKey(key)] == person}

    def pause(self, pause: Pause) -> None:
        last = None if pause.last is None else pause.last.isoformat()
        self._db.execute("INSERT OR REPLACE INTO pause VALUES (?, ?, ?, ?)", (pause.person, pause.kind, pause.first.isoformat(), last))

    def resume(self, person: str, kind: str) -> bool:
        """End a pause; False when there was none."""
        return bool(self._db.execute("DELETE FROM pause WHERE person = ? AND kind = ?", (person, kind)).rowcount)

    def pauses(self) -> tuple[Pause, ...]:
        return tuple(
            Pause(
                person=row["person"],
                kind=row["kind"],
                first=date.fromisoformat(row["first"]),
                last=None if row["last"] is None else date.fromisoformat(row["last"]),
            )
            for row in self._db.execute("SELECT * FROM pause ORDER BY person, kind")
        )

    def bounce(self, address: str, note: str, now: datetime) -> bool:
        """Mark an address as one that doesn't exist; False when it was known to be."""
        row = (address.casefold(), stamp(now), note)
        return bool(self._db.execute("INSERT OR IGNORE INTO bounced VALUES (?, ?, ?)", row).rowcount)

    def bounced(self) -> dict[str, str]:
        return {row["address"]: row["note"] for row in self._db.execute("SELECT address, note FROM bounced")}

    # -- erasing -----------------------------------------------------------------------------------------------------

    def erase(self, ends: Mapping[MentorshipKey, datetime], keep: timedelta, now: datetime) -> int:
        """Forget what people said about tracks that ended longer than *keep* ago; return how many rows went.

        A track that nobody knows any more ended with the last that was said about it. What is about a person and no track goes
        when it is that old itself; pauses go *keep* after their last day, bounces with the person (they say nothing of anybody).
        """
        before, gone = stamp(now - keep), 0
        for table, column in (("token", "made"), ("proposal", "at"), ("goal", "at")):
            keys = {row[0]: row[1] for row in self._db.execute(f"SELECT mentorship, max({column}) FROM {table} GROUP BY mentorship")}  # noqa: S608  # our own names
            over = [key for key, last in keys.items() if (stamp(ends[key]) if key in ends else last) < before]
            gone += self._db.executemany(f"DELETE FROM {table} WHERE mentorship = ?", [(key,) for key in over]).rowcount if over else 0  # noqa: S608  # our own names
        last = {row[0]: row[1] for row in self._db.execute("SELECT uid, max(at) FROM heard WHERE uid != '' GROUP BY uid")}
        known = {row["uid"]: json.loads(row["mentorships"]) for row in self._db.execute("SELECT uid, mentorships FROM event")}
        over = [uid for uid, at in last.items() if max([stamp(ends[k]) for k in known.get(uid, ()) if k in ends], default=at) < before]
        gone += self._db.executemany("DELETE FROM heard WHERE uid = ?", [(uid,) for uid in over]).rowcount if over else 0
        gone += self._db.execute("DELETE FROM heard WHERE uid = '' AND at < ?", (before,)).rowcount
        gone += self._erase_answered({uid: [ends[k] for k in keys if k in ends] for uid, keys in known.items()}, ends, before)
        gone += self._db.execute("DELETE FROM pause WHERE last < ?", ((now - keep).date().isoformat(),)).rowcount
        return gone

    def _erase_answered(self, of_events: Mapping[str, list[datetime]], ends: Mapping[MentorshipKey, datetime], before: str) -> int:
        """Forget that letters answered somebody: their names say who declined, proposed or paused what."""
        sent = "about = 'answer' AND state IN ('sent', 'perhaps', 'failed', 'dropped') AND queued < ?"
        over = []
        for row in self._db.execute(f"SELECT id, subject FROM outbox WHERE {sent}", (before,)):  # noqa: S608  # our own words
            subject = row["subject"]
            known = of_events.get(subject, [ends[MentorshipKey(subject)]] if subject in ends else [])
            if all(stamp(end) < before for end in known):
                over.append((row["id"],))
        return self._db.executemany("DELETE FROM outbox WHERE id = ?", over).rowcount if over else 0


def _these(column: str, keys: Iterable[str] | None) -> tuple[str, tuple[str, ...]]:
    """Return a condition that *column* is one of *keys*, any if there are none to choose from, with its values."""
    return ("TRUE", ()) if keys is None else (f"{column} IN (SELECT value FROM json_each(?))", (json.dumps([*keys]),))  # noqa: S608  # our own words


def _heard(row: sqlite3.Row, persons: Mapping[str, str]) -> Heard:
    """Return a row with its person looked up; a stranger who turns out to be somebody gave an answer that counts."""
    return Heard(
        at=datetime.fromisoformat(row["at"]),
        said=Said(row["said"]),
        uid=row["uid"],
        ref=Ref(row["ref"] or ""),
        recurrence_id=_instant(row["recurrence_id"]),
        who=row["who"],
        person=persons.get(row["who"], ""),
        source=row["source"],
    )


def _token(row: sqlite3.Row) -> Token:
    return Token(
        token=row["token"],
        kind=TokenKind(row["kind"]),
        mentorship=MentorshipKey(row["mentorship"]),
        person=row["person"],
        value=json.loads(row["value"]),
    )


def _recurrence_id(recurrence_id: datetime | None) -> str:
    return "" if recurrence_id is None else recurrence_id.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _instant(text: str) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC) if text else None

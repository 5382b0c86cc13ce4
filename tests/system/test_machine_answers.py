"""The machine of ``test_machine`` with people who answer: the conversation survives whatever order and whatever power cut.

People reply, propose, press links of letters that they got, are away, write what fits nothing; the inbox fails as the other
servers do. A trigger in the state file writes down what the ledger heard and settled, in the ledger's own transactions: so each
mail can be counted, also one that is heard in a tick that dies.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from itertools import chain, pairwise, zip_longest
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from tests.system.machine import AMSTERDAM, CALENDAR_FAULTS, DAYS, MAIL_FAULTS, MENTEES, MENTORS, Faults, Machine, Post

from beklijf.backends.folder.inbox import FolderInbox
from beklijf.decide import merge
from beklijf.mime import messages
from beklijf.model import canonical
from beklijf.model.conversation import Said, TokenKind
from beklijf.model.mailbox import AT_ONCE
from beklijf.tick.engine import SOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from beklijf.contracts.inbox import Inbox
    from beklijf.contracts.settings import Config
    from beklijf.model.conversation import Token
    from beklijf.model.domain import Event
    from beklijf.model.mailbox import Envelope, News
    from beklijf.tick.outcome import Outcome

T = TypeVar("T")

ORGANIZER = "mentor@voorbeeld.example"
STAFF = ("opleidingen@voorbeeld.example", "servicedesk@voorbeeld.example")
INBOX_FAULTS = ("works", "transient", "down", "lost after", "crash before", "crash after")
LISTENING = '[inbox]\nkind = "folder"\npath = "inbox"\nauthserv_id = "mx.voorbeeld.example"\n[answers]\nread = true\n'
SPIES = """
CREATE TABLE spied (
    id INTEGER PRIMARY KEY, what TEXT, mentorship TEXT, uid TEXT, place TEXT, who TEXT, start TEXT, minutes INTEGER, at TEXT);
CREATE TRIGGER spy_proposed AFTER INSERT ON proposal BEGIN
    INSERT INTO spied VALUES (NULL, 'proposal', new.mentorship, new.uid, new.recurrence_id, new.who, new.start, new.minutes, new.at); END;
CREATE TRIGGER spy_settled AFTER DELETE ON proposal BEGIN
    INSERT INTO spied VALUES (NULL, 'settled', old.mentorship, old.uid, old.recurrence_id, old.who, old.start, old.minutes, old.at); END;
CREATE TRIGGER spy_slot AFTER INSERT ON slot WHEN new.kind = 'moved' BEGIN
    INSERT INTO spied VALUES (NULL, 'hour', new.mentorship, '', '', '', '', new.minutes, ''); END;
CREATE TRIGGER spy_another_slot AFTER UPDATE ON slot WHEN new.kind = 'moved' BEGIN
    INSERT INTO spied VALUES (NULL, 'hour', new.mentorship, '', '', '', '', new.minutes, ''); END;
CREATE TRIGGER spy_heard AFTER INSERT ON heard WHEN new.source = 'mail' BEGIN
    INSERT INTO spied VALUES (NULL, new.said, '', new.uid, new.recurrence_id, new.who, '', 0, new.at); END;
"""


class FaultyInbox:
    """A Maildir behind a bad line."""

    def __init__(self, real: FolderInbox, faults: Faults) -> None:
        self.real, self.faults, self.target = real, faults, real.target

    def check(self) -> str:
        return self.real.check()

    def news(self, mark: str, wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        return self.faults.around(lambda: self.real.news(mark, wanted, since=since))

    def again(self, ids: Sequence[str], wanted: Callable[[Envelope], bool], *, since: datetime) -> News:
        return self.faults.around(lambda: self.real.again(ids, wanted, since=since))

    def file(self, ids: Sequence[str]) -> None:
        self.faults.around(lambda: self.real.file(ids))

    def forget(self, before: datetime) -> int:
        return self.faults.around(lambda: self.real.forget(before))

    def close(self) -> None:
        self.real.close()


@dataclass
class Letterbox(Post):
    """What arrived at people, with the letters, of which they may press the links."""

    receivers: set[str] = field(default_factory=set)
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    """Each link that somebody got, by its token and who got it; in the order of arrival."""
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Who got what to read, by Message-ID."""

    def take(self, message: EmailMessage, recipient: str) -> None:
        super().take(message, recipient)
        self.receivers.add(recipient)
        text = messages.parse(message.as_bytes(policy=messages.WIRE)).get_body(("plain",))
        self.texts[str(message["Message-ID"])] = (recipient, str(text and text.get_content()))
        for link in re.findall(r"<(mailto:[^>?]+\?[^>]+)>", self.texts[str(message["Message-ID"])][1]):
            token = re.search(r"\[(bk-\w+)\]", unquote(link))
            assert token is not None
            self.links[token[1], recipient] = link


# -- the machine -------------------------------------------------------------------------------------------------------

PEOPLE = st.integers(0, 1)
EVENTS = st.integers(0, 30)
HEARD = st.booleans()
"""Whether a tick follows at once: what people say one after the other is another thing than what they say together."""
OTHERS = (
    "out of office",
    "fits nothing",
    "advertisement",
    "somebody else's bounce",
    "a stranger of the organisation answers",
    "a stranger answers",
)
KINDS = [kind for kind in TokenKind if kind is not TokenKind.CONFIRM]
"""Of links that people get; that one goes to the coordinator."""
MEETINGS = st.one_of(st.none(), st.integers(0, 6))


class Answering(Machine):
    first_days: ClassVar[tuple[int, ...]] = (0, 1, 7, 14, 16)
    """To the day after the goals letters, whose links are answered most."""
    begun: ClassVar[list[tuple[Path, Post]]] = []

    def __init__(self) -> None:
        super().__init__()
        self.inbox_faults = Faults()
        self.post: Letterbox = Letterbox()
        self.wrote_mails: Counter[str] = Counter()
        """How many mails people wrote, by what may become of each."""
        self.stay: set[str] = set()
        """Mails that are not for us."""
        self.handled: dict[str, datetime] = {}
        self.looked = 0
        self.left: set[int] = set()
        """Proposals that were let go of, because who made them had left the pair."""

    @initialize()
    def begin(self) -> None:
        first = not self.begun
        if first:
            self.spy()
        super().begin()

    def spy(self) -> None:
        """Make the state file with the spies in it, and a secret that is the same in every run."""
        self.restart()
        self.ledger.db.executescript(SPIES)
        with self.ledger.write():
            self.ledger.set("secret", "40" * 32)

    def toml(self) -> str:
        return super().toml() + LISTENING

    def inbox(self, settings: Config) -> Inbox | None:
        assert settings.inbox is not None
        return FaultyInbox(FolderInbox(settings.inbox), self.inbox_faults)

    def all_works_again(self) -> None:
        super().all_works_again()
        self.inbox_faults.coming = []

    def tick(self) -> Outcome | None:
        try:
            return super().tick()
        finally:
            self.follow()

    @rule(faults=st.lists(st.sampled_from(INBOX_FAULTS), min_size=1, max_size=6))
    def inbox_fails(self, faults: list[str]) -> None:
        self.inbox_faults.coming = faults

    # -- what people send ----------------------------------------------------------------------------------------------

    def deliver(self, mail: EmailMessage, *, stays: bool = False) -> None:
        """Put a mail where the mail server would."""
        self.now += timedelta(seconds=1)  # no two mails come in the same instant
        name = f"{len(self.stay) + len(self.handled)}.client"
        path = self.folder / "inbox" / "new" / name
        path.write_bytes(mail.as_bytes())
        os.utime(path, (self.now.timestamp(), self.now.timestamp()))
        if stays:
            self.stay.add(name)
        else:
            self.handled[name] = self.now

    def mail(self, sender: str, subject: str, text: str) -> EmailMessage:
        mail = EmailMessage()
        mail["Authentication-Results"] = f"mx.voorbeeld.example; dmarc=pass header.from={sender.rpartition('@')[2]}"
        mail["From"], mail["To"], mail["Subject"] = sender, ORGANIZER, subject
        mail["Message-ID"] = f"<{len(self.stay) + len(self.handled)}@client.example>"
        mail.set_content(text)
        return mail

    def invited(self, which: int, who: int, nth: int | None) -> tuple[str, Event, int, datetime | None] | None:
        """Return what somebody has in their calendar: who, which event, its number, and one meeting of it if it is a series."""
        stored = self.events()
        if not stored:
            return None
        uid = stored[which % len(stored)].event.uid
        everybody = [person for person in (*MENTEES, *MENTORS) if uid in self.post.agenda(person)]
        if not everybody:
            return None
        person = everybody[who % len(everybody)]
        event = self.post.agenda(person)[uid]
        number = max(i.sequence for i in self.post.invitations.values() if (i.uid, i.recipient) == (uid, person))
        ahead = [at for at in canonical.occurrences(event) if at > self.now] if event.recurrence else []
        return person, event, number, ahead[nth % len(ahead)] if ahead and nth is not None else None

    def itip(self, who: str, event: Event, number: int, **more: str) -> None:
        """Send what a calendar program sends back of an invitation: as Exchange does it, without an ORGANIZER."""
        start = datetime.strptime(more.pop("start"), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        method, partstat, place = more["method"], more["partstat"], more.get("place", "")
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//a client//EN", f"METHOD:{method}", "BEGIN:VEVENT", f"UID:{event.uid}"]
        lines += [f"DTSTAMP:{self.now:%Y%m%dT%H%M%SZ}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"SEQUENCE:{number}"]
        lines += [f"DTEND:{start + timedelta(minutes=event.minutes):%Y%m%dT%H%M%SZ}"]
        lines += [f"ATTENDEE;PARTSTAT={partstat}:mailto:{who}", *([f"RECURRENCE-ID:{place}"] if place else [])]
        data = "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])
        mail = self.mail(more.get("sender", who), f"{partstat.title()}: Mentorgesprek", "")
        mail.add_alternative(data.encode(), maintype="text", subtype="calendar", params={"method": method, "charset": "UTF-8"})
        self.deliver(mail)

    @rule(which=EVENTS, who=PEOPLE, nth=MEETINGS, partstat=st.sampled_from(["ACCEPTED", "TENTATIVE", "DECLINED"]), heard=HEARD)
    def answer(self, which: int, who: int, nth: int | None, partstat: str, *, heard: bool) -> None:
        if found := self.invited(which, who, nth):
            person, event, number, recurrence_id = found
            self.itip(
                person,
                event,
                number,
                method="REPLY",
                partstat=partstat,
                place=_utc(recurrence_id),
                start=_utc(recurrence_id or event.start),
            )
            self.wrote_mails[partstat.casefold()] += 1
            self.soon(heard=heard)

    @rule(which=EVENTS, who=PEOPLE, nth=MEETINGS, days=st.integers(-4, 4), hour=st.integers(8, 17), heard=HEARD)
    def propose(self, which: int, who: int, nth: int | None, days: int, hour: int, *, heard: bool) -> None:
        if found := self.invited(which, who, nth):
            person, event, number, recurrence_id = found
            start = ((recurrence_id or event.start).astimezone(AMSTERDAM) + timedelta(days=days)).replace(hour=hour)
            self.itip(person, event, number, method="COUNTER", partstat="TENTATIVE", place=_utc(recurrence_id), start=_utc(start))
            self.wrote_mails["proposed"] += 1
            self.soon(heard=heard)

    @rule(kind=st.sampled_from(KINDS), which=EVENTS, nobody=st.integers(0, 9), heard=HEARD)
    def press(self, kind: TokenKind, which: int, nobody: int, *, heard: bool) -> None:
        """Send the mail that a link opens; one in ten times somebody else does, who was passed the letter on."""
        tokens = self.ledger_tokens()
        found = [
            (who, link)
            for (token, who), link in self.post.links.items()
            if token in tokens and tokens[token].kind is kind and who not in STAFF
        ]
        if not found:
            return
        who, link = found[-1 - which % len(found)]
        parts = urlsplit(link)
        query = parse_qs(parts.query)
        assert unquote(parts.path) == ORGANIZER
        sender = MENTORS[1] if nobody == 0 and who != MENTORS[1] else who
        text = f"Luisteren, voor de {len(self.handled)}e keer\n" if kind is TokenKind.GOAL else ""
        self.deliver(self.mail(sender, query["subject"][0], query.get("body", [""])[0] + text))
        self.wrote_mails["pressed"] += 1
        self.soon(heard=heard)

    def soon(self, *, heard: bool) -> None:
        if heard:
            self.now += timedelta(minutes=1)
            self.tick()

    def ledger_tokens(self) -> dict[str, Token]:
        return self.engine.conversation.tokens()

    @rule(who=st.sampled_from((*MENTEES, *MENTORS)), what=st.sampled_from(OTHERS), which=EVENTS)
    def another_mail_comes(self, who: str, what: str, which: int) -> None:
        match what:
            case "out of office":
                mail = self.mail(who, "Automatisch antwoord: Mentorgesprek", "Ik ben er niet.")
                mail["Auto-Submitted"] = "auto-replied"
                self.deliver(mail)
                self.wrote_mails["away"] += 1
            case "fits nothing":
                self.deliver(self.mail(who, "Vraagje", f"Mag ik een andere mentor? ({len(self.handled)})"))
                self.wrote_mails["fits nothing"] += 1
            case "advertisement":
                self.deliver(self.mail("news@elders.example", "Korting", "Nu kopen"), stays=True)
            case "somebody else's bounce":
                mail = self.mail("mailer-daemon@elders.example", "Undelivered", "")
                mail.replace_header("Content-Type", 'multipart/report; boundary="B"; report-type=delivery-status')
                mail.set_payload("--B\r\nContent-Type: text/plain\r\n\r\nGone.\r\n--B--\r\n")
                self.deliver(mail, stays=True)
            case _:
                self.a_stranger_answers(which, "j.jansen@voorbeeld.example" if "organisation" in what else "guest@elders.example")

    def a_stranger_answers(self, which: int, who: str) -> None:
        if found := self.invited(which, 0, None):
            _, event, number, _ = found
            self.itip(who, event, number, method="REPLY", partstat="ACCEPTED", start=_utc(event.start))
            self.wrote_mails["stranger"] += who.endswith("@voorbeeld.example")

    # -- what must come of it ------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Take what people proposed, and got, for what they wrote: nothing may undo that either."""
        for each in self.spied(f"WHERE id > {self.looked}"):
            self.looked = each["id"]
            if each["what"] != "settled":
                continue
            if each["who"] not in self.pair(each["mentorship"]):
                self.left.add(each["id"])
            [moved, *_] = [*self.letters_about(each, "moved"), None]
            if moved is not None and each["uid"]:
                start = datetime.fromisoformat(each["start"]).astimezone(UTC)
                self.moved(each["uid"], each["place"], start, each["minutes"])
            elif self.is_rehour(each) and each["uid"]:
                kept = {name: value for name, value in self.wrote[each["uid"]].items() if merge.name(name) not in {"single", "time"}}
                self.wrote[each["uid"]] = kept
            elif self.is_rehour(each):
                for row in self.ledger.rows().values():
                    if each["mentorship"] in row.mentorships and row.kind == "series":
                        self.wrote.pop(row.uid, None)

    def pair(self, mentorship: str) -> tuple[str, ...]:
        return next((both for both in self.words.pairs if f"t/{both[0]}" == mentorship), ())

    def moved(self, uid: str, place: str, start: datetime, minutes: int) -> None:
        if not place:
            self.wrote[uid]["time"] = (start, minutes)
            return
        at = datetime.strptime(place, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
        self.wrote[uid][merge.single_field(at)] = (start, minutes)

    def letters_about(self, spied: Spied, *about: str) -> list[str]:
        """Return the answers that a proposal got, by their names."""
        found = []
        for name in sorted(chain(*self.engine.outbox.answers().values())):
            parts = name.split(" ")
            if parts[1] in about and self.names(spied, name):
                found.append(name)
        return found

    def names(self, each: Spied, name: str) -> bool:
        start, at = (datetime.fromisoformat(each[key]) for key in ("start", "at"))
        told = re.search(r"(\d{4}-\S+ \S+) (\d{4}-\S+ \S+)$", name)
        same = told is not None and [datetime.fromisoformat(text) for text in told.groups()] == [start, at]
        return same and f" {each['mentorship']} {each['uid']} " in name and _place(each["place"]) in name

    def is_rehour(self, each: Spied) -> bool:
        """Say whether a proposal became the pair's hour: that is noted, and of a series that stands also who moved it, right before."""
        before = self.ledger.db.execute("SELECT what FROM spied WHERE id < ? ORDER BY id DESC LIMIT 1", (each["id"],)).fetchone()
        return before is not None and before["what"] in ({"moved"} if each["uid"] else {"moved", "hour"})

    def at_rest(self) -> None:
        super().at_rest()
        assert self.post.receivers <= {*MENTEES, *MENTORS, *STAFF}
        self.mails_lie_where_they_belong()
        self.each_proposal_has_one_outcome()
        self.each_mail_is_heard_once()

    def mails_lie_where_they_belong(self) -> None:
        inbox = self.folder / "inbox"
        left = {path.name.partition(":")[0] for place in ("new", "cur") for path in (inbox / place).glob("*")}
        filed = {".".join(path.name.split(".")[:2]) for path in (inbox / ".beklijf").rglob("*client*")}
        young = {name for name, at in self.handled.items() if at > max(self.now, self.latest) - timedelta(days=30)}
        assert left == self.stay
        assert young <= filed <= self.handled.keys()

    def each_proposal_has_one_outcome(self) -> None:
        """One answer, or another hour; none for what is replaced by a newer one, or was of somebody who left."""
        spied = self.spied("WHERE what IN ('proposal', 'settled')")
        open_ones: dict[tuple[object, ...], Spied] = {}
        for each, after in zip_longest(spied, spied[1:]):
            if each["what"] == "proposal":
                assert _about(each) not in open_ones
                open_ones[_about(each)] = each
                continue
            del open_ones[_about(each)]
            if each["id"] in self.left or (after is not None and after["what"] == "proposal" and _about(after) == _about(each)):
                continue
            answers = self.letters_about(each, "moved", "impossible", "proposed")
            assert len(answers) == 1 or (not answers and self.is_rehour(each)), (each, answers)
        assert list(open_ones.values()) == []

    def each_mail_is_heard_once(self) -> None:
        spied = self.spied()
        heard = Counter(each["what"] for each in spied)
        moves = sum(one["what"] == "accepted" and other["what"] == "settled" for one, other in pairwise(spied))
        forwarded = self.ledger.db.execute("SELECT count(*) FROM outbox WHERE name GLOB 'notice forwarded *'").fetchone()[0]
        wrote = self.wrote_mails
        assert heard["away"] == wrote["away"]
        assert heard["stranger"] == wrote["stranger"]
        assert heard["accepted"] - moves <= wrote["accepted"] + wrote["stranger"]
        assert heard["tentative"] <= wrote["tentative"]
        assert heard["declined"] <= wrote["declined"]
        assert heard["proposed"] <= wrote["proposed"] + wrote["pressed"]
        assert heard["wrote"] <= wrote["pressed"]
        assert wrote["fits nothing"] <= forwarded <= wrote["fits nothing"] + wrote["proposed"] + wrote["pressed"]

    def spied(self, which: str = "") -> list[Spied]:
        return [dict(row) for row in self.ledger.db.execute(f"SELECT * FROM spied {which} ORDER BY id")]  # noqa: S608  # our own words


Spied: TypeAlias = "dict[str, Any]"


def _about(spied: Spied) -> tuple[object, ...]:
    """Return what there is one open proposal of."""
    return tuple(spied[name] for name in ("mentorship", "uid", "place", "who"))


def _utc(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _place(place: str) -> str:
    return place[:16].replace("T", " ")


TestAnswering = Answering.TestCase
TestAnswering.settings = settings(
    max_examples=settings().max_examples // 5,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
    derandomize=settings.get_current_profile_name() == "quick",
    database=None,
)


@pytest.fixture
def machine() -> Iterator[Answering]:
    made = Answering()
    made.begin()
    yield made
    made.teardown()


# -- lives by lot ------------------------------------------------------------------------------------------------------

LIVES = 40
"""Hypothesis shrinks what it finds, but seldom gets as far as a move between two faults: these lives have many."""


def faults(dice: Random, which: Sequence[str]) -> dict[str, object]:
    return {"faults": dice.choices(which, k=dice.randint(1, 5))}


def about_one(dice: Random) -> dict[str, object]:
    return {"which": dice.randint(0, 8), "who": dice.randint(0, 1), "nth": dice.choice([None, 0, 1, 2]), "heard": dice.random() < 0.5}


def elsewhere(dice: Random) -> dict[str, object]:
    return {"days": dice.randint(-3, 3), "hour": dice.randint(8, 17)}


DEEDS: dict[str, tuple[int, Callable[[Random], dict[str, object]]]] = {
    "answer": (8, lambda dice: {**about_one(dice), "partstat": dice.choice(["ACCEPTED", "TENTATIVE", "DECLINED"])}),
    "propose": (12, lambda dice: {**about_one(dice), **elsewhere(dice)}),
    "press": (
        16,
        lambda dice: {
            "kind": dice.choice(KINDS),
            "which": dice.randint(0, 6),
            "nobody": dice.randint(0, 9),
            "heard": dice.random() < 0.5,
        },
    ),
    "another_mail_comes": (
        5,
        lambda dice: {"who": dice.choice([*MENTEES[:3], *MENTORS]), "what": dice.choice(OTHERS), "which": dice.randint(0, 8)},
    ),
    "inbox_fails": (6, lambda dice: faults(dice, INBOX_FAULTS)),
    "calendar_fails": (5, lambda dice: faults(dice, CALENDAR_FAULTS)),
    "mail_fails": (4, lambda dice: faults(dice, [fault for fault in MAIL_FAULTS if fault != "refused"])),
    "time_passes": (10, lambda dice: {"later": dice.choice([1, 1, 5, 11, 60, 600, 1440, 3000, 8000])}),
    "the_clock_goes_back": (1, lambda dice: {"minutes": dice.choice([1, 4, 100])}),
    "restart": (3, lambda _: {}),
    "settle": (3, lambda _: {}),
    "move_a_whole_event": (4, lambda dice: {"which": dice.randint(0, 8), **elsewhere(dice)}),
    "move_one_meeting": (
        4,
        lambda dice: {"which": dice.randint(0, 8), "nth": dice.randint(0, 3), **elsewhere(dice), "off": dice.random() < 0.3},
    ),
    "delete": (2, lambda dice: {"which": dice.randint(0, 8)}),
    "restore": (2, lambda dice: {"which": dice.randint(0, 10)}),
    "give_a_mentor": (2, lambda dice: {"mentee": dice.choice(MENTEES), "mentor": dice.choice(MENTORS)}),
    "take_out": (1, lambda dice: {"which": dice.randint(0, 3)}),
    "move_a_session": (1, lambda dice: {"which": dice.randint(0, 1), "days": dice.choice([-7, -1, 1, 7]), "was": dice.random() < 0.7}),
    "change_the_hour": (
        2,
        lambda dice: {"mentee": dice.choice(MENTEES), "day": dice.choice(DAYS), "hour": dice.randint(9, 15)},
    ),
    "close_a_day": (1, lambda dice: {"days": dice.randint(0, 50)}),
    "go_on_leave": (1, lambda dice: {"who": dice.choice([*MENTEES[:3], *MENTORS]), "days": dice.randint(0, 50)}),
}
"""What may happen, how often, and how."""


@pytest.mark.parametrize("seed", range(LIVES))
def test_a_life_in_which_people_answer_and_servers_fail_comes_to_rest(machine: Answering, seed: int) -> None:
    dice = Random(seed)  # noqa: S311  # a search, not a secret
    life: list[str] = []
    try:
        for name in dice.choices([*DEEDS], [often for often, _ in DEEDS.values()], k=dice.randint(4, 25)):
            how = DEEDS[name][1](dice)
            life.append(f"machine.{name}({', '.join(f'{key}={value!r}' for key, value in how.items())})")
            if name != "take_out" or len(machine.words.pairs) > 1:
                getattr(machine, name)(**how)
        machine.settle()
    except AssertionError as error:
        error.add_note("\n".join(life))
        raise


# -- orders of things that once broke it -------------------------------------------------------------------------------


def test_a_mail_that_fits_nothing_is_passed_on_at_once_also_when_nothing_else_happens(machine: Answering) -> None:
    machine.settle()
    machine.another_mail_comes(who=MENTEES[1], what="fits nothing", which=0)

    outcome = machine.tick()

    assert outcome is not None
    assert [mail.name.split()[:2] for mail in outcome.delivered.sent] == [["notice", "forwarded"]]


def test_a_mailbox_with_more_than_is_read_at_once_is_read_on_soon_whatever_is_in_it(machine: Answering) -> None:
    machine.settle()
    for _ in range(AT_ONCE + 1):
        machine.another_mail_comes(who=MENTEES[1], what="somebody else's bounce", which=0)

    outcome = machine.tick()

    assert outcome is not None
    assert outcome.next is not None
    assert outcome.next <= machine.now + SOON


def of(machine: Answering, mentee: str, item: str) -> int:
    """Return the place of an item among the events."""
    rows = machine.ledger.rows()
    return next(n for n, s in enumerate(machine.events()) if rows[s.event.uid].ref == f"t/{mentee}/{item}")


def test_who_proposes_another_hour_and_another_time_for_one_meeting_gets_the_hour_and_an_answer_about_the_meeting(
    machine: Answering,
) -> None:
    series = of(machine, MENTEES[2], "series")
    machine.propose(which=series, who=0, nth=None, days=1, hour=12, heard=False)
    machine.propose(which=series, who=0, nth=2, days=3, hour=14, heard=False)

    machine.settle()

    event = machine.events()[of(machine, MENTEES[2], "series")].event
    assert (event.start.weekday(), event.start.hour) == (1, 12)
    assert [name.split()[1] for name in chain(*machine.engine.outbox.answers().values())] == ["impossible"]


def heard(machine: Answering, said: Said) -> list[str]:
    """Return about which events something was heard."""
    rows = machine.ledger.db.execute("SELECT ref FROM heard JOIN event USING (uid) WHERE said = ? ORDER BY ref", (said,))
    return [row["ref"] for row in rows]


def test_what_we_cancelled_ourselves_before_a_power_cut_was_done_by_nobody(machine: Answering) -> None:
    series = machine.events()[of(machine, MENTEES[2], "series")].event
    second = canonical.occurrences(series)[1]
    machine.edit(replace(machine.words, closed=frozenset({second.date()})))
    machine.calendar_fails(["works", "works", "crash after"])  # reads the calendar, and when people can
    machine.tick()

    machine.settle()

    assert canonical.actual_start(machine.events()[of(machine, MENTEES[2], "series")].event, second) is None
    assert heard(machine, Said.CANCELLED) == []


def test_what_a_person_puts_back_where_it_was_counts_as_a_move(machine: Answering) -> None:
    where = of(machine, MENTEES[2], "series")
    machine.move_one_meeting(which=where, nth=1, days=1, hour=11, off=False)
    machine.settle()
    stored = machine.events()[where]
    machine.wrote.pop(stored.event.uid)

    machine.write(stored, replace(stored.event, overrides=()), "single")
    machine.settle()

    assert heard(machine, Said.MOVED) == [f"t/{MENTEES[2]}/series"] * 2


def test_an_invitation_counts_from_the_day_on_which_it_was_made_also_when_the_power_fails_then(machine: Answering) -> None:
    machine.give_a_mentor(MENTEES[3], MENTORS[1])
    machine.calendar_fails(["works", "works", "crash after"])
    machine.tick()

    machine.settle()

    ours = sorted(row.ref for row in machine.ledger.rows().values() if row.kind != "reminder")
    assert heard(machine, Said.INVITED) == ours


def test_who_proposed_is_told_where_the_meeting_was_also_when_the_power_fails_while_it_moves(machine: Answering) -> None:
    machine.propose(which=of(machine, MENTEES[1], "series"), who=0, nth=1, days=-1, hour=11, heard=False)
    machine.calendar_fails(["works", "works", "crash after"])
    machine.tick()

    machine.settle()

    [text] = [text for who, text in machine.post.texts.values() if who == MENTEES[1] and "is verzet, zoals je voorstelde" in text]
    assert "Het was donderdag 4 februari om 15.00 uur en is nu woensdag 3 februari om 11.00 uur." in text


def test_who_leaves_the_pair_and_comes_back_is_not_surprised_by_what_they_once_proposed(machine: Answering) -> None:
    where = of(machine, MENTEES[1], "series")
    machine.propose(which=where, who=1, nth=1, days=-1, hour=11, heard=False)
    machine.calendar_fails(["works", "down"])
    machine.mail_fails(["down"])
    machine.edit(replace(machine.words, pairs=machine.words.pairs[:1]))
    machine.settle()

    machine.give_a_mentor(MENTEES[1], MENTORS[0])
    machine.settle()

    assert machine.engine.outbox.answers() == {}

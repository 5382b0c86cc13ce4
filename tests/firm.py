"""A town whose people are at one company, with one maker's server."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.conversation import Office, Speaking, meetings
from tests.fakes import programs
from tests.mailroom import ORGANIZER
from tests.town import KARIM, SANNE

from beklijf.model.conversation import Said

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.company import Company, Entry
    from tests.fakes.makers import Maker

    from beklijf.tick.outcome import Outcome

INVITES = [("karim", "REQUEST"), ("sanne", "REQUEST")]
CANCELS = [("karim", "CANCEL"), ("sanne", "CANCEL")]
PEOPLE = {ORGANIZER: "Mentorprogramma", SANNE: "Sanne de Vries", KARIM: "Karim Bakker"}


@dataclass
class Account:
    """A person's mailbox and calendar, as their program uses them."""

    company: Company
    address: str
    read: int = 0
    """Mails so far."""

    def entries(self) -> dict[str, bytes]:
        return {each.id: programs.read(self.company, each.id) for each in self.company.inside(self.address, "main")}

    def put(self, href: str, data: bytes) -> None:
        programs.write(self.company, self.address, "main", href, data)

    def delete(self, href: str) -> None:
        programs.delete(self.company, href)

    def news(self) -> list[str]:
        """Return the methods of what the server brought, and one "answer" for each that an organizer got by mail."""
        mailbox = self.company.mailboxes[self.address]
        found, mailbox.news = mailbox.news, []
        mails = [each for each in self.company.messages.values() if each.mailbox == self.address]
        found += ["answer"] * (len(mails) - self.read)
        self.read = len(mails)
        return found


@dataclass
class Firm(Office):
    """A town whose people, and the service, are at one company."""

    maker: Maker = field(kw_only=True)
    mailed: int = 0
    verdict: str = "pass"
    """What the server that takes the mail says of who wrote it; empty: nothing."""

    @property
    def company(self) -> Company:
        return self.maker.company

    @property
    def tells_all(self) -> bool:
        """Whether people are told of each write, be it of words alone, and of each day off of a series that moves (Graph)."""
        return 'kind = "graph"' in self.calendar

    def tick(self, later: timedelta = timedelta(minutes=5)) -> Outcome:
        """Let the mail that came for the service be there to be read, and tick."""
        self.company.now = self.now.astimezone(UTC)
        mails = [each for each in self.company.messages.values() if each.mailbox == ORGANIZER]
        for mail in mails[self.mailed :] if self.words.inbox else ():
            said = f"Authentication-Results: mx.voorbeeld.example; dmarc={self.verdict} header.from=voorbeeld.example\r\n"
            raw = (said.encode() if self.verdict else b"") + mail.raw
            (self.folder / "inbox" / "new" / f"{mail.id}.server").write_bytes(raw)
        self.mailed = len(mails)
        return super().tick(later)

    def entry(self, item: str) -> Entry:
        """Return the organizer's event."""
        owner, _, href = self.row(item).href.rpartition("|")
        return self.company.entries[self.maker.core(owner or ORGANIZER, href)]

    def entry_of(self, who: str, item: str) -> Entry:
        """Return what somebody's calendar has of it: the organizer's event, or the own copy."""
        whole = self.entry(item)
        if who == whole.mailbox:
            return whole
        [found] = [each for each in self.company.inside(who, "main") if each.original == whole.id]
        return found

    def copy(self, who: str, item: str) -> tuple[str, bytes]:
        name = self.entry_of(who, item).id
        return name, programs.read(self.company, name)

    def shown(self, who: str) -> dict[str, tuple[datetime, ...]]:
        """Return when a person's own program has our meetings; those that were cancelled aren't."""
        rows = [row for row in self.engine.ledger.rows().values() if row.kind != "reminder"]
        items = {row.icaluid or row.uid: row.ref.rpartition("/")[2] for row in rows}
        found = {}
        for each in self.company.inside(who, "main"):
            if each.uid in items and (times := meetings(programs.read(self.company, each.id))):
                found[items[each.uid]] = times
        return found

    def propose(self, who: str, item: str, start: datetime, *, meeting: datetime | None = None) -> None:
        """Propose another time from somebody's own program; the answer that goes with it says neither yes nor no."""
        recurrence_id = None if meeting is None else meeting.astimezone(UTC)
        self.company.respond(self.entry_of(who, item), "TENTATIVE", recurrence_id, proposed=(start.astimezone(UTC), 60))

    def proposed(self, who: str, item: str, meeting: datetime | None = None) -> dict[tuple[str, str, str], Said]:
        """Return what is heard of an answer with which another time was proposed: where the server notes that, nothing else."""
        name, place = who.partition("@")[0], f"{meeting:%Y-%m-%d}" if meeting else ""
        return {} if self.maker.notes_proposals else {(item, place, name): Said.TENTATIVE}


def firm_on(folder: Path, maker: Maker, words: Speaking) -> Firm:
    for name in ("cur", "new", "tmp"):
        (folder / "inbox" / name).mkdir(parents=True)

    def core(href: str) -> tuple[str, str]:
        owner, _, inner = href.rpartition("|")
        return owner or ORGANIZER, maker.core(owner or ORGANIZER, inner)

    def write(href: str, data: bytes) -> None:
        owner, name = core(href)
        programs.write(maker.company, owner, "main", name, data)

    return Firm(
        folder=folder,
        calendar=maker.calendar,
        read=lambda href: programs.read(maker.company, core(href)[1]),
        write=write,
        remove=lambda href: programs.delete(maker.company, core(href)[1]),
        words=words,
        desks={address: Account(maker.company, address) for address in (SANNE, KARIM)},
        maker=maker,
    )

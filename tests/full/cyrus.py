"""A Cyrus server with calendars and mail."""

from __future__ import annotations

import base64
import imaplib
import re
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tests.town import QUIET, Town

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = "cyrus-imapd,cyrus-caldav,cyrus-admin,sasl2-bin,libsasl2-modules,busybox-syslogd"
PASSWORD = "mentorpw"
ACCOUNTS = ("mentor", "sanne", "karim", "dienst", "cyrus")


class Serve(Protocol):
    """What ``conftest`` gives to run a server."""

    def __call__(self, script: str, root: Path, arguments: list[str], ports: list[int]) -> Path: ...


@dataclass(frozen=True, slots=True)
class Cyrus:
    """A running server with an account for each of `ACCOUNTS`, all in voorbeeld.example."""

    url: str
    imap: int
    files: Path
    log: Path

    def ask(self, user: str, method: str, path: str, data: bytes | None = None) -> bytes:
        call = urllib.request.Request(self.url + path, data, method=method)  # noqa: S310  # our own server on loopback
        call.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode())
        call.add_header("Content-Type", "text/calendar; charset=utf-8")
        call.add_header("Depth", "1")
        with urllib.request.urlopen(call, timeout=60) as answer:  # noqa: S310  # as above
            body: bytes = answer.read()
            return body

    def join(self, user: str) -> None:
        """Make the mailbox by a first login, and the calendars by a first look."""
        with imaplib.IMAP4("127.0.0.1", self.imap, timeout=60) as mailbox:
            mailbox.login(user, PASSWORD)
        self.ask(user, "PROPFIND", f"/dav/calendars/user/{user}/")

    def events(self, user: str, collection: str = "Default") -> dict[str, str]:
        """Return what the person's programs show of that calendar, by href."""
        listed = self.ask(user, "PROPFIND", f"/dav/calendars/user/{user}/{collection}/").decode()
        hrefs = re.findall(r"<D:href>([^<]+\.ics)</D:href>", listed)
        return {href: re.sub(r"\r\n[ \t]", "", self.ask(user, "GET", href).decode()).replace("\r", "") for href in hrefs}

    def deliveries(self) -> list[str]:
        """Return to whom the server carried something so far, once for each time."""
        said = self.log.read_text(encoding="utf-8", errors="replace")
        return sorted(re.findall(r"scheduling delivery to (\S+)", said))

    def mails(self) -> list[tuple[str, str]]:
        """Return to whom the server mailed which iTIP method."""
        sent = self.files / "var/spool/imip/sent"
        lines = sent.read_text(encoding="utf-8").splitlines() if sent.exists() else []
        return [(re.findall(r'"recipient": *"(?:mailto:)?([^"]+)"', line)[0], re.findall(r"METHOD:([A-Z]+)", line)[0]) for line in lines]

    def turn_away(self, user: str, status: str) -> None:
        """Let the server fail to reach a person, so that it says *status*."""
        inbox = f'"user/{user}/#calendars/Inbox"'
        with imaplib.IMAP4("127.0.0.1", self.imap, timeout=60) as admin:
            admin.login("cyrus", PASSWORD)
            if status == "3.8":
                admin.deleteacl(inbox, "anyone")
            else:
                admin.setacl(inbox, "cyrus", "lrswipkxtecda")
                admin.delete(inbox)


@dataclass
class Region(Town):
    """A town whose calendar is on Cyrus, and what its people see there."""

    cyrus: Cyrus = field(kw_only=True)

    def copy(self, person: str, item: str) -> str:
        """Return the person's own copy of an event, without the zones (and their RRULEs)."""
        uid = self.row(item).uid
        [text] = [text for text in self.cyrus.events(_name(person)).values() if f"UID:{uid}" in text]
        return re.sub(r"BEGIN:VTIMEZONE.*END:VTIMEZONE\n", "", text, flags=re.DOTALL)

    def own(self, item: str) -> str:
        """Return the organizer's."""
        return re.sub(rb"\r\n[ \t]", b"", self.read(self.row(item).href)).decode().replace("\r", "")

    def answer(self, person: str, item: str, said: str) -> None:
        """Answer an invitation as the person's own program does."""
        uid = self.row(item).uid
        [(href, text)] = [(h, t) for h, t in self.cyrus.events(_name(person)).items() if f"UID:{uid}" in t]
        answered = re.sub(rf"(?m)^(ATTENDEE.*)PARTSTAT=[A-Z-]+(.*{person})$", rf"\1PARTSTAT={said}\2", text)
        assert answered != text
        self.cyrus.ask(_name(person), "PUT", href, answered.replace("\n", "\r\n").encode())

    def quiet(self) -> None:
        """Nothing is left to do, and nothing more goes out."""
        before = self.cyrus.deliveries(), self.cyrus.mails()
        assert self.plan().changes == ()
        outcome = self.tick(QUIET)
        assert (outcome.done, outcome.errors, self.mails()) == ([], [], [])
        assert (self.cyrus.deliveries(), self.cyrus.mails()) == before


def region_of(cyrus: Cyrus, folder: Path, account: str) -> Region:
    (folder / "password").write_text(PASSWORD, encoding="utf-8")

    def write(href: str, data: bytes) -> None:
        cyrus.ask(account, "PUT", href, data)

    def remove(href: str) -> None:
        cyrus.ask(account, "DELETE", href)

    words = ['kind = "caldav"', f'url = "{cyrus.url}/"', f'user = "{account}"', 'name = "Mentorprogramma"']
    return Region(
        folder=folder,
        calendar="\n".join([*words, 'password = { file = "password" }']),
        read=lambda href: cyrus.ask(account, "GET", href),
        write=write,
        remove=remove,
        cyrus=cyrus,
    )


def _name(person: str) -> str:
    return person.partition("@")[0]

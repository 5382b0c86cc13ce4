"""The service itself, stopped while a mail server hangs in each place: over in five seconds, and what it left is in order.

All of one protocol run at once: most of the time of each is waiting.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.fakes.scripted import HANG, IMAP_HEALTHY, SMTP_HEALTHY, Answer, Script, following, imap, smtp
from tests.imap_server import PASSWORD
from tests.system.waiting import until

from beklijf.ledger import Ledger
from beklijf.ledger.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.certificates import Certificates


NOW = datetime(2026, 11, 1, tzinfo=UTC)

SMTP: dict[str, dict[str, Answer]] = {
    "the handshake": {"handshake": (HANG,)},
    "the greeting": {"greeting": (HANG,)},
    "EHLO": {"EHLO": (b"250-post.example\r\n", HANG)},
    "AUTH": {"AUTH": (HANG,)},
    "MAIL": {"MAIL": (HANG,)},
    "RCPT": {"RCPT": (HANG,)},
    "DATA": {"DATA": (HANG,)},
    "the answer to the message": {".": (HANG,)},
    "QUIT": {"QUIT": (HANG,)},
}
IMAP: dict[str, dict[str, Answer]] = {
    "the handshake": {"handshake": (HANG,)},
    "the greeting": {"greeting": (HANG,)},
    "CAPABILITY": {"CAPABILITY": (HANG,)},
    "AUTHENTICATE": {"AUTHENTICATE": (HANG,)},
    "EXAMINE": {"EXAMINE": (HANG,)},
    "SEARCH": {"SEARCH": (b"* SEARCH 1", HANG)},
    "FETCH": {"FETCH": (HANG,)},
    "a mail's content": {"BODY": (b"* 1 FETCH (UID 1 BODY[]<0> {100}\r\nFrom:", HANG)},
    "LOGOUT": {"LOGOUT": (HANG,)},
}
AT_THE_END = {"QUIT", "LOGOUT"}
"""Where the service hangs because it is stopped."""


def batched(houses: Iterable[House], size: int) -> list[list[House]]:
    each = list(houses)
    return [each[start : start + size] for start in range(0, len(each), size)]


@dataclass
class House:
    """One installation with a mail to send and a mailbox to read, the server, and the service when it runs."""

    folder: Path
    place: str
    script: Script
    process: subprocess.Popen[bytes] | None = None

    def prepare(self, protocol: str, ca: Path) -> None:
        login = f'kind = "{protocol}"\nhost = "127.0.0.1"\nport = {self.script.port}\nsecurity = "tls"\nuser = "beklijf"\nca = "{ca}"\n'
        login += 'password = { file = "password" }'
        (self.folder / "password").write_text(PASSWORD, encoding="utf-8")
        parts = [
            '[organisation]\nname = "Gemeente Voorbeeld"\ntime_zone = "Europe/Amsterdam"\nlanguage = "nl"',
            'coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }',
            '[calendar]\nkind = "folder"\npath = "calendars"',
            'organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }',
            f"[mail]\n{login}" if protocol == "smtp" else '[mail]\nkind = "folder"\npath = "outbox"',
            f"[inbox]\n{login}" if protocol == "imap" else '[inbox]\nkind = "folder"\npath = "inbox"',
            "[answers]\nread = true",
            '[service]\nstate = "state.sqlite3"',
            '[[training]]\nid = "t"\nname = "Helder schrijven"\npurpose = "brieven"\nsessions = [2026-01-12]\nstate = "live"',
            '[[training.mentorship]]\nmentee = "sanne@voorbeeld.example"\nmentor = "karim@voorbeeld.example"',
            '[[person]]\nname = "Sanne de Vries"\nemail = "sanne@voorbeeld.example"',
            '[[person]]\nname = "Karim Bakker"\nemail = "karim@voorbeeld.example"',
        ]
        (self.folder / "config.toml").write_text("\n".join(parts) + "\n", encoding="utf-8")
        payload = {"name": "Marieke Smit", "title": "Bericht", "lines": ["Hoi"], "command": ""}
        with closing(Ledger(self.folder / "state.sqlite3")) as ledger, ledger.write():
            Outbox(ledger).add_notice("a message", about="message", recipient="opleidingen@voorbeeld.example", payload=payload, now=NOW)

    def start(self) -> None:
        with (self.folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "beklijf", "--config", str(self.folder / "config.toml"), "run"]
            self.process = subprocess.Popen(command, stderr=log, stdout=log, env=dict(os.environ))

    def hangs(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        if self.place in AT_THE_END:  # before that it has done everything
            return any({"BODY", "."} & {*line.commands, *line.words} for line in self.script.lines)
        return self.script.hanging.is_set()

    def stop(self) -> None:
        """Ask it to stop, as systemd does."""
        assert self.process is not None
        self.process.terminate()

    def ends(self) -> int:
        assert self.process is not None
        return self.process.wait(30)

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def mails(self) -> list[tuple[str, bool]]:
        with closing(Ledger(self.folder / "state.sqlite3", read_only=True)) as ledger:
            return [(mail.state, mail.unanswered) for mail in Outbox(ledger).open_mails() if "a message" in mail.name]


@pytest.fixture
def houses(tmp_path: Path, certificates: Certificates) -> Iterator[Callable[[str], dict[str, House]]]:
    running: list[House] = []
    with ExitStack() as stack:

        def build(protocol: str) -> dict[str, House]:
            places, talk, healthy = (SMTP, smtp, SMTP_HEALTHY) if protocol == "smtp" else (IMAP, imap, IMAP_HEALTHY)
            for number, (place, says) in enumerate(places.items()):
                script = stack.enter_context(following(talk, tls=certificates.server, implicit=True, healthy=healthy))
                script.answers = dict(says)
                folder = tmp_path / str(number)
                folder.mkdir()
                running.append(House(folder, place, script))
                running[-1].prepare(protocol, certificates.ca)
                running[-1].start()
            return {house.place: house for house in running}

        yield build
        for house in running:
            if house.process is not None:
                house.process.kill()
                house.process.wait()


@pytest.mark.parametrize("protocol", ["smtp", "imap"])
def test_a_service_that_waits_for_a_mail_server_stops_within_five_seconds(houses: Callable[[str], dict[str, House]], protocol: str) -> None:
    built = houses(protocol)
    for house in built.values():
        until(house.hangs)
    took: list[float] = []
    for few in batched(built.values(), 3):  # more would wait for each other
        began = time.monotonic()
        for house in few:
            house.stop()
        assert [house.ends() for house in few] == [0] * len(few)
        took.append(time.monotonic() - began)

    assert max(took) < 5
    assert {place for place, house in built.items() if "Traceback" in house.log()} == set()
    if protocol == "smtp":
        left = {place: house.mails() for place, house in built.items()}
        assert left.pop("QUIT") == []
        assert left.pop("the answer to the message") == [("waiting", True)]
        assert set(map(tuple, left.values())) == {(("waiting", False),)}

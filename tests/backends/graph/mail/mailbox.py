"""A mailbox in Exchange Online, as others fill it and look into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.backends.inbox_contract import NOON
from tests.backends.mailer_contract import SENDER

if TYPE_CHECKING:
    from datetime import datetime

    from tests.fakes.company import Company
    from tests.fakes.graph import Graph

    from beklijf.contracts.settings import InboxSettings

MAILBOX = SENDER.email
SANNE = "sanne@voorbeeld.example"


class Mailbox:
    """A mailbox of the company, as others fill it and look into it."""

    def __init__(self, company: Company, graph: Graph, settings: InboxSettings) -> None:
        self.company, self.graph, self.settings = company, graph, settings

    def put(self, *mails: bytes, at: datetime = NOON, filed: bool = False, flags: str = "") -> None:
        self.company.now = at
        for raw in mails:
            self.company.deliver(MAILBOX, raw, folder=self._filed() if filed else "deleted" if "T" in flags else "inbox")

    def inside(self) -> list[bytes]:
        return self._in("inbox")

    def filed(self) -> list[bytes]:
        return self._in(self._filed())

    def unread(self) -> int:
        assert not [each for each in self.graph.parts if not each.startswith("GET ")]
        return len(self.inside())

    def _filed(self) -> str:
        return next((key for key, name in self.company.mailboxes[MAILBOX].mail_folders.items() if name == self.settings.filed), "")

    def _in(self, folder: str) -> list[bytes]:
        return [each.raw for each in self.company.messages.values() if (each.mailbox, each.folder) == (MAILBOX, folder)]

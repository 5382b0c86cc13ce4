"""Mails to the coordinator about what people said: in the organisation's language, each about one thing, each once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.model import words

if TYPE_CHECKING:
    from datetime import datetime

    from beklijf.contracts.settings import Config
    from beklijf.ledger.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    config: Config
    outbox: Outbox

    @property
    def language(self) -> str:
        return self.config.organisation.language

    def tell(
        self, kind: str, key: str, now: datetime, *, called: str, attached: str = "", link: str = "", subject: str = "", **values: str
    ) -> None:
        """Queue one of ``words.NOTICES``; *key* makes its name, *called* stands in its title, *values* in its lines.

        *attached* is a mail as it came, in base64; *link* opens a mail that does what the lines say; by
        *subject* they are counted.
        """
        coordinator = self.config.organisation.coordinator
        payload = {
            "name": coordinator.name,
            "title": words.NOTICES[kind][self.language].format(called),
            "lines": words.lines(kind, self.language, **values),
            "command": "",
        }
        if link:
            payload["link"] = link
        if attached:
            payload["attached"] = attached
        self.outbox.add_notice(f"{kind} {key}", about=kind, recipient=coordinator.email, payload=payload, now=now, subject=subject)

"""What Postfix and Dovecot are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = "postfix,dovecot-imapd,dovecot-lmtpd"


class Serve(Protocol):
    """What ``conftest`` gives to run a server."""

    def __call__(self, script: str, root: Path, arguments: list[str], ports: list[int]) -> Path: ...

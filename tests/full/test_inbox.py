"""Answers read from Dovecot: the same contract as with every mailbox, on the server that most organisations run."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

import pytest
from imapclient import IMAPClient  # type: ignore[import-untyped]  # has annotations, but doesn't say so (no py.typed)
from tests.backends.inbox_contract import InboxContract
from tests.backends.smtp_imap.wire import Mailbox, WireContract, listening

from beklijf.backends.smtp_imap.settings import InboxByImap
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import InboxSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.backends.inbox_contract import Box
    from tests.certificates import Certificates


pytestmark = pytest.mark.full


PACKAGES = "postfix,dovecot-imapd,dovecot-lmtpd"
PASSWORD = "gehéim wachtwoord"


class Serve(Protocol):
    """What ``conftest`` gives to run a server."""

    def __call__(self, script: str, root: Path, arguments: list[str], ports: list[int]) -> Path: ...


@pytest.fixture
def account(
    certificates: Certificates,
    debian: Callable[[str, str], Path],
    serve: Serve,
    free_ports: Callable[[int], list[int]],
    tmp_path: Path,
) -> Iterator[Mailbox]:
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "server.pem").write_bytes((certificates.ca.parent / "server0.pem").read_bytes())
    ports = free_ports(4)
    serve("mail.sh", debian("mail", PACKAGES), [*map(str, ports), str(folder), f"mentor:{PASSWORD}"], ports)
    trust = ssl.create_default_context(cafile=certificates.ca)

    def log_in() -> IMAPClient:
        client = IMAPClient("127.0.0.1", ports[2], ssl_context=trust, timeout=60)
        client.plain_login("mentor", PASSWORD)
        return client

    with listening(ports[2], tls=certificates.server, beyond=trust) as wire:
        settings = InboxSettings(
            maker=InboxByImap(
                host="127.0.0.1",
                port=wire.port,
                security="tls",
                user="mentor@voorbeeld.example",
                password=Secret("file", str(tmp_path / "password")),
                ca=certificates.ca,
            ),
            address="mentor@voorbeeld.example",
        )
        yield Mailbox(settings, wire, log_in)


class TestDovecot(InboxContract, WireContract):
    @pytest.fixture
    def box(self, account: Mailbox) -> Box:
        return account

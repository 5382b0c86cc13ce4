"""A mail server that can be told what to say."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from tests.imap_server import PASSWORD

from beklijf.backends.smtp_imap.mailer import SmtpMailer

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from aiosmtpd.smtp import Envelope, Session

    from beklijf.contracts.settings import MailSettings


@dataclass
class Post:
    """Keeps what arrives, and answers each command as told: by the command's word and the start of its argument."""

    replies: dict[tuple[str, str], str] = field(default_factory=dict)
    envelopes: list[Envelope] = field(default_factory=list)
    connections: list[SMTP] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)

    def _reply(self, command: str, argument: str) -> str | None:
        return next((said for (word, start), said in self.replies.items() if word == command and argument.startswith(start)), None)

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802  # aiosmtpd's name
        if reply := self._reply("MAIL", address):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802  # aiosmtpd's name
        if reply := self._reply("RCPT", address):
            if reply.startswith("421"):
                await server.push(reply)
                _cut(server)
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        reply = self._reply("CONTENT", envelope.rcpt_tos[0])
        if reply == "drop":
            _cut(server)
            return "250 never heard"
        if reply == "think":
            await asyncio.sleep(0.3)
        if not reply:
            self.envelopes.append(envelope)
        return reply or "250 OK"

    def login(self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, login: LoginPassword) -> AuthResult:
        self.logins.append(mechanism)
        if reply := self._reply("AUTH", ""):
            return AuthResult(success=False, handled=False, message=reply)
        return AuthResult(success=(login.login, login.password) == (b"beklijf", PASSWORD.encode()))


class Line(SMTP):
    """An SMTP conversation that can refuse DATA before the content, or be cut with the content half sent."""

    post: Post

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self.post.connections:
            self.post.connections.append(self)
        super().connection_made(transport)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802  # aiosmtpd's name
        if reply := self.post._reply("DATA", ""):
            await self.push(reply)
        elif self.post._reply("CONTENT", "") == "cut":
            await self.push("354 go ahead")
            assert self._reader is not None
            await self._reader.readline()
            _cut(self)
        else:
            await super().smtp_DATA(arg)


class Office(Controller):
    """One server in a thread of its own, on a free port of loopback."""

    def __init__(self, post: Post, *, tls: ssl.SSLContext | None, implicit: bool, excluded: frozenset[str]) -> None:
        self.post = post
        super().__init__(
            post,
            hostname="127.0.0.1",
            port=_free_port(),
            ssl_context=tls if implicit else None,
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            authenticator=post.login,
            auth_required=tls is not None,
            auth_require_tls=not implicit,
            auth_exclude_mechanism=excluded,
        )

    def factory(self) -> SMTP:
        line = Line(self.handler, **self.SMTP_kwargs)
        line.post = self.post
        return line

    def cut_all(self) -> None:
        """Drop every connection, as a server does with idle ones, and wait until it is done."""

        async def cut() -> None:
            for line in self.post.connections:
                _cut(line)
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(cut(), self.loop).result(timeout=5)


def _cut(line: SMTP) -> None:
    """Drop the connection without a word."""
    if isinstance(line.transport, asyncio.Transport):
        line.transport.abort()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mailing(
    settings: MailSettings, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
) -> Iterator[SmtpMailer]:
    mailer = SmtpMailer(settings, clock=clock, sleep=sleep)
    try:
        yield mailer
    finally:
        mailer.close()

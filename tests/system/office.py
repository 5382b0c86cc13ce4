"""Mail with STARTTLS and AUTH that can be told what to say."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.caldav_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aiosmtpd.smtp import Envelope, Session

USER, PASSWORD = "beklijf", "een lang wachtwoord"


@dataclass(frozen=True, slots=True)
class Taken:
    """One message that the server said 250 to, or would have."""

    recipient: str
    content: bytes
    message_id: str


@dataclass
class Post:
    """What arrives, and what is answered instead: by the command's word and the start of its argument.

    ``drop`` as the answer to CONTENT takes the message and cuts the connection before the 250; ``cut`` does that with the
    content half sent.
    """

    replies: dict[tuple[str, str], str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    """How often each address was named in RCPT."""

    def reply(self, command: str, argument: str) -> str | None:
        return next((said for (word, start), said in self.replies.items() if word == command and argument.startswith(start)), None)

    async def handle_RCPT(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802  # aiosmtpd's name
        self.asked[address] += 1
        if reply := self.reply("RCPT", address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]) -> str:  # noqa: N802  # as above
        if reply := self.reply("MAIL", address):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # as above
        [recipient] = envelope.rcpt_tos
        reply = self.reply("CONTENT", recipient)
        if reply in {None, "drop"}:
            assert isinstance(envelope.content, bytes)
            lines = envelope.content.split(b"\r\n\r\n")[0].replace(b"\r\n ", b" ").splitlines()
            name = next(line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"message-id:"))
            self.taken.append(Taken(recipient, envelope.content, name.decode()))
        if reply == "drop":
            _cut(server)
        return reply or "250 OK"

    def login(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword) -> AuthResult:
        if reply := self.reply("AUTH", ""):
            return AuthResult(success=False, handled=False, message=reply)
        return AuthResult(success=(login.login, login.password) == (USER.encode(), PASSWORD.encode()))


class Line(SMTP):
    """An SMTP conversation that can be cut with the content half sent."""

    post: Post

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802  # aiosmtpd's name
        if self.post.reply("CONTENT", self.envelope.rcpt_tos[0] if self.envelope and self.envelope.rcpt_tos else "") == "cut":
            await self.push("354 go ahead")
            assert self._reader is not None
            await self._reader.readline()
            _cut(self)
        else:
            await super().smtp_DATA(arg)


def _cut(line: SMTP) -> None:
    if isinstance(line.transport, asyncio.Transport):
        line.transport.abort()


class Door(Controller):
    def factory(self) -> SMTP:
        line = Line(self.handler, **self.SMTP_kwargs)
        line.post = self.handler
        return line


@dataclass
class Office:
    """A mail server that can go away and come back on the same port."""

    folder: Path
    port: int
    ca: Path
    context: ssl.SSLContext
    post: Post = field(default_factory=Post)
    door: Door | None = None

    @property
    def toml(self) -> str:
        """Return the ``[mail]`` of a config that sends by this server."""
        return (
            f'[mail]\nkind = "smtp"\nhost = "127.0.0.1"\nport = {self.port}\nsecurity = "starttls"\nuser = "{USER}"\n'
            f'password = {{ file = "{self.folder / "password"}" }}\nca = "{self.ca}"\nper_minute = 10000\n'
        )

    def open(self) -> None:
        self.door = Door(
            self.post,
            hostname="127.0.0.1",
            port=self.port,
            tls_context=self.context,
            require_starttls=True,
            authenticator=self.post.login,
            auth_required=True,
        )
        self.door.start()

    def close(self) -> None:
        if self.door is not None:
            self.door.stop()
            self.door = None


def _certificate(path: Path) -> ssl.SSLContext:
    """Make a certificate for loopback that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post")])
    now = datetime.now(UTC)  # noqa: TID251  # TLS looks at the real clock
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both = path.with_name("both.pem")
    both.write_bytes(private + path.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


def opened_office(folder: Path) -> Iterator[Office]:
    (folder / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    made = Office(folder, free_port(), folder / "cert.pem", _certificate(folder / "cert.pem"))
    made.open()
    yield made
    made.close()

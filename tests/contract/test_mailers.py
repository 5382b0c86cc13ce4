"""One contract for every mailer, and what only SMTP can do wrong: against real servers with real TLS on loopback."""

from __future__ import annotations

import asyncio
import mailbox
import signal
import socket
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING, Literal

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.fakes.settings import with_maker

from beklijf.backends.folder.mailer import FolderMailer
from beklijf.backends.folder.settings import MailInFolder
from beklijf.backends.registry import open_mailer
from beklijf.backends.smtp_imap.mailer import SmtpMailer
from beklijf.backends.smtp_imap.settings import MailBySmtp
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import MailSettings
from beklijf.mime.messages import Rendered, build, message_id, parse
from beklijf.model.domain import Contact
from beklijf.model.errors import Down, Refused, Transient, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from aiosmtpd.smtp import Envelope, Session

    from beklijf.contracts.mailer import Mailer

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd doesn't see implicit TLS beneath it

SENDER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
PASSWORD = "gehéim wachtwoord"  # not ASCII, which smtplib's own login can't send
SECRET = b"a secret of the tests"
DAY = datetime(2026, 12, 9, 8, 0, tzinfo=UTC)


def letter(
    to: str = "sanne@voorbeeld.example", *, row: str = "letter 1", text: str = "Hoi Sanne,\n\n.een regel met een punt vooraan\n"
) -> EmailMessage:
    return build(
        Rendered(subject="Wat neem je mee uit de training?", text=text, html=f"<p>{text}</p>", language="nl"),
        sender=SENDER,
        to=Contact("Sanne de Vries", to),
        reply_to=Contact("Karim Bakker", "karim@voorbeeld.example"),
        message_id=message_id(SECRET, row, "voorbeeld.example"),
        date=DAY,
        auto=True,
    )


# -- a server that can be told what to say -----------------------------------------------------------------------------


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


@dataclass(frozen=True)
class Certificates:
    ca: Path
    server: ssl.SSLContext
    stranger: ssl.SSLContext
    """Signed by the same authority for another host."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Proef-CA")])
    ca = _certificate(ca_name, ca_key, ca_name, ca_key, x509.BasicConstraints(ca=True, path_length=0))
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    contexts: list[ssl.SSLContext] = []
    for name in (x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("elders.example")):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "post")])
        certificate = _certificate(subject, key, ca_name, ca_key, x509.SubjectAlternativeName([name]))
        pem = folder / f"server{len(contexts)}.pem"
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        contexts.append(context)
    return Certificates(folder / "ca.pem", *contexts)


def _certificate(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    is_ca = isinstance(extension, x509.BasicConstraints)
    now = datetime.now(UTC)  # noqa: TID251  # TLS looks at the real clock
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=is_ca)
        .add_extension(_usage(certify=is_ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(*, certify: bool) -> x509.KeyUsage:
    """Return what a key is for; Python 3.13 trusts no authority that doesn't say it certifies."""
    return x509.KeyUsage(
        digital_signature=not certify,
        key_cert_sign=certify,
        crl_sign=certify,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@pytest.fixture
def password(tmp_path: Path) -> Secret:
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    return Secret("file", str(tmp_path / "password"))


@dataclass(frozen=True)
class Desk:
    """A running server, and the settings that lead to it."""

    post: Post
    office: Office
    settings: MailSettings


@pytest.fixture
def open_desk(certificates: Certificates, password: Secret) -> Iterator[Callable[..., Desk]]:
    offices: list[Office] = []

    def start(*, implicit: bool = False, tls: ssl.SSLContext | None = certificates.server, excluded: frozenset[str] = frozenset()) -> Desk:
        post = Post()
        office = Office(post, tls=tls, implicit=implicit, excluded=excluded)
        office.start()
        offices.append(office)
        post.connections.clear()  # the controller has called itself to see whether it runs
        settings = MailSettings(
            maker=MailBySmtp(
                host="127.0.0.1",
                port=office.port,
                security="tls" if implicit else "starttls",
                user="beklijf",
                password=password,
                ca=certificates.ca,
            ),
            sender=SENDER,
            per_minute=60_000,
        )
        return Desk(post, office, settings)

    yield start
    for office in offices:
        office.stop()


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk()


@contextmanager
def mailing(
    settings: MailSettings, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
) -> Iterator[SmtpMailer]:
    mailer = SmtpMailer(settings, clock=clock, sleep=sleep)
    try:
        yield mailer
    finally:
        mailer.close()


# -- what every mailer does --------------------------------------------------------------------------------------------


class MailerContract:
    """Subclasses give ``mailer`` and ``arrived``: the bytes of each message that was taken, in order, with CRLF."""

    def test_a_message_arrives_once_with_the_bytes_that_it_was_given_as(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        message = letter()

        mailer.send(message, recipient="sanne@voorbeeld.example")

        assert arrived() == [message.as_bytes()]

    def test_a_message_that_was_kept_as_bytes_arrives_as_those_bytes(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        kept = letter(text="Een heel lange regel met één é. " * 40).as_bytes()

        mailer.send(parse(kept), recipient="sanne@voorbeeld.example")

        assert arrived() == [kept]

    def test_many_messages_arrive_each_once(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        messages = [letter(row=f"letter {n}") for n in range(5)]

        for message in messages:
            mailer.send(message, recipient="sanne@voorbeeld.example")

        assert sorted(arrived()) == sorted(message.as_bytes() for message in messages)

    def test_a_mailer_that_was_closed_can_be_used_again(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        mailer.send(letter(row="1"), recipient="sanne@voorbeeld.example")

        mailer.close()
        mailer.close()
        mailer.send(letter(row="2"), recipient="sanne@voorbeeld.example")

        assert len(arrived()) == 2

    def test_a_check_is_one_line_and_sends_nothing(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        found = mailer.check()

        assert len(found.splitlines()) == 1
        assert arrived() == []

    def test_an_address_that_needs_what_few_servers_have_is_refused(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        with pytest.raises(Refused):
            mailer.send(letter(), recipient="sánne@voorbeeld.example")

        assert arrived() == []

    def test_line_breaks_in_an_address_start_no_command_and_no_header(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        with pytest.raises(Refused):
            mailer.send(letter(), recipient="sanne@voorbeeld.example>\r\nRCPT TO:<all@voorbeeld.example")

        assert arrived() == []

    def test_whoever_keeps_a_record_hears_that_it_is_handed_over_before_it_can_be_there(
        self, mailer: Mailer, arrived: Callable[[], list[bytes]]
    ) -> None:
        told: list[int] = []

        mailer.send(letter(), recipient="sanne@voorbeeld.example", handing_over=lambda: told.append(len(arrived())))
        with pytest.raises(Refused):
            mailer.send(letter(), recipient="sánne@voorbeeld.example", handing_over=lambda: told.append(-1))

        assert told in ([0], [])  # a folder tells nobody: again it would be the same mail

    def test_an_international_domain_is_ascii_in_all_that_is_handed_over(self, mailer: Mailer, arrived: Callable[[], list[bytes]]) -> None:
        mailer.send(letter("sanne@bücher.example"), recipient="sanne@bücher.example")

        (content,) = arrived()
        assert b"To: Sanne de Vries <sanne@xn--bcher-kva.example>\r\n" in content
        assert content.isascii()


# -- a folder ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> MailSettings:
    return MailSettings(maker=MailInFolder(path=tmp_path / "var" / "outbox"), sender=SENDER)


def maildir(settings: MailSettings) -> list[bytes]:
    assert settings.maker.path is not None
    if not settings.maker.path.exists():
        return []
    box = mailbox.Maildir(str(settings.maker.path), create=False)
    return [box.get_bytes(key).replace(b"\n", b"\r\n") for key in box.keys()]  # noqa: SIM118  # iterating a mailbox gives messages


class TestFolder(MailerContract):
    @pytest.fixture(params=[True, False], ids=["durable", "quick"])
    def mailer(self, folder: MailSettings, request: pytest.FixtureRequest) -> FolderMailer:
        return FolderMailer(folder, durable=request.param)

    @pytest.fixture
    def arrived(self, folder: MailSettings) -> Callable[[], list[bytes]]:
        return lambda: maildir(folder)


def test_the_same_message_again_is_the_same_file(folder: MailSettings) -> None:
    mailer = open_mailer(folder)

    mailer.send(letter(), recipient="sanne@voorbeeld.example")
    open_mailer(folder).send(letter(), recipient="sanne@voorbeeld.example")

    assert len(maildir(folder)) == 1


def test_a_mail_that_somebody_has_read_does_not_come_back_as_new(folder: MailSettings) -> None:
    assert folder.maker.path is not None
    mailer = FolderMailer(folder)
    mailer.send(letter(), recipient="sanne@voorbeeld.example")
    (file,) = (folder.maker.path / "new").iterdir()
    file.rename(folder.maker.path / "cur" / f"{file.name}:2,S")

    mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert list((folder.maker.path / "new").iterdir()) == []
    assert len(maildir(folder)) == 1


def test_half_a_file_that_a_crash_left_is_no_mail_and_goes_with_the_next_one(folder: MailSettings) -> None:
    assert folder.maker.path is not None
    made = (
        "import os, sys, signal; from pathlib import Path; from beklijf.boundary import maildir; box = Path(sys.argv[1]); maildir.make(box)"
    )
    killed = "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL); maildir.deliver(box, 'a', b'half', at=0)"
    assert subprocess.run([sys.executable, "-c", f"{made}; {killed}", str(folder.maker.path)], check=False).returncode == -signal.SIGKILL
    assert len([*(folder.maker.path / "tmp").iterdir()]) == 1
    assert maildir(folder) == []

    FolderMailer(folder).send(letter(), recipient="sanne@voorbeeld.example")

    assert maildir(folder) == [letter().as_bytes()]
    assert list((folder.maker.path / "tmp").iterdir()) == []


def test_no_mail_is_written_through_a_link(folder: MailSettings, tmp_path: Path) -> None:
    assert folder.maker.path is not None
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    FolderMailer(folder).send(letter(row="1"), recipient="sanne@voorbeeld.example")
    (file,) = (folder.maker.path / "new").iterdir()
    file.unlink()
    file.symlink_to(elsewhere / "mail")

    FolderMailer(folder).send(letter(row="1"), recipient="sanne@voorbeeld.example")
    assert not file.is_symlink()
    (folder.maker.path / "new").rename(folder.maker.path / "old")
    (folder.maker.path / "new").symlink_to(elsewhere)
    with pytest.raises(Down):
        FolderMailer(folder).send(letter(row="2"), recipient="sanne@voorbeeld.example")

    assert list(elsewhere.iterdir()) == []


def test_a_file_carries_the_time_of_its_letter_also_in_a_rehearsal_of_next_year(folder: MailSettings) -> None:
    assert folder.maker.path is not None

    FolderMailer(folder).send(letter(), recipient="sanne@voorbeeld.example")

    (file,) = (folder.maker.path / "new").iterdir()
    assert file.stat().st_mtime == DAY.timestamp()


def test_letters_are_nobody_elses_business(folder: MailSettings) -> None:
    assert folder.maker.path is not None

    FolderMailer(folder).send(letter(), recipient="sanne@voorbeeld.example")

    assert folder.maker.path.stat().st_mode & 0o077 == 0


def test_a_check_of_a_folder_that_is_there_says_so(folder: MailSettings) -> None:
    FolderMailer(folder).send(letter(), recipient="sanne@voorbeeld.example")

    assert FolderMailer(folder).check() == f"Maildir {folder.maker.path}: writable"


def test_a_check_of_a_folder_makes_nothing(folder: MailSettings) -> None:
    assert folder.maker.path is not None

    found = FolderMailer(folder).check()

    assert found == f"Maildir {folder.maker.path}: will be made"
    assert not folder.maker.path.parent.exists()


def test_a_folder_that_cannot_be_one_is_down(folder: MailSettings) -> None:
    assert folder.maker.path is not None
    folder.maker.path.parent.mkdir()
    folder.maker.path.write_text("a file")
    mailer = FolderMailer(folder)

    with pytest.raises(Down, match="outbox") as sending:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")
    with pytest.raises(Down, match="is not a folder"):
        mailer.check()

    assert sending.value.hint


# -- SMTP --------------------------------------------------------------------------------------------------------------


class TestSmtp(MailerContract):
    @pytest.fixture(params=["starttls", "tls"])
    def desk(self, open_desk: Callable[..., Desk], request: pytest.FixtureRequest) -> Desk:
        return open_desk(implicit=request.param == "tls")

    @pytest.fixture
    def mailer(self, desk: Desk) -> Iterator[SmtpMailer]:
        with mailing(desk.settings) as mailer:
            yield mailer

    @pytest.fixture
    def arrived(self, desk: Desk) -> Callable[[], list[bytes]]:
        return lambda: [envelope.original_content or b"" for envelope in desk.post.envelopes]

    def test_the_envelope_names_one_receiver_and_the_sender_of_the_message(self, mailer: SmtpMailer, desk: Desk) -> None:
        mailer.send(letter("sanne@bücher.example"), recipient="sanne@bücher.example")

        (envelope,) = desk.post.envelopes
        assert (envelope.mail_from, envelope.rcpt_tos) == ("mentor@voorbeeld.example", ["sanne@xn--bcher-kva.example"])
        assert not envelope.smtp_utf8

    def test_one_connection_and_one_login_serve_many_messages(self, mailer: SmtpMailer, desk: Desk) -> None:
        for n in range(3):
            mailer.send(letter(row=str(n)), recipient="sanne@voorbeeld.example")

        assert len(desk.post.connections) == 1
        assert desk.post.logins == ["PLAIN"]

    def test_a_check_logs_in_and_says_how(self, mailer: SmtpMailer, desk: Desk) -> None:
        found = mailer.check()

        assert found == f"smtp 127.0.0.1:{desk.office.port}: TLSv1.3, logged in as beklijf"
        assert desk.post.logins == ["PLAIN"]


def test_a_server_with_login_only_gets_a_login(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(excluded=frozenset({"PLAIN"}))

    with mailing(desk.settings) as mailer:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert desk.post.logins == ["LOGIN"]
    assert len(desk.post.envelopes) == 1


@dataclass(frozen=True)
class Case:
    said: str
    means: type[Exception]
    where: str = "RCPT"


CASES = [
    Case("450 4.2.1 greylisted", Transient),
    Case("451 4.3.0 try later", Transient),
    Case("452 4.2.2 mailbox full", Transient),
    Case("550 5.1.1 no such user", Refused),
    Case("553 5.1.3 bad address", Refused),
    Case("550 no such user", Refused),
    Case("554 5.7.1 relay access denied", Down),
    Case("530 please log in first", Down),
    Case("451 4.3.0 queue full", Transient, "MAIL"),
    Case("530 5.7.0 authentication required", Down, "MAIL"),
    Case("550 5.7.60 client does not have permission to send as this sender", Down, "MAIL"),
    Case("553 sender address rejected", Down, "MAIL"),
    Case("451 4.7.1 content filter is busy", Transient, "CONTENT"),
    Case("552 5.3.4 message too big", Refused, "CONTENT"),
    Case("554 5.7.1 policy", Down, "CONTENT"),
    Case("451 4.3.1 disk full", Transient, "DATA"),
    Case("554 5.5.1 no valid recipients", Refused, "DATA"),
    Case("421 4.3.2 shutting down", Transient),
    Case("535 5.7.8 bad credentials", Down, "AUTH"),
    Case("454 4.7.0 login is out of order for a moment", Transient, "AUTH"),
    Case("535 5.7.139 SmtpClientAuthentication is disabled for the Tenant", Down, "AUTH"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.where}-{case.said[:9].strip()}")
def test_what_a_server_says_means_what_the_table_says(desk: Desk, case: Case) -> None:
    desk.post.replies[case.where, ""] = case.said

    with mailing(desk.settings) as mailer, pytest.raises(case.means) as caught:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert type(caught.value) is case.means
    assert case.said in str(caught.value)
    assert desk.post.envelopes == []


def test_a_refused_address_leaves_the_connection_fit_for_the_next(desk: Desk) -> None:
    desk.post.replies = {
        ("RCPT", "weg@"): "550 5.1.1 no such user",
        ("RCPT", "grijs@"): "450 4.2.1 greylisted",
        ("CONTENT", "groot@"): "552 5.3.4 too big",
    }

    with mailing(desk.settings) as mailer:
        for name, error in (("weg", Refused), ("grijs", Transient), ("groot", Refused)):
            with pytest.raises(error):
                mailer.send(letter(), recipient=f"{name}@voorbeeld.example")
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert len(desk.post.envelopes) == 1
    assert len(desk.post.connections) == 1


def test_a_server_that_shuts_down_half_way_is_called_again_for_the_next_message(desk: Desk) -> None:
    desk.post.replies["RCPT", ""] = "421 4.3.2 shutting down"

    with mailing(desk.settings) as mailer:
        with pytest.raises(Transient):
            mailer.send(letter(), recipient="sanne@voorbeeld.example")
        desk.post.replies.clear()
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert len(desk.post.envelopes) == 1
    assert len(desk.post.connections) == 2


def test_a_policy_that_hits_one_address_after_another_was_served_is_a_no_to_that_one(desk: Desk) -> None:
    desk.post.replies["RCPT", "besloten@"] = "550 5.7.133 only members may write to this group"

    with mailing(desk.settings) as mailer:
        mailer.send(letter(row="1"), recipient="sanne@voorbeeld.example")
        with pytest.raises(Refused):
            mailer.send(letter(row="2"), recipient="besloten@voorbeeld.example")


@pytest.mark.parametrize("login", ["PLAIN", "LOGIN"])
def test_a_wrong_password_is_named_nowhere(open_desk: Callable[..., Desk], login: str, tmp_path: Path) -> None:
    desk = open_desk(excluded=frozenset({"PLAIN", "LOGIN"} - {login}))
    wrong = "fout wachtwoord é"
    (tmp_path / "wrong").write_text(wrong, encoding="utf-8")
    desk.post.replies["AUTH", ""] = f"535 5.7.8 no account with password {wrong}"

    with mailing(with_maker(desk.settings, password=Secret("file", str(tmp_path / "wrong")))) as mailer, pytest.raises(Down) as caught:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    told = f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r} {caught.value.__context__!r} {mailer!r} {desk.settings!r}"
    assert "refused the login of beklijf" in told
    assert wrong not in told
    assert b64encode(wrong.encode()).decode() not in told


@pytest.mark.parametrize("login", ["PLAIN", "LOGIN"])
def test_a_server_that_repeats_a_login_puts_neither_password_nor_user_into_the_error(
    open_desk: Callable[..., Desk], login: str, tmp_path: Path
) -> None:
    desk = open_desk(excluded=frozenset({"PLAIN", "LOGIN"} - {login}))
    wrong = "fout wachtwoord é"
    (tmp_path / "wrong").write_text(wrong, encoding="utf-8")
    repeated = [b64encode(each.encode()).decode() for each in (f"\0beklijf\0{wrong}", "beklijf", wrong)]
    desk.post.replies["AUTH", ""] = f"535 5.5.1 Command unrecognized: AUTH PLAIN {repeated[0]}, AUTH LOGIN {repeated[1]} {repeated[2]}"

    with mailing(with_maker(desk.settings, password=Secret("file", str(tmp_path / "wrong")))) as mailer, pytest.raises(Down) as caught:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert str(caught.value).endswith("refused the login of beklijf: 535 5.5.1 Command unrecognized: AUTH PLAIN ***, AUTH LOGIN *** ***")


def test_a_server_without_starttls_hears_neither_name_nor_mail(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(tls=None)

    with mailing(desk.settings) as mailer, pytest.raises(Down, match="offers no STARTTLS") as caught:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert "587" in caught.value.hint
    assert (desk.post.logins, desk.post.envelopes) == ([], [])


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "tls"])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(open_desk: Callable[..., Desk], *, implicit: bool) -> None:
    desk = open_desk(implicit=implicit)

    with mailing(with_maker(desk.settings, ca=None)) as mailer, pytest.raises(Down, match="can't be trusted") as caught:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert "[mail] ca" in caught.value.hint
    assert (desk.post.logins, desk.post.envelopes) == ([], [])


def test_a_certificate_for_another_host_is_not_trusted(open_desk: Callable[..., Desk], certificates: Certificates) -> None:
    desk = open_desk(tls=certificates.stranger)

    with mailing(desk.settings) as mailer, pytest.raises(Down, match="can't be trusted"):
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert (desk.post.logins, desk.post.envelopes) == ([], [])


def test_implicit_tls_on_a_port_that_speaks_plainly_is_down_with_a_hint(desk: Desk) -> None:
    with mailing(with_maker(desk.settings, security="tls")) as mailer, pytest.raises(Down, match="no TLS") as caught:
        mailer.check()

    assert '"starttls"' in caught.value.hint


def test_an_authority_that_is_not_there_is_down(desk: Desk, tmp_path: Path) -> None:
    with mailing(with_maker(desk.settings, ca=tmp_path / "none.pem")) as mailer, pytest.raises(Down, match=r"none\.pem"):
        mailer.check()


def test_a_login_that_is_not_offered_is_down(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(excluded=frozenset({"PLAIN", "LOGIN"}))

    with mailing(desk.settings) as mailer, pytest.raises(Down, match="neither AUTH PLAIN nor LOGIN"):
        mailer.check()


@pytest.mark.parametrize(("how", "means"), [("cut", Transient), ("drop", Unanswered)], ids=["content half sent", "content sent, no reply"])
def test_a_connection_lost_in_data_is_passing_and_said_to_be_ambiguous(desk: Desk, how: str, means: type[Transient]) -> None:
    desk.post.replies["CONTENT", ""] = how

    with mailing(desk.settings) as mailer:
        with pytest.raises(means):
            mailer.send(letter(text="woord " * 200_000), recipient="sanne@voorbeeld.example")
        desk.post.replies.clear()
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert len(desk.post.envelopes) == 1


def test_a_server_that_thinks_too_long_about_the_content_is_passing_and_ambiguous_too(desk: Desk) -> None:
    desk.post.replies["CONTENT", ""] = "think"
    settings = with_maker(desk.settings, final_deadline=timedelta(seconds=0.1))

    with mailing(settings) as mailer, pytest.raises(Unanswered, match="may have arrived all the same"):
        mailer.send(letter(), recipient="sanne@voorbeeld.example")


def test_a_server_that_says_nothing_at_all_is_passing(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = replace(with_maker(desk.settings, port=silent.getsockname()[1]), deadline=timedelta(seconds=0.1))

        with mailing(settings) as mailer, pytest.raises(Transient, match=r"connecting and logging in: not done within 0\.1 seconds"):
            mailer.send(letter(), recipient="sanne@voorbeeld.example")


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("greeting", "means"), [("", Transient), ("421 4.3.2 shutting down", Transient), ("554 5.3.2 no mail service here", Down)]
)
def test_what_a_server_greets_with_means_what_the_table_says(
    desk: Desk, greeting: str, means: type[Exception], security: Literal["tls", "starttls"]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = with_maker(desk.settings, port=server.getsockname()[1], security=security)
        greeter = Thread(target=_greet, args=(server, f"{greeting}\r\n".encode() if greeting else b""))
        greeter.start()

        with mailing(settings) as mailer, pytest.raises((Transient, Down)) as caught:
            mailer.check()
        greeter.join()

    # who speaks plainly where TLS was meant to be is a mistake in the config, whatever it says
    assert type(caught.value) is (Down if greeting and security == "tls" else means)


def _greet(server: socket.socket, greeting: bytes) -> None:
    line, _ = server.accept()
    with line:
        line.sendall(greeting)


@pytest.mark.parametrize("host", ["smtp..example", "s" * 64 + ".example"])
def test_a_host_that_can_be_none_is_down(desk: Desk, host: str) -> None:
    with mailing(with_maker(desk.settings, host=host)) as mailer, pytest.raises(Down, match="no host name"):
        mailer.check()


def test_a_policy_number_in_an_address_is_no_policy(desk: Desk) -> None:
    desk.post.replies["RCPT", ""] = "550 5.1.1 no such user"

    with mailing(desk.settings) as mailer, pytest.raises(Refused):
        mailer.send(letter(), recipient="5.7.1@voorbeeld.example")


def test_a_server_that_is_not_there_is_passing(desk: Desk) -> None:
    with mailing(with_maker(desk.settings, port=_free_port())) as mailer, pytest.raises(Transient, match="refused"):
        mailer.send(letter(), recipient="sanne@voorbeeld.example")


def test_a_connection_that_was_dropped_while_idle_is_opened_again(desk: Desk) -> None:
    with mailing(desk.settings) as mailer:
        mailer.send(letter(row="1"), recipient="sanne@voorbeeld.example")
        desk.office.cut_all()
        mailer.send(letter(row="2"), recipient="sanne@voorbeeld.example")

    assert len(desk.post.envelopes) == 2
    assert len(desk.post.connections) == 2


def test_a_server_that_says_goodbye_between_two_messages_is_called_again(desk: Desk) -> None:
    with mailing(desk.settings) as mailer:
        mailer.send(letter(row="1"), recipient="sanne@voorbeeld.example")
        desk.post.replies["MAIL", ""] = "421 4.7.0 too many messages on this connection"
        with pytest.raises(Transient):  # the second server is as tired as the first
            mailer.send(letter(row="2"), recipient="sanne@voorbeeld.example")
        desk.post.replies.clear()
        mailer.send(letter(row="2"), recipient="sanne@voorbeeld.example")

    assert len(desk.post.envelopes) == 2


def test_messages_go_out_at_an_even_pace(desk: Desk) -> None:
    now, slept = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    with mailing(replace(desk.settings, per_minute=30), clock=lambda: now, sleep=sleep) as mailer:
        mailer.send(letter(row="1"), recipient="sanne@voorbeeld.example")
        mailer.send(letter(row="2"), recipient="sanne@voorbeeld.example")
        now += 0.5
        mailer.send(letter(row="3"), recipient="sanne@voorbeeld.example")
        now += 60
        mailer.send(letter(row="4"), recipient="sanne@voorbeeld.example")

    assert slept == [2.0, 1.5]

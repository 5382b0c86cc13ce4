"""SMTP and IMAP by a token instead of a password: real servers with real TLS on loopback, and tokens from where tokens come from.

The SMTP server knows the mechanism; the IMAP server doesn't, so the line to it does the asking and then logs in by password.
Both refuse as Google does (why, in JSON; then no) or as Microsoft does (no at once).
"""

from __future__ import annotations

import binascii
import json
import sys
from base64 import b64decode, b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from subprocess import run
from typing import TYPE_CHECKING, Literal

import pytest
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, LoginPassword
from imapclient import IMAPClient  # type: ignore[import-untyped]  # has annotations, but doesn't say so (no py.typed)
from tests.backends.inbox_contract import SINCE, answers, mail
from tests.backends.mailer_contract import letter
from tests.backends.smtp_imap.office import Office, Post, mailing
from tests.backends.smtp_imap.wire import Mailbox, Wire, reading
from tests.fakes.settings import with_maker
from tests.fakes.tokens import Pair, TokenServer, token_server
from tests.imap_server import PASSWORD

from beklijf.backends.smtp_imap.settings import InboxByImap, MailBySmtp
from beklijf.contracts.settings import InboxSettings, MailSettings
from beklijf.model.domain import Contact
from beklijf.model.errors import Down, Transient

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.certificates import Certificates

    Vendor = Literal["graph", "google"]


pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd doesn't see implicit TLS beneath it

MENTOR = "mentor@voorbeeld.example"
OUTLOOK = "https://outlook.office365.com/.default"
GMAIL = "https://mail.google.com/"
WHY = json.dumps({"status": "401", "schemes": "bearer", "scope": GMAIL})
DISABLED = (
    "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled"
)


@pytest.fixture
def desk(tmp_path: Path, pair: Pair) -> Iterator[TokenServer]:
    with token_server(tmp_path, pair) as server:
        yield server


@dataclass
class Doorman:
    """Knows which tokens open the mailbox, and what was shown."""

    desk: TokenServer
    shown: list[str] = field(default_factory=list)
    turned_away: set[str] = field(default_factory=set)
    """Tokens that are refused though they were issued: expired, or without a right that was granted since."""
    wants: int = 0
    """So many logins are refused first, whatever they show."""

    def lets_in(self, response: bytes) -> bool:
        user, _, rest = response.decode().removeprefix("user=").partition("\x01")
        token = rest.removeprefix("auth=Bearer ").removesuffix("\x01\x01")
        assert response == f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
        self.shown.append(token)
        issued = self.desk.issued.get(token)
        if self.wants:
            self.wants -= 1
            self.turned_away.add(token)
        return user == MENTOR and issued is not None and issued.scope in {OUTLOOK, GMAIL} and token not in self.turned_away


# -- SMTP --------------------------------------------------------------------------------------------------------------


class TokenPost(Post):
    """A server that takes tokens and nothing else."""

    doorman: Doorman
    refusal = "535 5.7.3 Authentication unsuccessful"
    challenge = ""

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802  # aiosmtpd's name
        self.logins.append("XOAUTH2")
        if reply := self._reply("AUTH", ""):
            return AuthResult(success=False, handled=False, message=reply)
        response = b64decode(args[1], validate=True)
        if self.doorman.lets_in(response):
            return AuthResult(success=True, auth_data=LoginPassword(MENTOR.encode(), b""))
        if self.challenge:
            answer = await server.challenge_auth(self.challenge)
            assert answer is not MISSING
            assert answer == b"", "RFC 7628 and Google: an empty answer to why"
        return AuthResult(success=False, handled=False, message=self.refusal)


@dataclass(frozen=True)
class Desk:
    post: TokenPost
    office: Office
    settings: MailSettings
    doorman: Doorman


@pytest.fixture
def open_desk(certificates: Certificates, desk: TokenServer) -> Iterator[Callable[..., Desk]]:
    offices: list[Office] = []

    def start(vendor: Vendor, *, implicit: bool = False) -> Desk:
        post = TokenPost()
        post.doorman = Doorman(desk)
        post.challenge = WHY if vendor == "google" else ""
        office = Office(post, tls=certificates.server, implicit=implicit, excluded=frozenset({"PLAIN", "LOGIN"}))
        office.start()
        offices.append(office)
        post.connections.clear()
        settings = MailSettings(
            maker=MailBySmtp(
                host="127.0.0.1",
                port=office.port,
                security="tls" if implicit else "starttls",
                user=MENTOR,
                login=desk.graph() if vendor == "graph" else desk.google(),
                ca=certificates.ca,
            ),
            sender=Contact("Mentorprogramma", MENTOR),
            per_minute=60_000,
        )
        return Desk(post, office, settings, post.doorman)

    yield start
    for office in offices:
        office.stop()


VENDORS: tuple[Vendor, ...] = ("graph", "google")


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("implicit", [False, True])
def test_mail_goes_out_by_a_token_of_the_mailbox(
    open_desk: Callable[..., Desk], desk: TokenServer, vendor: Vendor, *, implicit: bool
) -> None:
    smtp = open_desk(vendor, implicit=implicit)

    with mailing(smtp.settings) as mailer:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")
        said = mailer.check()

    assert len(smtp.post.envelopes) == 1
    assert said.endswith(f"logged in as {MENTOR}")
    assert {desk.issued[token].scope for token in smtp.doorman.shown} == {OUTLOOK if vendor == "graph" else GMAIL}


@pytest.mark.parametrize("vendor", VENDORS)
def test_many_letters_need_one_login_and_many_logins_one_token(open_desk: Callable[..., Desk], desk: TokenServer, vendor: Vendor) -> None:
    smtp = open_desk(vendor)

    with mailing(smtp.settings) as mailer:
        for n in range(3):
            mailer.send(letter(row=f"letter {n}"), recipient="sanne@voorbeeld.example")
        smtp.office.cut_all()
        mailer.send(letter(row="letter 4"), recipient="sanne@voorbeeld.example")

    assert len(smtp.post.envelopes) == 4
    assert len(smtp.post.logins) == 2
    assert len(desk.asked) == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_token_that_expires_meanwhile_is_replaced_at_the_next_login(
    open_desk: Callable[..., Desk], desk: TokenServer, vendor: Vendor
) -> None:
    desk.lifetime = 100  # seconds: too few to begin anything with
    smtp = open_desk(vendor)

    with mailing(smtp.settings) as mailer:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")
        smtp.office.cut_all()
        mailer.send(letter(row="letter 2"), recipient="sanne@voorbeeld.example")

    first, second = smtp.doorman.shown
    assert first != second


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_token_that_the_server_refuses_is_fetched_anew_once(open_desk: Callable[..., Desk], desk: TokenServer, vendor: Vendor) -> None:
    smtp = open_desk(vendor)
    smtp.doorman.wants = 1

    with mailing(smtp.settings) as mailer:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert len(smtp.post.envelopes) == 1
    assert len(smtp.post.connections) == 1
    assert len(desk.asked) == 2


@pytest.mark.parametrize(
    ("vendor", "hints"), [("graph", ("SMTP.SendAsApp", "New-ServicePrincipal", "FullAccess")), ("google", ("a user of the Workspace",))]
)
def test_a_mailbox_that_the_token_does_not_open_is_told_with_what_to_grant(
    open_desk: Callable[..., Desk], vendor: Vendor, hints: tuple[str, ...]
) -> None:
    smtp = open_desk(vendor)
    smtp.doorman.wants = 9

    with mailing(smtp.settings) as mailer, pytest.raises(Down) as error:
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert str(error.value) == f"smtp 127.0.0.1:{smtp.office.port} refused the login of {MENTOR}: 535 5.7.3 Authentication unsuccessful"
    assert all(hint in error.value.hint for hint in hints)
    assert len(smtp.doorman.shown) == 2
    assert smtp.post.envelopes == []


def test_smtp_that_is_switched_off_is_told_with_how_to_switch_it_on(open_desk: Callable[..., Desk]) -> None:
    smtp = open_desk("graph")
    smtp.post.replies["AUTH", ""] = DISABLED

    with mailing(smtp.settings) as mailer, pytest.raises(Down, match=r"5\.7\.139") as error:
        mailer.check()

    assert "Set-CASMailbox -SmtpClientAuthenticationDisabled $false" in error.value.hint


def test_a_token_is_in_no_error(open_desk: Callable[..., Desk], desk: TokenServer) -> None:
    smtp = open_desk("graph")
    smtp.post.replies["AUTH", ""] = "535 5.7.3 not with token-1-x, token-2-99999999-8888-7777-6666-555555555555"

    with mailing(smtp.settings) as mailer, pytest.raises(Down) as error:
        mailer.check()

    assert "token-2-99999999-8888-7777-6666-555555555555" in desk.issued
    assert "token-2-99999999-8888-7777-6666-555555555555" not in str(error.value)


def test_a_login_that_is_put_off_is_begun_anew_by_the_next_message(open_desk: Callable[..., Desk]) -> None:
    smtp = open_desk("graph")
    smtp.post.replies["AUTH", ""] = "454 4.7.0 Temporary authentication failure"

    with mailing(smtp.settings) as mailer:
        with pytest.raises(Transient, match="454"):
            mailer.send(letter(), recipient="sanne@voorbeeld.example")
        smtp.post.replies.clear()
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert len(smtp.post.envelopes) == 1


def test_no_token_just_now_is_no_mail_just_now(open_desk: Callable[..., Desk], desk: TokenServer) -> None:
    smtp = open_desk("google")
    desk.mood = [(503, {"Retry-After": "30"}, "")]

    with mailing(smtp.settings) as mailer:
        with pytest.raises(Transient) as error:
            mailer.send(letter(), recipient="sanne@voorbeeld.example")
        mailer.send(letter(), recipient="sanne@voorbeeld.example")

    assert error.value.retry_after == 30.0
    assert len(smtp.post.envelopes) == 1


def test_a_login_that_is_refused_where_tokens_come_from_is_told_as_such(open_desk: Callable[..., Desk], desk: TokenServer) -> None:
    smtp = open_desk("graph")
    settings = with_maker(smtp.settings, login=desk.graph(secret="fout"))

    with mailing(settings) as mailer, pytest.raises(Down, match="AADSTS7000215"):
        mailer.check()

    assert smtp.doorman.shown == []


def test_a_server_that_takes_no_tokens_is_told_before_one_is_shown(certificates: Certificates, open_desk: Callable[..., Desk]) -> None:
    smtp = open_desk("graph")
    office = Office(Post(), tls=certificates.server, implicit=False, excluded=frozenset())
    office.start()
    try:
        with mailing(with_maker(smtp.settings, port=office.port)) as mailer, pytest.raises(Down, match="offers no AUTH XOAUTH2"):
            mailer.check()
    finally:
        office.stop()


def test_a_sender_that_the_mailbox_may_not_be_stops_all_mail(open_desk: Callable[..., Desk]) -> None:
    smtp = open_desk("graph")
    smtp.post.replies["CONTENT", ""] = f"554 5.2.252 SendAsDenied; {MENTOR} not allowed to send as programma@voorbeeld.example"

    with mailing(smtp.settings) as mailer, pytest.raises(Down, match="SendAsDenied"):
        mailer.send(letter(), recipient="sanne@voorbeeld.example")


# -- IMAP --------------------------------------------------------------------------------------------------------------


class Gate(Wire):
    """A line to a server that knows no tokens: it judges them itself, and logs in by password for those that open the mailbox."""

    def __init__(self, port: int, *, tls: ssl.SSLContext, doorman: Doorman, challenge: str) -> None:
        super().__init__(port, tls=tls)
        self.doorman = doorman
        self.challenge = challenge
        self.spoil.append((rb"AUTH=PLAIN", b"AUTH=XOAUTH2"))
        self.empty_answers = 0
        self._good = False

    def _reply(self, line: bytes) -> bytes | None:
        response = _decoded(line)
        if not response.startswith(b"user="):
            return super()._reply(line)
        self._good = self.doorman.lets_in(response)
        if not self._good and self.challenge:
            return b"+ " + b64encode(self.challenge.encode()) + b"\r\n"
        return line

    def _onward(self, line: bytes) -> bytes:
        if line.rstrip().endswith(b"AUTHENTICATE XOAUTH2"):
            return line.replace(b"XOAUTH2", b"PLAIN")
        if not line.strip():
            self.empty_answers += 1
        elif not _decoded(line).startswith(b"user="):
            return line
        password = PASSWORD if self._good else "fout"
        return b64encode(f"\0beklijf\0{password}".encode()) + b"\r\n"


def _decoded(line: bytes) -> bytes:
    try:
        return b64decode(line.strip(), validate=True)
    except binascii.Error:
        return b""


@contextmanager
def _gated(vendor: Vendor, port: int, desk: TokenServer, certificates: Certificates) -> Iterator[tuple[InboxSettings, Gate]]:
    gate = Gate(port, tls=certificates.server, doorman=Doorman(desk), challenge=WHY if vendor == "google" else "")
    gate.start()
    try:
        settings = InboxSettings(
            maker=InboxByImap(
                host="127.0.0.1",
                port=gate.port,
                user=MENTOR,
                login=desk.graph() if vendor == "graph" else desk.google(),
                ca=certificates.ca,
            ),
            address=MENTOR,
        )
        yield settings, gate
    finally:
        gate.stop()


@pytest.fixture
def imap(pymap: int, desk: TokenServer, certificates: Certificates, vendor: Vendor) -> Iterator[tuple[InboxSettings, Gate]]:
    with _gated(vendor, pymap, desk, certificates) as opened:
        yield opened


@pytest.fixture
def box(imap: tuple[InboxSettings, Gate], pymap: int) -> Mailbox:
    def log_in() -> IMAPClient:
        client = IMAPClient("127.0.0.1", pymap, ssl=False, timeout=60)
        client.plain_login("beklijf", PASSWORD)
        return client

    made = Mailbox(imap[0], imap[1], log_in)
    made.clear()
    return made


@pytest.mark.parametrize("vendor", VENDORS)
def test_answers_are_read_by_a_token_of_the_mailbox(
    imap: tuple[InboxSettings, Gate], box: Mailbox, desk: TokenServer, vendor: Vendor
) -> None:
    settings, gate = imap
    box.put(mail("Re: a"))

    with reading(settings) as inbox:
        news = inbox.news("", answers, since=SINCE)

    assert len(news.mails) == 1
    assert [desk.issued[token].scope for token in gate.doorman.shown] == [OUTLOOK if vendor == "graph" else GMAIL]


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(("lifetime", "tokens"), [(3599, 1), (100, 2)])
def test_a_connection_that_was_dropped_when_its_token_expired_is_made_anew_with_a_token_that_is_good(
    imap: tuple[InboxSettings, Gate], box: Mailbox, desk: TokenServer, lifetime: int, tokens: int
) -> None:
    settings, gate = imap
    desk.lifetime = lifetime
    with reading(settings) as inbox:
        first = inbox.news("", answers, since=SINCE)
        gate.cut()
        box.put(mail("Re: a"))
        second = inbox.news(first.mark, answers, since=SINCE)

    assert len(second.mails) == 1
    assert len(gate.doorman.shown) == 2
    assert len({*gate.doorman.shown}) == tokens


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_token_that_the_mailbox_refuses_is_fetched_anew_once(imap: tuple[InboxSettings, Gate], box: Mailbox, vendor: Vendor) -> None:
    settings, gate = imap
    gate.doorman.wants = 1
    box.put(mail("Re: a"))

    with reading(settings) as inbox:
        news = inbox.news("", answers, since=SINCE)

    assert len(news.mails) == 1
    assert len({*gate.doorman.shown}) == 2
    assert gate.empty_answers == (1 if vendor == "google" else 0)


@pytest.mark.parametrize(
    ("vendor", "hints"), [("graph", ("IMAP.AccessAsApp", "New-ServicePrincipal", "FullAccess")), ("google", ("IMAP switched on in Gmail",))]
)
def test_an_inbox_that_the_token_does_not_open_is_told_with_what_to_grant(imap: tuple[InboxSettings, Gate], hints: tuple[str, ...]) -> None:
    settings, gate = imap
    gate.doorman.wants = 9

    with reading(settings) as inbox, pytest.raises(Down, match=f"imap {MENTOR} .* refused the login") as error:
        inbox.check()

    assert all(hint in error.value.hint for hint in hints)
    assert not any(token in str(error.value) for token in gate.doorman.shown)


@pytest.mark.parametrize("vendor", ["graph"])
def test_a_token_without_the_mailbox_is_told_with_what_to_grant(imap: tuple[InboxSettings, Gate]) -> None:
    settings, gate = imap
    gate.instead += [("EXAMINE|LIST", b"TAG BAD User is authenticated but not connected.\r\n")]

    with reading(settings) as inbox, pytest.raises(Down, match="authenticated but not connected") as error:
        inbox.news("", answers, since=SINCE)

    assert "Add-MailboxPermission" in error.value.hint


@pytest.mark.parametrize("vendor", ["graph"])
def test_a_server_that_hangs_up_in_the_middle_of_a_login_may_be_back(imap: tuple[InboxSettings, Gate]) -> None:
    settings, gate = imap
    gate.instead += [("AUTHENTICATE", None)]

    with reading(settings) as inbox, pytest.raises(Transient):
        inbox.check()


@pytest.mark.parametrize("vendor", ["google"])
def test_an_inbox_without_tokens_is_told_before_one_is_shown(imap: tuple[InboxSettings, Gate]) -> None:
    settings, gate = imap
    gate.spoil.append((rb"AUTH=XOAUTH2", b"AUTH=CRAM-MD5"))

    with reading(settings) as inbox, pytest.raises(Down, match="offers no login by XOAUTH2"):
        inbox.check()

    assert gate.doorman.shown == []


def test_a_login_by_password_imports_nothing_of_a_vendor() -> None:
    script = "import sys, beklijf.backends.smtp_imap.mailer, beklijf.backends.smtp_imap.inbox; print(*sys.modules)"

    said = run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert not {"httpx", "msal", "google.auth", "requests"} & set(said.split())

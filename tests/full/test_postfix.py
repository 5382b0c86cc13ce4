"""Mail through Postfix into Dovecot's mailboxes: what a submission server with TLS and login really does with our messages."""

from __future__ import annotations

import imaplib
import ssl
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from tests.backends.mailer_contract import letter
from tests.backends.smtp_imap.office import mailing
from tests.fakes.settings import said_to, with_maker
from tests.full.postfix import PACKAGES, Serve
from tests.town import INVITED, KARIM, SANNE, WELCOME, Town, Wording

from beklijf.backends.smtp_imap.settings import MailBySmtp
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import MailSettings
from beklijf.mime.messages import WIRE, parse
from beklijf.model.domain import Contact
from beklijf.model.errors import Down, Refused, Transient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from tests.certificates import Certificates


pytestmark = pytest.mark.full


PASSWORD = "gehéim wachtwoord"
ACCOUNTS = ("mentor", "sanne", "karim")
SENDER = "mentor@voorbeeld.example"
LATER = "sanne@defer.test"


@dataclass(frozen=True, slots=True)
class Post:
    """A running server with a mailbox for each of `ACCOUNTS`, all in voorbeeld.example."""

    settings: MailSettings
    """By STARTTLS."""
    smtps: int
    imaps: int
    files: Path

    def mails(self, user: str, expected: int = 0) -> list[bytes]:
        """Return what is in a mailbox, once as much as *expected* has arrived."""
        deadline = time.monotonic() + 30
        while True:
            found = self._fetch(user)
            if len(found) >= expected or time.monotonic() > deadline:
                return found
            time.sleep(0.1)

    def _fetch(self, user: str) -> list[bytes]:
        trust = ssl.create_default_context(cafile=said_to(MailBySmtp, self.settings).ca)
        with imaplib.IMAP4_SSL("127.0.0.1", self.imaps, ssl_context=trust, timeout=60) as box:
            box.authenticate("PLAIN", lambda _: f"\0{user}\0{PASSWORD}".encode())
            box.select("INBOX", readonly=True)
            numbers = box.search(None, "ALL")[1][0].split()
            return [box.fetch(number, "(RFC822)")[1][0][1] for number in numbers]  # type: ignore[index,misc]  # of one message, one pair

    def on_its_way(self) -> bool:
        """Tell whether Postfix still has something to carry."""
        return any(
            file.is_file()
            for queue in ("incoming", "active", "maildrop")
            for file in (self.files / f"var/spool/postfix/{queue}").rglob("*")
        )


@pytest.fixture
def post(
    certificates: Certificates,
    debian: Callable[[str, str], Path],
    serve: Serve,
    free_ports: Callable[[int], list[int]],
    tmp_path: Path,
) -> Post:
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "server.pem").write_bytes((certificates.ca.parent / "server0.pem").read_bytes())
    ports = free_ports(4)
    users = [f"{name}:{PASSWORD}" for name in ACCOUNTS]
    files = serve("mail.sh", debian("mail", PACKAGES), [*map(str, ports), str(folder), *users], ports)
    settings = MailSettings(
        maker=MailBySmtp(
            host="127.0.0.1",
            port=ports[0],
            security="starttls",
            user=SENDER,
            password=Secret("file", str(tmp_path / "password")),
            ca=certificates.ca,
        ),
        sender=Contact("Mentorprogramma", SENDER),
        per_minute=60_000,
    )
    return Post(settings, ports[1], ports[2], files)


# -- one message -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_message_arrives_once_with_the_bytes_that_it_was_given_as(post: Post, security: Literal["starttls", "tls"]) -> None:
    settings = post.settings if security == "starttls" else with_maker(post.settings, security="tls", port=post.smtps)
    message = letter(text="Een regel met één é.\n\n.een regel met een punt vooraan\n" + "lang " * 400)

    with mailing(settings) as mailer:
        said = mailer.check()
        mailer.send(message, recipient=SANNE)

    [arrived] = post.mails("sanne", 1)
    assert said.endswith(f"TLSv1.3, logged in as {SENDER}")
    assert arrived.endswith(message.as_bytes(policy=WIRE))
    assert b"with ESMTPSA" in arrived


def test_an_authority_that_is_not_ours_gets_neither_password_nor_mail(post: Post) -> None:
    with mailing(with_maker(post.settings, ca=None)) as mailer, pytest.raises(Down, match="certificate"):
        mailer.send(letter(), recipient=SANNE)

    assert "sasl" not in (post.files / "var/log/mail.log").read_text(encoding="utf-8")


def test_a_wrong_password_takes_the_mailer_down_and_is_not_repeated_in_words(post: Post, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("zomer2026", encoding="utf-8")
    settings = with_maker(post.settings, password=Secret("file", str(tmp_path / "wrong")))

    with mailing(settings) as mailer, pytest.raises(Down, match="535") as caught:
        mailer.send(letter(), recipient=SANNE)

    assert "zomer2026" not in str(caught.value)


@pytest.mark.parametrize(
    ("recipient", "error", "said"),
    [
        ("niemand@voorbeeld.example", Refused, "550 5.1.1"),
        ("x@elders.example", Refused, "5.4.4"),
        (LATER, Transient, "450 4.3.0"),
    ],
)
def test_a_no_to_one_address_leaves_the_others_alone(post: Post, recipient: str, error: type[Exception], said: str) -> None:
    with mailing(post.settings) as mailer:
        with pytest.raises(error, match=said):
            mailer.send(letter(recipient), recipient=recipient)
        mailer.send(letter(), recipient=SANNE)

    assert len(post.mails("sanne", 1)) == 1


def test_another_sender_than_the_account_is_a_no_to_everything(post: Post) -> None:
    message = letter()
    del message["From"]
    message["From"] = KARIM

    with mailing(post.settings) as mailer, pytest.raises(Down, match=r"553 5\.7\.1"):
        mailer.send(message, recipient=SANNE)


def test_what_is_taken_and_then_fails_comes_back_to_the_organizers_mailbox(post: Post) -> None:
    with mailing(post.settings) as mailer:
        mailer.send(letter("x@bounce.test"), recipient="x@bounce.test")

    [returned] = post.mails("mentor", 1)
    assert parse(returned).get_content_type() == "multipart/report"


# -- the whole engine --------------------------------------------------------------------------------------------------


@dataclass
class Posted(Wording):
    """A config that sends through the server."""

    post: Post = field(kw_only=True)
    password: str = "password"

    def toml(self, calendar: str) -> str:
        settings = said_to(MailBySmtp, self.post.settings)
        lines = ['kind = "smtp"', f'host = "{settings.host}"', f"port = {settings.port}", 'security = "starttls"', f'user = "{SENDER}"']
        lines += [f'password = {{ file = "{self.password}" }}', f'ca = "{settings.ca}"', "per_minute = 6000"]
        return super().toml(calendar).replace('kind = "folder"\npath = "outbox"', "\n".join(lines))


@pytest.fixture
def town(post: Post, tmp_path: Path) -> Iterator[Town]:
    place = tmp_path / "calendars" / SENDER

    def write(href: str, data: bytes) -> None:
        (place / href).write_bytes(data)

    made = Town(
        folder=tmp_path,
        calendar='kind = "folder"\npath = "calendars"',
        read=lambda href: (place / href).read_bytes(),
        write=write,
        remove=lambda href: (place / href).unlink(),
        words=Posted(post=post),
    )
    yield made
    made.stop()


def _methods(mails: list[bytes]) -> list[str]:
    """Return what each mail is: an iTIP method, or a letter."""
    return sorted(_method(parse(mail)) for mail in mails)


def _method(mail: EmailMessage) -> str:
    methods = [str(part.get_param("method")) for part in mail.walk() if part.get_content_type() == "text/calendar"]
    return methods[0] if methods else "letter"


def test_letters_and_invitations_arrive_each_once_and_readable(town: Town, post: Post) -> None:
    town.start()
    town.at(WELCOME)
    town.at(INVITED)
    town.tick()

    for person in ("sanne", "karim"):
        mails = post.mails(person, 3)
        assert _methods(mails) == ["REQUEST", "REQUEST", "letter"]
        for mail in map(parse, mails):
            assert mail["From"].addresses[0].addr_spec == SENDER
            assert [a.addr_spec for a in mail["To"].addresses] == [f"{person}@voorbeeld.example"]
            plain = mail.get_body(("plain",))
            assert plain is not None
            assert len(plain.get_content().split()) > 20
            assert not mail.defects
    town.words.place = "Zaal 2"
    town.changed()
    assert _methods(post.mails("sanne", 5)) == ["REQUEST"] * 4 + ["letter"]
    assert not post.on_its_way()
    assert post.mails("mentor") == []


def test_a_wrong_password_loses_nothing(town: Town, post: Post, tmp_path: Path) -> None:
    assert isinstance(town.words, Posted)
    (tmp_path / "wrong").write_text("zomer2026", encoding="utf-8")
    town.words.password = "wrong"
    town.start()

    outcome = town.at(WELCOME)
    down = outcome.delivered.down
    waiting = [mail.state for mail in town.engine.outbox.open_mails()]
    town.words.password = "password"
    town.start()
    town.tick(timedelta(hours=1))
    town.at(INVITED)

    assert isinstance(down, Down)
    assert waiting == ["waiting", "waiting"]
    assert town.engine.ledger.outages() == {}
    for person in ("sanne", "karim"):
        assert _methods(post.mails(person, 3)) == ["REQUEST", "REQUEST", "letter"]
    assert not post.on_its_way()


def test_who_is_put_off_gets_it_later_and_nobody_else_waits(town: Town, post: Post) -> None:
    (post.files / "etc/proof/access").write_text("sanne@voorbeeld.example 450 4.2.1 mailbox is busy\n", encoding="utf-8")
    town.start()

    town.at(WELCOME)
    first = post.mails("karim", 1)
    town.tick(timedelta(minutes=5))
    tried = [(mail.recipient, mail.attempts, mail.note) for mail in town.engine.outbox.open_mails()]
    (post.files / "etc/proof/access").write_text("", encoding="utf-8")
    town.start()
    town.tick(timedelta(hours=1))

    assert len(first) == 1
    assert [(recipient, attempts) for recipient, attempts, _ in tried] == [(SANNE, 2)]
    assert "450 4.2.1" in tried[0][2]
    assert _methods(post.mails("sanne", 1)) == ["letter"]
    assert len(post.mails("karim")) == 1
    assert town.engine.outbox.open_mails() == []


def test_an_address_that_does_not_exist_is_named_and_the_other_goes_on(town: Town, post: Post) -> None:
    town.words.persons["weg@voorbeeld.example"] = ("Wie weg is", "")
    town.words.pairs = (("weg@voorbeeld.example", KARIM),)
    town.start()

    town.at(WELCOME)
    outcome = town.tick()

    assert outcome.delivered.failed == []
    [failed] = town.engine.outbox.open_mails()
    assert (failed.recipient, failed.state) == ("weg@voorbeeld.example", "failed")
    assert "550 5.1.1" in failed.note
    assert len(post.mails("karim", 1)) == 1

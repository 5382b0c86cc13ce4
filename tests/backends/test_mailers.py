"""One contract for every mailer, and what only SMTP can do wrong: against real servers with real TLS on loopback."""

from __future__ import annotations

import mailbox
import signal
import socket
import subprocess
import sys
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING, Literal

import pytest
from tests.backends.mailer_contract import DAY, SENDER, MailerContract, letter
from tests.backends.smtp_imap.office import Office, Post, _free_port, mailing
from tests.fakes.settings import with_maker

from beklijf.backends.folder.mailer import FolderMailer
from beklijf.backends.folder.settings import MailInFolder
from beklijf.backends.registry import open_mailer
from beklijf.backends.smtp_imap.settings import MailBySmtp
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import MailSettings
from beklijf.model.errors import Down, Refused, Transient, Unanswered

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.certificates import Certificates

    from beklijf.backends.smtp_imap.mailer import SmtpMailer


pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # aiosmtpd doesn't see implicit TLS beneath it


# -- a server that can be told what to say -----------------------------------------------------------------------------


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

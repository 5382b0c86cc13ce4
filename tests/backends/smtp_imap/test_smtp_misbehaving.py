"""What an SMTP server can do wrong: each a real conversation, over in time, with the right error, and nothing left behind."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import pytest
from tests.backends.mailer_contract import SENDER, letter
from tests.backends.smtp_imap.office import mailing
from tests.fakes.scripted import CUT, HANG, SMTP_HEALTHY, TLS, Answer, Drip, Flood, Script, Think, following, smtp
from tests.fakes.settings import with_maker

from beklijf.backends.smtp_imap import smtp_wire
from beklijf.backends.smtp_imap.settings import MailBySmtp
from beklijf.contracts.settings import MailSettings
from beklijf.model.errors import BackendError, Down, Refused, Transient, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.certificates import Certificates

    from beklijf.boundary.credentials import Secret


SHORT = timedelta(seconds=1)
"""Of one command: what a server that is well needs is a twentieth of it, since the tests run beside each other."""
FINAL = timedelta(seconds=1)
LONGEST = 30
"""Seconds that nothing here may take: no message has that many commands, and a server that nobody leaves goes on for ever."""
SANNE = "sanne@voorbeeld.example"


@dataclass(frozen=True)
class Case:
    what: str
    says: dict[str, Answer]
    means: type[BackendError]
    words: str = ""
    """Part of the error."""
    security: Literal["tls", "starttls"] = "tls"
    text: str = "Hoi Sanne\n"
    kept: bool = field(default=False, kw_only=True)
    """The connection may stay: it was a proper answer."""


LATE = "not done within"
OVER = "a reply of more than"
LOST = "may have arrived all the same"
EHLO = b"250-post.example\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n"
CHALLENGE = b"334 VXNlcm5hbWU6\r\n"
CHALLENGES = b"250-post.example\r\n250 AUTH LOGIN\r\n"
LONG = "Een regel van een heel lange brief.\n" * 250_000

CASES = [
    Case("no handshake", {"handshake": (HANG,)}, Transient, LATE),
    Case("no greeting", {"greeting": (HANG,)}, Transient, LATE),
    Case("a greeting in drops", {"greeting": (Drip(b"220-"),)}, Transient, LATE),
    Case("a greeting of lines without end", {"greeting": (Flood(b"220-welcome\r\n"),)}, Transient, OVER),
    Case("a greeting of one line without end", {"greeting": (b"220 ", Flood(b"welcome"))}, Transient, OVER),
    Case("a goodbye for a greeting", {"greeting": (b"421 4.3.2 shutting down\r\n", CUT)}, Transient, ""),
    Case("a greeting that is no reply", {"greeting": (b"hello there\r\n",)}, Transient, "not ready"),
    Case("no answer to EHLO", {"EHLO": (HANG,)}, Transient, LATE),
    Case("an answer to EHLO in drops", {"EHLO": (Drip(b"250-AUTH PLAIN\r\n"),)}, Transient, LATE),
    Case("extensions without end", {"EHLO": (Flood(b"250-X-MORE\r\n"),)}, Transient, OVER),
    Case("cut off in the middle of EHLO", {"EHLO": (b"250-post.example\r\n250-AU", CUT)}, Transient),
    Case("an answer to EHLO that is no reply", {"EHLO": (b"\xff\xfe\x00\r\n",)}, Transient, ""),
    Case("no answer to STARTTLS", {"EHLO": (EHLO,), "STARTTLS": (HANG,)}, Transient, LATE, "starttls"),
    Case("no handshake after STARTTLS", {"EHLO": (EHLO,), "STARTTLS": (b"220 go ahead\r\n", HANG)}, Transient, LATE, "starttls"),
    Case(
        "plain text after STARTTLS",
        {"EHLO": (EHLO,), "STARTTLS": (b"220 go\r\n", Think(0.1), b"250\r\n" * 9, HANG)},
        Down,
        "no TLS",
        "starttls",
    ),
    Case("no answer to AUTH", {"AUTH": (HANG,)}, Transient, LATE),
    Case("an answer to AUTH in drops", {"AUTH": (Drip(b"235-"),)}, Transient, LATE),
    Case("challenges without end", {"EHLO": (CHALLENGES,), "AUTH": (CHALLENGE,), "else": (CHALLENGE,)}, Transient, "refused the login"),
    Case("cut off after AUTH", {"AUTH": (CUT,)}, Transient),
    Case("no answer to MAIL", {"MAIL": (HANG,)}, Transient, "MAIL: not done within"),
    Case("an answer to MAIL without end", {"MAIL": (Flood(b"250-\r\n"),)}, Transient, OVER),
    Case("no answer to RCPT", {"RCPT": (HANG,)}, Transient, "RCPT: not done within"),
    Case("an answer to RCPT in drops", {"RCPT": (Drip(b"250-OK\r\n"),)}, Transient, LATE),
    Case("cut off after RCPT", {"RCPT": (CUT,)}, Transient),
    Case("a code that there isn't", {"RCPT": (b"999 what now\r\n",)}, Transient, "999 what now"),
    Case("a yes to something else", {"RCPT": (b"354 go ahead\r\n",)}, Transient, "354 go ahead"),
    Case("a no in lines without end", {"RCPT": (Flood(b"550-no such user\r\n"),)}, Transient, OVER),
    Case("no answer to DATA", {"DATA": (HANG,)}, Transient, "DATA: not done within"),
    Case("content that nobody takes", {"content": (HANG,)}, Transient, "sending the message: not done within", text=LONG),
    Case("cut off within the content", {"content": (CUT,)}, Transient, text=LONG),
    Case("no answer to the message", {".": (HANG,)}, Unanswered, LOST),
    Case("an answer to the message in drops", {".": (Drip(b"250-"),)}, Unanswered, LOST),
    Case("an answer to the message without end", {".": (Flood(b"250-taken\r\n"),)}, Unanswered, LOST),
    Case("cut off after the message", {".": (CUT,)}, Unanswered, LOST),
    Case("cut off in the middle of the answer to the message", {".": (b"250-tak", CUT)}, Unanswered, LOST),
    Case("neither a yes nor a no to the message", {".": (b"354 go ahead\r\n",)}, Unanswered, LOST),
    Case("an answer to the message that is no reply", {".": (b"OK\r\n",)}, Unanswered, LOST),
    Case("a no for now to the message", {".": (b"451 4.3.0 later\r\n",)}, Transient, "451 4.3.0 later", kept=True),
    Case("a no to the message", {".": (b"552 5.3.4 too big\r\n",)}, Refused, "552 5.3.4 too big", kept=True),
    Case("a no to the message and a cut", {".": (b"552 5.3.4 too big\r\n", CUT)}, Refused, "552 5.3.4 too big"),
]


@pytest.fixture
def open_script(certificates: Certificates) -> Iterator[Callable[..., Script]]:
    with ExitStack() as stack:

        def start(*, implicit: bool = True) -> Script:
            return stack.enter_context(following(smtp, tls=certificates.server, implicit=implicit, healthy=SMTP_HEALTHY))

        yield start


@pytest.fixture
def settings(certificates: Certificates, password: Secret) -> MailSettings:
    return MailSettings(
        maker=MailBySmtp(host="127.0.0.1", security="tls", user="beklijf", password=password, ca=certificates.ca, final_deadline=FINAL),
        sender=SENDER,
        per_minute=60_000,
        deadline=SHORT,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_whatever_a_server_does_a_message_ends_in_time_and_the_next_one_goes_out(
    open_script: Callable[..., Script], settings: MailSettings, case: Case
) -> None:
    script = open_script(implicit=case.security == "tls")
    script.answers = dict(case.says)
    message = letter(text=case.text)
    handed_over: list[str] = []

    with mailing(with_maker(settings, port=script.port, security=case.security)) as mailer:
        began = time.monotonic()
        with pytest.raises(BackendError) as caught:
            mailer.send(message, recipient=SANNE, handing_over=lambda: handed_over.append("yes"))
        took = time.monotonic() - began

        assert type(caught.value) is case.means
        assert case.words in str(caught.value)
        assert bool(handed_over) == bool(case.says.keys() & {"DATA", "content", "."})  # just before it may arrive
        assert took < LONGEST
        assert case.kept or script.all_left()
        assert not {"QUIT", "RSET"} & {word for line in script.lines for word in line.words}
        if case.security == "tls":
            script.answers = {}
            mailer.send(letter(row="2"), recipient=SANNE)


def test_a_connection_that_says_nothing_any_more_is_left_for_a_new_one(open_script: Callable[..., Script], settings: MailSettings) -> None:
    script = open_script()
    with mailing(with_maker(settings, port=script.port)) as mailer:
        mailer.send(letter(row="1"), recipient=SANNE)
        script.answers["RSET"] = (HANG,)

        mailer.send(letter(row="2"), recipient=SANNE)

    assert len(script.lines) == 2


@pytest.mark.parametrize("answer", [(HANG,), (Drip(b"221-"),), (Flood(b"221-bye\r\n"),), (CUT,)], ids=["hang", "drip", "flood", "cut"])
def test_nobody_waits_for_a_goodbye(open_script: Callable[..., Script], settings: MailSettings, answer: Answer) -> None:
    script = open_script()
    script.answers["QUIT"] = answer
    with mailing(with_maker(settings, port=script.port)) as mailer:
        mailer.send(letter(), recipient=SANNE)
        began = time.monotonic()

        mailer.close()

    assert time.monotonic() - began < LONGEST
    assert script.all_left()


def test_what_is_said_in_clear_after_starttls_is_not_heard(open_script: Callable[..., Script], settings: MailSettings) -> None:
    script = open_script(implicit=False)
    script.answers = {"EHLO": (EHLO,), "STARTTLS": (b"220 go ahead\r\n250-post.example\r\n250 AUTH LOGIN\r\n", TLS)}
    with mailing(with_maker(settings, port=script.port, security="starttls")) as mailer:
        mailer.send(letter(), recipient=SANNE)

    assert [heard.split()[1] for heard in script.lines[0].heard if heard.startswith(b"AUTH")] == [b"PLAIN"]


def test_the_final_deadline_is_the_messages_alone(open_script: Callable[..., Script], settings: MailSettings) -> None:
    script = open_script()
    script.answers["."] = (Think(0.4), *SMTP_HEALTHY["."])
    with mailing(
        replace(with_maker(settings, port=script.port, final_deadline=timedelta(seconds=30)), deadline=timedelta(seconds=0.2))
    ) as mailer:
        mailer.send(letter(), recipient=SANNE)

    assert script.lines[0].words[-1] == "QUIT"


def test_as_many_extensions_as_any_server_has_are_read(open_script: Callable[..., Script], settings: MailSettings) -> None:
    lines = [b"250-X-%d %s\r\n" % (n, b"x" * 400) for n in range(smtp_wire.LARGEST_REPLY // 512)]
    script = open_script()
    script.answers["EHLO"] = (b"250-post.example\r\n" + b"".join(lines) + b"250 AUTH PLAIN\r\n",)
    with mailing(with_maker(settings, port=script.port)) as mailer:
        mailer.send(letter(), recipient=SANNE)


def test_a_line_that_begins_with_a_dot_arrives_as_it_was_and_ends_nothing(
    open_script: Callable[..., Script], settings: MailSettings
) -> None:
    script = open_script()
    with mailing(with_maker(settings, port=script.port)) as mailer:
        mailer.send(letter(text="eerst\n.\n..en dan\n"), recipient=SANNE)

    heard = script.lines[0].heard
    assert [line for line in heard if line.startswith(b".")].count(b".") == 1
    assert b".." in heard
    assert b"...en dan" in heard

"""Mail over SMTP: always TLS, verified; one connection for many messages, at the pace that the server allows.

Retries nothing and remembers nothing between messages but its connection. The sorting of errors is the whole of the job:

    where                      reply              means
    connect, greeting, EHLO    none, 4xx          Transient: down, restarting, too busy
                               5xx                Down
    TLS                        not offered, or    Down: nothing was sent, not even the user's name
                               not to be trusted
    AUTH                       4xx                Transient
                               5xx, not offered   Down; a token once more, fetched anew
    MAIL FROM                  4xx                Transient
                               5xx                Down: the server won't have us as sender
    RCPT TO, DATA              4xx                Transient
                               5xx                Refused: this address, this message
                               53x, 5xx 5.7.x     Down, for policy hits everybody; but Refused once the server took a
                                                  message from us over this connection, since then it doesn't
    the content                cut off within     Transient: without the final dot it is no message
    after the final dot        lost, too late,    Unanswered: it may have arrived all the same (RFC 5321 section 6.1)
                               no reply at all
"""

from __future__ import annotations

import re
import smtplib
import ssl
import time
from base64 import b64encode
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from beklijf.accounts.xoauth2 import SWITCHED_OFF, TokenLogin, is_switched_off
from beklijf.credentials import quoted
from beklijf.errors import Down, Refused, Transient, Unanswered
from beklijf.mailers import nothing
from beklijf.mailers.messages import WIRE, ascii_address, ascii_domain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage

    from beklijf.errors import BackendError
    from beklijf.settings import MailSettings

TIMEOUT = 30.0
"""Seconds for each step but the last one."""

FINAL_TIMEOUT = 300.0
"""Seconds for the reply to the whole message. Giving up early means sending twice: filters of the other side take minutes.
RFC 5321 section 4.5.3.2.6 asks for ten; five is what a service can hang and still be called alive."""

OK, AUTHENTICATED, CONTINUE, GO_AHEAD, CLOSING, PERMANENT = 250, 235, 334, 354, 421, 500
TEMPORARILY, FOR_GOOD = 4, 5
"""The first digit of a no."""

Reply: TypeAlias = "tuple[int, bytes | str]"

_DOT = re.compile(rb"^\.", re.MULTILINE)

POLICY = re.compile(r": 5(3\d|\d\d[ -]5\.(7\.\d|2\.252))")
"""Reply codes of authentication (RFC 4954) and enhanced codes of policy (RFC 3463 section 3.8; 5.2.252 is Exchange Online's
SendAsDenied): at the start of what the server said and nowhere else, since ``5.7.1`` may stand in an address too."""


class SmtpMailer:
    """Hand messages to one submission server (RFC 6409)."""

    def __init__(
        self,
        settings: MailSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        timeout: float = TIMEOUT,
        final_timeout: float = FINAL_TIMEOUT,
    ) -> None:
        """Open nothing yet; ``sleep`` waits for our turn by the pace, and may be an event that a signal sets."""
        self.target = f"smtp {settings.host}:{settings.port}"
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._timeout = timeout
        self._final_timeout = final_timeout
        self._connection: smtplib.SMTP | None = None
        self._took_one = False
        self._turn = float("-inf")
        self._tokens: TokenLogin | None = None

    def check(self) -> str:
        """Connect, verify, log in and leave again, without naming a sender or a receiver."""
        self.close()
        with self._translated():
            connection = self._open()
            self._expect(connection.noop(), OK, "refused NOOP", Down)
            tls = connection.sock.version() if isinstance(connection.sock, ssl.SSLSocket) else None
        self.close()
        return f"{self.target}: {tls}" + (f", logged in as {self._settings.user}" if self._settings.user else "")

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = nothing) -> None:
        """Send the message from its From address; returns when the server has answered the whole of it with 250."""
        to = ascii_address(recipient)
        sender = message["From"].addresses[0].addr_spec
        content = message.as_bytes(policy=WIRE)
        self._wait_for_turn()
        with self._translated():
            connection = self._begin(sender)
            self._expect(connection.rcpt(to), OK, f"refused {to}", self._no_to_one)
        handing_over()
        refused = f"refused the message to {to}"
        with self._translated():
            self._expect(connection.docmd("DATA"), GO_AHEAD, refused, self._no_to_one)
            connection.send(_DOT.sub(b"..", content) + (b"" if content.endswith(b"\r\n") else b"\r\n"))
        with self._translated(lost=f"; the message to {to} may have arrived all the same"):
            self._expect(self._finish(connection), OK, refused, self._no_to_one)
        self._took_one = True

    def close(self) -> None:
        """Say goodbye; a server that is gone already needs none."""
        connection, self._connection, self._took_one = self._connection, None, False
        if connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                connection.quit()
            connection.close()

    def _begin(self, sender: str) -> smtplib.SMTP:
        """Start a transaction, on a new connection where the old one was dropped while it was idle."""
        if self._connection is not None:
            with suppress(smtplib.SMTPServerDisconnected):
                reply = self._connection.mail(sender)
                if reply[0] != CLOSING:
                    self._expect(reply, OK, f"won't have {sender} as sender", Down)
                    return self._connection
            self.close()
        connection = self._open()
        self._expect(connection.mail(sender), OK, f"won't have {sender} as sender", Down)
        return connection

    def _finish(self, connection: smtplib.SMTP) -> Reply:
        """Send the final dot, which alone makes a message of the content, and wait longer for the reply than for any other."""
        assert connection.sock is not None, "the server has just answered"
        connection.sock.settimeout(self._final_timeout)
        connection.send(b".\r\n")
        reply = connection.getreply()
        connection.sock.settimeout(self._timeout)
        if reply[0] // 10 != OK // 10 and reply[0] // 100 not in {TEMPORARILY, FOR_GOOD}:
            raise smtplib.SMTPServerDisconnected(f"neither a yes nor a no: {reply[0]} {quoted(reply[1])}")
        return reply

    def _open(self) -> smtplib.SMTP:
        """Connect, with TLS and logged in."""
        settings = self._settings
        if settings.auth != "password" and self._tokens is None:
            self._tokens = TokenLogin(settings, "mail")
        trust, host = self._trust(), ascii_domain(settings.host)
        if settings.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(host, settings.port, timeout=self._timeout, context=trust)
        else:
            connection = smtplib.SMTP(host, settings.port, timeout=self._timeout)
        self._connection = connection
        self._expect(connection.ehlo(), OK, "refused EHLO", Down)
        if settings.security == "starttls":
            if not connection.has_extn("starttls"):
                raise Down(f"{self.target} offers no STARTTLS", hint='port 465 is for security = "tls", 587 for "starttls"')
            connection.starttls(context=trust)
            self._expect(connection.ehlo(), OK, "refused EHLO", Down)
        try:
            if self._tokens is not None:
                self._log_in_by_token(connection, self._tokens)
            elif settings.user and settings.password:
                self._log_in(connection, settings.user, settings.password.reveal(user=settings.user))
        except Transient:
            self.close()  # half a login is none: the next message begins anew
            raise
        return connection

    def _trust(self) -> ssl.SSLContext:
        """Return what certificates are judged by: the system's authorities, or only the one that [mail] ca names."""
        ca = self._settings.ca
        try:
            return ssl.create_default_context(cafile=None if ca is None else str(ca))
        except OSError as error:
            raise Down(f"[mail] ca {ca}: {error.strerror or error}", hint="it must be a readable PEM file") from error

    def _log_in(self, connection: smtplib.SMTP, user: str, password: str) -> None:
        """Log in by PLAIN or else LOGIN, in UTF-8; smtplib's own knows only ASCII, and shows in its error what it can't encode."""
        offered = connection.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            reply: Reply = connection.docmd("AUTH", "PLAIN " + _base64(f"\0{user}\0{password}"))
        elif "LOGIN" in offered:
            reply = connection.docmd("AUTH", "LOGIN")
            for answer in (user, password):
                if reply[0] == CONTINUE:
                    reply = connection.docmd(_base64(answer))
        else:
            raise Down(f"{self.target} offers neither AUTH PLAIN nor LOGIN", hint="basic login may be switched off for this account")
        self._expect_login(reply, user)

    def _log_in_by_token(self, connection: smtplib.SMTP, tokens: TokenLogin) -> None:
        """Log in by XOAUTH2; a token that is refused is fetched anew once, since rights that were granted later are not in it."""
        if "XOAUTH2" not in connection.esmtp_features.get("auth", "").upper().split():
            hint = "smtp.office365.com and smtp.gmail.com do, on port 587 with starttls; is [mail] host right?"
            raise Down(f"{self.target} offers no AUTH XOAUTH2", hint=hint)
        response = tokens.response()
        reply = _show(connection, response)
        if reply[0] >= PERMANENT:
            response = tokens.response(fresh=True)
            with suppress(smtplib.SMTPServerDisconnected):  # who hangs up on the second try has said no to the first
                reply = _show(connection, response)
        self._expect_login(reply, tokens.user, tokens.hint(quoted(reply[1])))

    def _expect_login(self, reply: Reply, user: str, hint: str = "") -> None:
        hint = SWITCHED_OFF if is_switched_off(quoted(reply[1])) else hint
        self._expect(reply, AUTHENTICATED, f"refused the login of {user}", lambda what: Down(what, hint=hint))

    def _wait_for_turn(self) -> None:
        """Keep an even pace: bursts are what servers punish, and nobody waits a minute for a signal to be heard."""
        now = self._clock()
        if now < self._turn:
            self._sleep(self._turn - now)
            now = self._turn
        self._turn = now + 60 / self._settings.per_minute

    def _no_to_one(self, what: str) -> BackendError:
        """Tell a no to this message from a no to everything, by what the server took before."""
        if POLICY.search(what) and not self._took_one:
            return Down(what, hint="ask the server's administrator whether this account may send to addresses outside")
        return Refused(what)

    def _expect(self, reply: Reply, wanted: int, what: str, otherwise: Callable[[str], BackendError]) -> None:
        """Return when the reply is the wanted one (or its kin: 251 for 250); raise what another one means."""
        code, said = reply
        if code // 10 != wanted // 10:
            message = f"{self.target} {what}: {code} {quoted(said)}"
            raise otherwise(message) if code >= PERMANENT else Transient(message)

    @contextmanager
    def _translated(self, *, lost: str = "") -> Iterator[None]:
        """Turn what smtplib, ssl and the network raise into our errors, and leave the connection fit for the next message."""
        try:
            yield
        except (Refused, Transient):
            self._reset()
            raise
        except smtplib.SMTPResponseException as error:  # the greeting, or STARTTLS
            self.close()
            message = f"{self.target} is not ready: {error.smtp_code} {quoted(error.smtp_error)}"
            raise (Down(message) if error.smtp_code >= PERMANENT else Transient(message)) from error
        except ssl.SSLCertVerificationError as error:
            self.close()
            hint = "if the server's certificate is by an authority of your own: [mail] ca = its PEM file; else mind the host's name"
            raise Down(f"{self.target} shows a certificate that can't be trusted: {error.verify_message}", hint=hint) from error
        except UnicodeError as error:
            raise Down(f"[mail] host {self._settings.host!r} is no host name", hint="check its spelling") from error
        except OSError as error:  # smtplib.SMTPServerDisconnected and ssl.SSLError too
            self.close()
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                hint = 'port 465 is for security = "tls", 587 for "starttls"'
                raise Down(f"{self.target} speaks no TLS that we understand: {error.reason or error}", hint=hint) from error
            hint = "does the server run, and are [mail] host and port right? the mail is kept and tried again"
            kind = Unanswered if lost else Transient
            raise kind(f"{self.target}: {quoted(error.strerror or str(error))}{lost}", hint=hint) from error
        except BaseException:
            self.close()
            raise

    def _reset(self) -> None:
        """Forget the transaction that failed; a server that can't is left (it said 421, or is gone)."""
        with suppress(smtplib.SMTPServerDisconnected):
            if self._connection is not None and self._connection.rset()[0] == OK:
                return
        self.close()


def _show(connection: smtplib.SMTP, response: bytes) -> Reply:
    """Show a token; why it is refused comes in JSON, and the no itself only after an empty line."""
    reply: Reply = connection.docmd("AUTH", "XOAUTH2 " + _base64(response.decode()))
    return connection.docmd("") if reply[0] == CONTINUE else reply


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")

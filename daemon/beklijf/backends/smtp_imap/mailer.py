"""Mail over SMTP: always TLS, verified; one connection for many messages, at the pace that the server allows.

Retries nothing and remembers nothing between messages but its connection. The sorting of errors is the whole of the job:

    where                      reply              means
    any step but the last      late, too long,    Transient, and the connection is left: each step has its deadline
                               no reply at all
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
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from beklijf.backends.smtp_imap.settings import MailBySmtp
from beklijf.backends.smtp_imap.smtp_wire import Smtp, SmtpOverTls
from beklijf.backends.smtp_imap.xoauth2 import SWITCHED_OFF, TokenLogin, is_switched_off
from beklijf.boundary import deadline
from beklijf.boundary.credentials import quoted
from beklijf.boundary.pace import Pace
from beklijf.boundary.sockets import abort, host_name, trusting
from beklijf.contracts.mailer import nothing
from beklijf.mime.addresses import ascii_address
from beklijf.mime.messages import WIRE
from beklijf.model.addresses import ascii_domain
from beklijf.model.errors import BackendError, Down, Refused, Transient, Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage

    from beklijf.contracts.settings import MailSettings

AT_ONCE = timedelta(seconds=10)
"""How long RSET and QUIT may take: whoever is there has nothing to think about."""

OK, AUTHENTICATED, CONTINUE, GO_AHEAD = 250, 235, 334, 354
TEMPORARY, PERMANENT = range(400, 500), range(500, 600)

T = TypeVar("T")
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
    ) -> None:
        """Open nothing yet; ``sleep`` waits for our turn by the pace."""
        assert isinstance(settings.maker, MailBySmtp)
        self._maker = maker = settings.maker
        self.target = f"smtp {maker.host}:{maker.port}"
        self._limit = settings.deadline
        self._at_once = min(AT_ONCE, settings.deadline)
        self._pace = Pace(settings.per_minute, clock=clock, sleep=sleep)
        self._connection: Smtp | None = None
        self._took_one = False
        self._tokens: TokenLogin | None = None

    def check(self) -> str:
        """Connect, verify, log in and leave again, without naming a sender or a receiver."""
        self.close()
        with self._translated():
            connection = self._open()
            self._expect(self._ask("NOOP", connection.noop), OK, "refused NOOP", Down)
            tls = connection.sock.version() if isinstance(connection.sock, ssl.SSLSocket) else None
        self.close()
        return f"{self.target}: {tls}" + (f", logged in as {self._maker.user}" if self._maker.user else "")

    def send(self, message: EmailMessage, *, recipient: str, handing_over: Callable[[], None] = nothing) -> None:
        """Send the message from its From address; returns when the server has answered the whole of it with 250."""
        to = ascii_address(recipient)
        sender = message["From"].addresses[0].addr_spec
        content = message.as_bytes(policy=WIRE)
        self._pace.wait(self.target)
        with self._translated():
            connection = self._begin(sender)
            self._expect(self._ask("RCPT", lambda: connection.rcpt(to)), OK, f"refused {to}", self._no_to_one)
        handing_over()
        refused = f"refused the message to {to}"
        with self._translated():
            self._expect(self._ask("DATA", lambda: connection.docmd("DATA")), GO_AHEAD, refused, self._no_to_one)
            body = _DOT.sub(b"..", content) + (b"" if content.endswith(b"\r\n") else b"\r\n")
            self._ask("sending the message", lambda: connection.send(body))
        self._expect(self._finish(connection, to), OK, refused, self._no_to_one)
        self._took_one = True

    def close(self) -> None:
        """Say goodbye; a server that is gone already, or thinks about it, needs none."""
        if (connection := self._connection) is not None:
            with suppress(smtplib.SMTPException, OSError, Transient):
                self._ask("QUIT", connection.quit, self._at_once)
        self._drop()

    def _drop(self) -> None:
        """Leave without a word, and let nothing arrive any more: after an error nobody knows what the server says next, or when."""
        connection, self._connection, self._took_one = self._connection, None, False
        if connection is not None:
            abort(connection.sock)
            connection.close()

    def _ask(self, what: str, call: Callable[[], T], limit: timedelta | None = None) -> T:
        """Do one step within its time; when that is over, or the server is gone, so is the connection."""
        try:
            with deadline.within(limit or self._limit, f"{self.target}: {what}"):
                return call()
        except (Transient, OSError):
            self._drop()
            raise

    def _begin(self, sender: str) -> Smtp:
        """Start a transaction: on the connection that is there, where it can forget what was before, or else on a new one."""
        connection, fit = self._connection, False
        if connection is not None:
            with suppress(smtplib.SMTPServerDisconnected, Transient):
                fit = self._ask("RSET", connection.rset, self._at_once)[0] // 10 == OK // 10
        if connection is None or not fit:
            self._drop()
            connection = self._ask("connecting and logging in", self._open)
        self._expect(self._ask("MAIL", lambda: connection.mail(sender)), OK, f"won't have {sender} as sender", Down)
        return connection

    def _finish(self, connection: Smtp, to: str) -> Reply:
        """Send the final dot, which alone makes a message of the content, and wait longer for the reply than for any other.

        Giving up early means sending twice: filters of the other side take minutes (RFC 5321 section 4.5.3.2.6).
        """

        def finish() -> Reply:
            connection.send(b".\r\n")
            return connection.getreply()

        arrived = f"; the message to {to} may have arrived all the same"
        try:
            with self._translated():
                code, said = self._ask("the answer to the message", finish, self._maker.final_deadline)
        except BackendError as error:
            raise Unanswered(f"{error}{arrived}", hint=error.hint) from error.__cause__
        if code // 10 != OK // 10 and code not in TEMPORARY and code not in PERMANENT:
            self._drop()
            raise Unanswered(f"{self.target} said neither yes nor no to it: {code} {quoted(said)}{arrived}")
        return code, said

    def _open(self) -> Smtp:
        """Connect, with TLS and logged in."""
        maker = self._maker
        if maker.login is not None and self._tokens is None:
            self._tokens = TokenLogin(maker.login, maker.user, "mail", self._limit)
        trust, host = trusting(maker.ca, "mail"), host_name(ascii_domain(maker.host), "mail")
        # a net where no deadline reaches: in another thread
        timeout = max(self._limit, maker.final_deadline).total_seconds()
        if maker.security == "tls":
            connection: Smtp = SmtpOverTls(host, maker.port, timeout=timeout, context=trust)
        else:
            connection = Smtp(host, maker.port, timeout=timeout)
        self._connection = connection
        self._expect(connection.ehlo(), OK, "refused EHLO", Down)
        if maker.security == "starttls":
            if not connection.has_extn("starttls"):
                raise Down(f"{self.target} offers no STARTTLS", hint='port 465 is for security = "tls", 587 for "starttls"')
            connection.starttls(context=trust)
            self._expect(connection.ehlo(), OK, "refused EHLO", Down)
        if self._tokens is not None:
            self._log_in_by_token(connection, self._tokens)
        elif maker.user and maker.password:
            self._log_in(connection, maker.user, maker.password.reveal(user=maker.user))
        return connection

    def _log_in(self, connection: Smtp, user: str, password: str) -> None:
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

    def _log_in_by_token(self, connection: Smtp, tokens: TokenLogin) -> None:
        """Log in by XOAUTH2; a token that is refused is fetched anew once, since rights that were granted later are not in it."""
        if "XOAUTH2" not in connection.esmtp_features.get("auth", "").upper().split():
            hint = "smtp.office365.com and smtp.gmail.com do, on port 587 with starttls; is [mail] host right?"
            raise Down(f"{self.target} offers no AUTH XOAUTH2", hint=hint)
        response = tokens.response()
        reply = _show(connection, response)
        if reply[0] in PERMANENT:
            response = tokens.response(fresh=True)
            with suppress(smtplib.SMTPServerDisconnected):  # who hangs up on the second try has said no to the first
                reply = _show(connection, response)
        self._expect_login(reply, tokens.user, tokens.hint(quoted(reply[1])))

    def _expect_login(self, reply: Reply, user: str, hint: str = "") -> None:
        hint = SWITCHED_OFF if is_switched_off(quoted(reply[1])) else hint
        self._expect(reply, AUTHENTICATED, f"refused the login of {user}", lambda what: Down(what, hint=hint, login=True))

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
            if code in PERMANENT:
                raise otherwise(message)
            if code not in TEMPORARY:
                self._drop()  # an answer to something else, or none at all: so may be the next
            raise Transient(message)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what smtplib, ssl and the network raise into our errors; after a no to one message the connection stays."""
        try:
            yield
        except (Refused, Transient):
            raise
        except smtplib.SMTPResponseException as error:  # the greeting, or STARTTLS
            self._drop()
            message = f"{self.target} is not ready: {error.smtp_code} {quoted(error.smtp_error)}"
            raise (Down(message) if error.smtp_code in PERMANENT else Transient(message)) from error
        except ssl.SSLCertVerificationError as error:
            self._drop()
            hint = "if the server's certificate is by an authority of your own: [mail] ca = its PEM file; else mind the host's name"
            raise Down(f"{self.target} shows a certificate that can't be trusted: {error.verify_message}", hint=hint) from error
        except OSError as error:  # smtplib.SMTPServerDisconnected and ssl.SSLError too
            self._drop()
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                hint = 'port 465 is for security = "tls", 587 for "starttls"'
                raise Down(f"{self.target} speaks no TLS that we understand: {error.reason or error}", hint=hint) from error
            hint = "does the server run, and are [mail] host and port right? the mail is kept and tried again"
            raise Transient(f"{self.target}: {quoted(error.strerror or str(error))}", hint=hint) from error
        except BaseException:
            self._drop()
            raise


def _show(connection: Smtp, response: bytes) -> Reply:
    """Show a token; why it is refused comes in JSON, and the no itself only after an empty line."""
    reply: Reply = connection.docmd("AUTH", "XOAUTH2 " + _base64(response.decode()))
    return connection.docmd("") if reply[0] == CONTINUE else reply


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode("ascii")

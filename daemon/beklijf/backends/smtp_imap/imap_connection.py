"""A connection to an IMAP server (RFC 3501, RFC 9051): always TLS, verified, logged in, and every error told by its meaning.

Knows nothing of mails. The sorting of errors:

    where                    said                                means
    connect, any command     nothing, too late, too much, BYE,   Transient, and the connection is left: each has its deadline
                             cut off, what can't be read
    TLS                      not offered, or not to be trusted   Down: nothing was sent, not even the user's name
    any command              NO [UNAVAILABLE] and the like       Transient (RFC 5530)
    login, folder, others    NO, BAD                             Down, with what the server said
"""

from __future__ import annotations

import re
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from imapclient.exceptions import (  # type: ignore[import-untyped]  # has annotations, but doesn't say so (no py.typed)
    IMAPClientAbortError,
    IMAPClientError,
    IMAPClientReadOnlyError,
    LoginError,
    ProtocolError,
)

from beklijf.backends.smtp_imap.imap_wire import LARGEST_NUMBER, Client
from beklijf.backends.smtp_imap.settings import InboxByImap
from beklijf.backends.smtp_imap.xoauth2 import TokenLogin
from beklijf.boundary import deadline
from beklijf.boundary.credentials import quoted
from beklijf.boundary.sockets import abort, host_name, trusting
from beklijf.model.addresses import ascii_domain
from beklijf.model.errors import BackendError, Down, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from beklijf.contracts.settings import InboxSettings

__all__ = ["LOST", "Connection", "IMAPClientError", "ProtocolError", "Selected", "is_passing", "said_in"]

GOODBYE = timedelta(seconds=10)
"""How long LOGOUT may take: whoever is there has nothing to think about."""

_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What the library raises over an answer that it can't make sense of, besides its own ProtocolError."""

LOST = (IMAPClientAbortError, OSError)
"""What is raised when there is no connection any more, and when the server's lines don't fit together."""

_NOT_CONNECTED = "authenticated but not connected"
"""What Exchange Online says to the first command after a login by a token that is good, but not for this mailbox."""

_PASSING = re.compile(r"\[(UNAVAILABLE|INUSE|SERVERBUG|LIMIT|THROTTLED)\b", re.IGNORECASE)
_BYTES = re.compile(r"""\bb(['"])(.*)\1""", re.DOTALL)
"""The library shows some of what the server said as Python shows bytes."""


@dataclass(frozen=True, slots=True)
class Selected:
    """What the server tells of a folder when it is opened."""

    validity: int
    """UIDVALIDITY: with another one, every number is another mail's."""
    next: int
    """UIDNEXT: no mail has this number or a higher one."""
    mails: int


class Connection:
    """Opened by the first `select`, and again by the next one after an error."""

    def __init__(self, settings: InboxSettings) -> None:
        assert isinstance(settings.maker, InboxByImap)
        self._maker = maker = settings.maker
        self.target = f"imap {maker.user} {maker.host}:{maker.port}"
        self._limit = settings.deadline
        self._client: Client | None = None
        self._tokens: TokenLogin | None = None

    def ask(self, command: str, *arguments: object, limit: timedelta | None = None, **options: object) -> Any:  # noqa: ANN401  # untyped
        """Do what the library calls *command*, connected and logged in, within its time; over means that the connection is left.

        After a ProtocolError it is in order: the answer was there, and nobody could read it.
        """
        if self._client is None:
            with self._within(None, "connecting and logging in"):
                self._open()
        with self._within(limit, command.replace("_", " ")), _readable():
            return getattr(self._client, command)(*arguments, **options)

    @contextmanager
    def _within(self, limit: timedelta | None, what: str) -> Iterator[None]:
        try:
            with deadline.within(limit or self._limit, f"{self.target}: {what}"):
                yield
        except Transient:
            self.drop()
            raise

    @property
    def is_open(self) -> bool:
        return self._client is not None

    def select(self, folder: str, *, readonly: bool) -> Selected:
        """Open a folder: what comes next is about it. A connection that the server dropped while idle is made anew."""
        if self._client is not None:
            with suppress(*LOST):
                return self._select(folder, readonly=readonly)
            self.drop()
        return self._select(folder, readonly=readonly)

    def _select(self, folder: str, *, readonly: bool) -> Selected:
        try:
            said = self.ask("select_folder", folder, readonly=readonly)
        except IMAPClientReadOnlyError as error:
            hint = "this account must be allowed to move and delete mails there"
            raise Down(f"{self.target}: {folder} can only be read", hint=hint) from error
        except (*LOST, ProtocolError):
            raise
        except IMAPClientError as error:
            if is_passing(error):
                raise
            there = ", ".join(sorted(name for flags, _, name in self.ask("list_folders") if rb"\Noselect" not in flags)[:10])
            hint = f"[inbox] folder and filed are names as the server has them; there are: {quoted(there)}"
            raise Down(f"{self.target}: {folder} can't be opened: {said_in(error)}", hint=hint) from error
        validity = said.get(b"UIDVALIDITY")
        if not isinstance(validity, int):  # RFC 3501 section 2.3.1.1: such a mailbox has no numbers that last
            raise Down(f"{self.target}: {folder} has no UIDVALIDITY", hint="this server can't be used for reading answers")
        mails, upcoming = int(said.get(b"EXISTS") or 0), said.get(b"UIDNEXT")
        if not isinstance(upcoming, int):  # it may be left out (RFC 3501 section 6.3.1)
            upcoming = max(self.search(["UID", "*"]), default=0) + 1 if mails else 1
        if not 0 < validity <= LARGEST_NUMBER or not 0 < upcoming <= LARGEST_NUMBER + 1:
            raise Transient(f"{self.target}: {folder} has numbers that can't be: UIDVALIDITY {validity}, UIDNEXT {upcoming}")
        return Selected(validity, upcoming, mails)

    def search(self, criteria: Sequence[object]) -> list[int]:
        """Return the UIDs that fit, in order."""
        return sorted(set(self.ask("search", criteria)))

    def drop(self) -> None:
        """Leave without a word, and let nothing arrive any more: after an error nobody knows what the server says next, or when."""
        client, self._client = self._client, None
        if client is not None:
            abort(client.socket())
            with suppress(*LOST):
                client.shutdown()

    def close(self) -> None:
        """Say goodbye; a server that is gone already, or thinks about it, needs none."""
        if self._client is not None:
            with suppress(IMAPClientError, OSError, Transient):
                self.ask("logout", limit=min(GOODBYE, self._limit))
        self.drop()

    def _open(self) -> None:
        maker = self._maker
        if maker.login is not None and self._tokens is None:
            self._tokens = TokenLogin(maker.login, maker.user, "inbox", self._limit)
        trust, host, implicit = trusting(maker.ca, "inbox"), host_name(ascii_domain(maker.host), "inbox"), maker.security == "tls"
        net = self._limit.total_seconds()  # where no deadline reaches: in another thread
        with _readable():
            client = Client(host, maker.port, ssl=implicit, ssl_context=trust if implicit else None, timeout=net)
        self._client = client  # what goes wrong from here on leaves a connection to close
        client.normalise_times = False
        if not implicit:
            if not self.ask("has_capability", "STARTTLS"):
                raise Down(f"{self.target} offers no STARTTLS", hint='port 993 is for security = "tls", 143 for "starttls"')
            self.ask("starttls", ssl_context=trust)
        if self._tokens is not None:
            self._log_in_by_token(self._tokens)
        else:
            self._log_in()

    def _log_in(self) -> None:
        """Log in by a mechanism that takes UTF-8; the plain LOGIN takes ASCII, and the library puts the user in it unquoted."""
        user, password = self._maker.user, self._maker.password.reveal(user=self._maker.user) if self._maker.password else ""
        hint = "check [inbox] user and password; login by password may be switched off for this account"
        try:
            if self.ask("has_capability", "AUTH=PLAIN"):
                self.ask("sasl_login", "PLAIN", lambda _: f"\0{user}\0{password}".encode())
            elif self.ask("has_capability", "AUTH=LOGIN"):
                answers = iter((user.encode(), password.encode()))
                self.ask("sasl_login", "LOGIN", lambda _: next(answers, None))
            elif self.ask("has_capability", "LOGINDISABLED"):
                raise Down(f"{self.target} offers no login by password", hint=hint)
            elif not (user + password).isascii() or not (user + password).isprintable() or " " in user:
                raise Down(f"{self.target} takes only ASCII letters for a login", hint="give the account such a user and password")
            else:
                self.ask("login", user, password)
        except LoginError as error:
            # the library says so of a lost connection too
            if isinstance(error.__context__, LOST) or is_passing(error):
                raise IMAPClientAbortError(said_in(error)) from None
            raise Down(f"{self.target} refused the login: {said_in(error)}", hint=hint, login=True) from None

    def _log_in_by_token(self, tokens: TokenLogin) -> None:
        """Log in by XOAUTH2; a token that is refused is fetched anew once, since rights that were granted later are not in it."""
        if not self.ask("has_capability", "AUTH=XOAUTH2"):
            hint = "outlook.office365.com and imap.gmail.com do, on port 993; is [inbox] host right?"
            raise Down(f"{self.target} offers no login by XOAUTH2", hint=hint)
        refused: list[str] = []
        for fresh in (False, True):
            response = tokens.response(fresh=fresh)
            # the second answer is to why it is refused, in JSON: the no itself comes only after an empty line
            answers = iter((response, b""))
            try:
                self.ask("sasl_login", "XOAUTH2", lambda _, answers=answers: next(answers, None))
            except LoginError as error:
                if not isinstance(error.__context__, LOST) and not is_passing(error):
                    refused.append(said_in(error))
                elif not refused:  # a server that hangs up on the second try has said no to the first
                    raise IMAPClientAbortError(said_in(error)) from None
            else:
                return
        raise Down(f"{self.target} refused the login: {refused[-1]}", hint=tokens.hint(refused[-1]), login=True)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what the library, ssl and the network raise into our errors; the next call connects anew."""
        try:
            yield
        except BackendError:
            self.drop()
            raise
        except ssl.SSLCertVerificationError as error:
            self.drop()
            hint = "if the server's certificate is by an authority of your own: [inbox] ca = its PEM file; else mind the host's name"
            raise Down(f"{self.target} shows a certificate that can't be trusted: {error.verify_message}", hint=hint) from error
        except LOST as error:
            self.drop()
            if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                hint = 'port 993 is for security = "tls", 143 for "starttls"'
                raise Down(f"{self.target} speaks no TLS that we understand: {error.reason or error}", hint=hint) from error
            hint = "does the server run, and are [inbox] host and port right? it is tried again"
            raise Transient(f"{self.target}: {said_in(error)}", hint=hint) from error
        except ProtocolError as error:
            self.drop()
            raise Transient(f"{self.target}: an answer that can't be read: {said_in(error)}") from error
        except IMAPClientError as error:
            self.drop()
            said = said_in(error)
            hint = self._tokens.hint(said) if self._tokens and _NOT_CONNECTED in said.casefold() else ""
            raise (Transient if is_passing(error) else Down)(f"{self.target}: {said}", hint=hint) from error
        except BaseException:
            self.drop()
            raise


@contextmanager
def _readable() -> Iterator[None]:
    """Give what the library stumbles over one name; around its own calls only, so that no defect of ours hides in it."""
    try:
        yield
    except LOST:  # a certificate that isn't trusted is a ValueError too
        raise
    except _UNREADABLE as error:
        raise ProtocolError(f"{type(error).__name__}: {error}") from error


def is_passing(error: Exception) -> bool:
    """Tell whether the server says itself that it may say otherwise later."""
    return bool(_PASSING.search(str(error)))


def said_in(error: Exception) -> str:
    """Return what an error says as one line for a log, however long and whatever is in it."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return quoted(_BYTES.sub(r"\2", text)) or type(error).__name__

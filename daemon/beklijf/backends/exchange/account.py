"""Logins at an Exchange Server on premises (EWS), through exchangelib: where it is, who we are there, one request after another.

    login ─► where (endpoint, or autodiscover) ─► credentials ─► one connection ─► `ask`

Knows no events and no mails: those who do hand over the library's services. Of these, not of its folders and accounts, use is
made: a folder object reads a whole tree of folders at its first use, and saving an item decides by itself what to send. Nothing
sleeps here: what a server asks to wait is in `Transient.retry_after`.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from exchangelib import (  # type: ignore[import-untyped]  # it has no types
    BASIC,
    DELEGATE,
    IMPERSONATION,
    NTLM,
    OAUTH2,
    UTC,
    Account,
    Build,
    Configuration,
    Credentials,
    FailFast,
    Mailbox,
    OAuth2Credentials,
    Version,
)
from exchangelib.errors import ErrorServerBusy, EWSError, ResponseMessageError, TransportError  # type: ignore[import-untyped]
from exchangelib.folders import Root  # type: ignore[import-untyped]
from exchangelib.properties import DistinguishedFolderId  # type: ignore[import-untyped]
from exchangelib.services.common import EWSService  # type: ignore[import-untyped]
from exchangelib.util import TNS, is_xml  # type: ignore[import-untyped]
from oauthlib.oauth2 import OAuth2Error  # type: ignore[import-untyped]
from requests.exceptions import RequestException

from beklijf.backends.exchange import online
from beklijf.backends.exchange.autodiscover import endpoint
from beklijf.backends.exchange.errors import STUMBLES, meant, of_status
from beklijf.backends.exchange.wire import Wire
from beklijf.boundary.credentials import quoted
from beklijf.boundary.patience import back_off, http_date, retry_after
from beklijf.contracts.settings import DEADLINE
from beklijf.model.errors import Down, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import timedelta

    from exchangelib.protocol import Protocol  # type: ignore[import-untyped]

    from beklijf.backends.exchange.settings import ExchangeLogin

AT_LEAST = Version(build=Build(15, 0, 847))
"""Exchange 2013 SP1, which began to tell of proposed times. Without a version the library asks for one before anything else."""

MOST = 1000
"""Requests of one question: the library goes on as long as a server says that there is more, or that a token is over."""

_SHORTEST = 60.0
"""Seconds that a token has to last: the library would ask for another one at once, and for ever."""

# On an error it logs the whole request, with the text of our letters in it; what went wrong is in the error that we raise.
logging.getLogger("exchangelib").setLevel(logging.CRITICAL)


class Service(EWSService):  # type: ignore[misc]  # exchangelib has no types
    """What is mixed into a service of the library, so that a no to one item of a request is no no to the others."""

    ERRORS_TO_CATCH_IN_RESPONSE = (TransportError,)

    def _get_exception(self, code: str | None, text: str | None, msg_xml: Any = None, rule_errors: Any = None) -> Exception:  # noqa: ANN401
        """Keep the hint that the library reads in a SOAP fault only."""
        error: Exception = super()._get_exception(code=code, text=text or "", msg_xml=msg_xml, rule_errors=rule_errors)
        if isinstance(error, ErrorServerBusy) and msg_xml is not None:
            error.back_off = _back_off(msg_xml)
        return error

    @classmethod
    def _raise_soap_errors(cls, fault: Any) -> None:  # noqa: ANN401  # exchangelib has no types
        """Read the hint here too: the library stumbles over one that is no number, and believes one that can't be."""
        hint = _back_off(fault)
        try:
            super()._raise_soap_errors(fault=fault)
        except ErrorServerBusy as error:
            error.back_off = hint
            raise

    asked = 0
    """Requests of this question so far."""

    def _get_response(self, payload: Any, api_version: Any) -> Any:  # noqa: ANN401  # exchangelib has no types
        self.asked += 1
        if self.asked > MOST:
            raise Transient(f"{urlsplit(self.protocol.service_endpoint).netloc}: {self.SERVICE_NAME}: an answer without an end")
        with self.protocol.within(f"{urlsplit(self.protocol.service_endpoint).netloc}: {self.SERVICE_NAME}"):
            return super()._get_response(payload=payload, api_version=api_version)

    @classmethod
    def _get_soap_parts(cls, response: Any) -> Any:  # noqa: ANN401  # as above
        return super()._get_soap_parts(_Whole(response))


class _Whole:
    """An answer that is read at once: the library asks for it byte by byte."""

    def __init__(self, response: Any) -> None:  # noqa: ANN401  # requests' own
        self._content = response.content

    def iter_content(self) -> Iterator[bytes]:
        yield self._content


def _back_off(xml: Any) -> float | None:  # noqa: ANN401  # exchangelib has no types
    """Return how many seconds a server asks us to wait, and take that out of what it said."""
    hints = [value for value in xml.iter(f"{{{TNS}}}Value") if value.get("Name") == "BackOffMilliseconds"]
    for hint in hints:
        hint.getparent().remove(hint)
    return next((back_off(hint.text or "") for hint in hints), None)


class Connection:
    """One login at one server, for all mailboxes that it may act in. Opens nothing before the first request."""

    def __init__(self, login: ExchangeLogin, owner: str, limit: timedelta = DEADLINE) -> None:
        """Take as *owner* the mailbox by which autodiscover finds the server, and whose own failing is everybody's.

        A request takes no longer than *limit*, and neither does finding the server.
        """
        self.login = login
        self._wire = Wire(login.ca, limit)
        self.owner = owner.casefold()
        self.target = f"{login.user or owner} {login.url or 'autodiscover'}".strip()
        self.server = urlsplit(login.url).netloc or f"the Exchange server of {owner}"
        self._protocol: Protocol | None = None
        self._accounts: dict[str, Account] = {}

    def account(self, mailbox: str) -> Account:
        """Return *mailbox* as the library's services want it."""
        key = mailbox.casefold()
        if key not in self._accounts:
            access = IMPERSONATION if self.login.access == "impersonation" else DELEGATE
            protocol = self._opened()
            # the host's locale and zone, by which the library would otherwise go, mean nothing here
            account = Account(mailbox, config=protocol.config, access_type=access, default_timezone=UTC, locale="en_US")
            account.protocol = protocol
            self._accounts[key] = account
        return self._accounts[key]

    def ask(self, service: type[Service], mailbox: str, about: str, *, alone: bool = False, **arguments: object) -> list[Any]:
        """Send what *service* asks in *mailbox*, and return what the server says of each thing: its answer, or an error of ours.

        Raises what is no answer at all, and what hits everything; *about* says in errors what was being done. *alone*: a no to
        this, even in the service's own mailbox, is no no to everything.
        """
        personal = alone or mailbox.casefold() != self.owner
        with self._errors(about, personal=personal):
            found = list(service(account=self.account(mailbox)).call(**arguments))
            return [self._meant(each, about, personal=personal) if isinstance(each, EWSError) else each for each in found]

    def _meant(self, error: Exception, about: str, *, personal: bool) -> Exception:
        return meant(error, server=self.server, about=about, personal=personal)

    def folder(self, mailbox: str, kind: type, name: str) -> Any:  # noqa: ANN401  # exchangelib has no types
        """Return one of a mailbox's own folders without asking for it."""
        account = self.account(mailbox)
        place = DistinguishedFolderId(id=name, mailbox=Mailbox(email_address=account.primary_smtp_address))
        return kind(root=Root(account=account), _distinguished_id=place)

    def close(self) -> None:
        if self._protocol is not None:
            self._protocol.close()
        self._protocol = None
        self._accounts.clear()

    def get(self, service: type[Service], mailbox: str, about: str, *, alone: bool = False, **arguments: object) -> list[Any]:
        """Do what `ask` does, and raise what is said no to."""
        found = self.ask(service, mailbox, about, alone=alone, **arguments)
        for each in found:
            if isinstance(each, Exception):
                raise each
        return found

    @contextmanager
    def _errors(self, about: str, *, personal: bool) -> Iterator[None]:
        """Translate; after an error before Exchange the library may have lost its only session, and would wait for it for ever."""
        try:
            yield
        except (EWSError, RequestException, OAuth2Error) as error:
            if not isinstance(error, ResponseMessageError) or isinstance(error.__context__, RequestException):
                self.close()
            raise self._meant(error, about, personal=personal) from error
        except (Transient, Down):
            self.close()
            raise
        except STUMBLES as error:  # its words may have the text of our letters in them
            self.close()
            raise Transient(f"{self.server}: {about}: an answer that can't be read ({type(error).__name__})") from error

    def _opened(self) -> Protocol:
        if self._protocol is None:
            credentials, auth = self._credentials()
            url = self.login.url or endpoint(self.login, self.owner, credentials, self._wire)
            if online.is_host(urlsplit(url).hostname or ""):
                raise Down(f"{urlsplit(url).hostname} is Exchange Online: {online.BLOCKED}", hint=online.INSTEAD)
            self.server = urlsplit(url).netloc
            configuration = Configuration(
                service_endpoint=url,
                credentials=credentials,
                auth_type=auth,
                version=AT_LEAST.copy(),
                retry_policy=_NoRetry(self.server),
                max_connections=1,
            )
            self._protocol = self._wire.protocol(configuration)
        return self._protocol

    def _credentials(self) -> tuple[Any, str]:
        secret = self.login.password.reveal(user=self.login.user or self.owner) if self.login.password else ""
        if self.login.auth == "oauth":
            return _Application(self.login, secret, self.login.url), OAUTH2
        return Credentials(self.login.user or self.owner, secret), NTLM if self.login.auth == "ntlm" else BASIC


class _NoRetry(FailFast):  # type: ignore[misc]  # exchangelib has no types
    """Say at once what a server without an answer said, with how long it asks us to wait."""

    def __init__(self, server: str) -> None:
        self._server = server

    def raise_response_errors(self, response: Any) -> None:  # noqa: ANN401  # requests has no types
        status: int = response.status_code
        if status == 200 or (status == 500 and is_xml(response.content)):  # noqa: PLR2004  # a SOAP fault is a 500
            return
        said = response.headers
        raise of_status(
            status,
            server=self._server,
            location=quoted(urlsplit(said.get("Location", "")).path),
            retry_after=retry_after(said.get("Retry-After", ""), http_date(said.get("Date", ""))),
        )


class _Application(OAuth2Credentials):  # type: ignore[misc]  # as above
    """An application's own token (client credentials), of AD FS or Entra, for this server and not for Microsoft's."""

    def __init__(self, login: ExchangeLogin, secret: str, url: str) -> None:
        place = urlsplit(url)
        self._scope = f"{place.scheme}://{place.netloc}/.default"
        self._token_url = token_address(login)
        super().__init__(client_id=login.user, client_secret=secret, tenant_id=login.tenant)

    def session_params(self) -> dict[str, Any]:
        """Leave a token that is over to the library: it gets a new one then, where it would ask for a refresh that we aren't given."""
        return {"token": self.access_token}

    def on_token_auto_refreshed(self, access_token: Mapping[str, Any]) -> None:
        super().on_token_auto_refreshed(access_token)
        if float(access_token.get("expires_in", _SHORTEST)) < _SHORTEST:
            raise Transient(f"{urlsplit(self.token_url).netloc}: gives tokens that are over at once", hint="compare the clocks")

    @property
    def token_url(self) -> str:
        return self._token_url

    @property
    def scope(self) -> list[str]:
        return [self._scope]


def token_address(login: ExchangeLogin) -> str:
    """Return where a login's tokens come from: the address itself, Entra's for a tenant, or that of AD FS, which has none."""
    authority = login.authority.rstrip("/") or "https://login.microsoftonline.com"
    if authority.endswith("/token"):
        return authority
    if login.tenant in {"", "adfs"}:
        return f"{authority}/{login.tenant}/oauth2/token".replace("//oauth2", "/oauth2")
    return f"{authority}/{login.tenant}/oauth2/v2.0/token"

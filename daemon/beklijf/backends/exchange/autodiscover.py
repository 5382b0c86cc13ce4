"""Where the Exchange server of a mailbox is, by autodiscover: exchangelib's steps, and the password for our own servers alone.

    who is named                                              is asked, and gets the password
    --------------------------------------------------------  ------------------------------------------------------------
    a host of the mailbox's domain, or below it               yes, by https
    another one, by a redirect, in DNS, in an answer          only one of the login's `hosts`, by https; else nothing is sent there
    anybody by http                                           no; asked without a login where the server might be

Besides, nothing is kept: the library writes what it found as pickles into a file in the folder for temporary files, and reads
them back from there, whoever put them there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from exchangelib import Configuration  # type: ignore[import-untyped]  # it has no types
from exchangelib.autodiscover.discovery import Autodiscovery  # type: ignore[import-untyped]
from exchangelib.autodiscover.protocol import AutodiscoverProtocol  # type: ignore[import-untyped]
from exchangelib.errors import AutoDiscoverCircularRedirect, EWSError, RedirectError, TransportError  # type: ignore[import-untyped]
from requests.exceptions import RequestException

from beklijf.backends.exchange.errors import STUMBLES
from beklijf.boundary.credentials import quoted
from beklijf.model.errors import Down, Transient

if TYPE_CHECKING:
    from beklijf.backends.exchange.settings import ExchangeLogin
    from beklijf.backends.exchange.wire import Wire

_PLAIN = re.compile(r"[a-z0-9.-]+(:\d{1,5})?")
"""A host as programs of all kinds read it alike: whom we judge is whom the library asks."""


def endpoint(login: ExchangeLogin, mailbox: str, credentials: Any, wire: Wire) -> str:  # noqa: ANN401  # exchangelib has no types
    """Return the address of EWS that autodiscover names for *mailbox*; raises `Down` where there is none that may have the password."""
    before = AutodiscoverProtocol.HTTP_ADAPTER_CLS
    AutodiscoverProtocol.HTTP_ADAPTER_CLS = wire.adapter()
    steps = Steps(mailbox, credentials, login.hosts)
    try:
        with wire.within(f"autodiscover for {mailbox}"):
            found = str(steps.discover().ews_url or "")
    except EWSError as error:
        raise _nowhere(mailbox, quoted(str(error)), steps) from error
    finally:
        AutodiscoverProtocol.HTTP_ADAPTER_CLS = before
    if not steps.may_have_the_password(found):
        raise _nowhere(mailbox, "none that may have the password", steps)
    return found


def _nowhere(mailbox: str, why: str, steps: Steps) -> Down:
    if not steps.refused:
        hint = "set url of the login to https://SERVER/EWS/Exchange.asmx"
        return Down(f"autodiscover found no Exchange server for {mailbox} ({why})", hint=hint)
    named = ", ".join(f'"{host}"' for host in dict.fromkeys(steps.refused))
    hint = f"if it is your organisation's: hosts = [{named}] in the login; else set its url to https://SERVER/EWS/Exchange.asmx"
    return Down(f"autodiscover for {mailbox} leads to {named}, which gets no password", hint=hint)


class Steps(Autodiscovery):  # type: ignore[misc]  # exchangelib has no types
    """The library's steps, each of which sends the password through `_attempt_response`."""

    email: str

    def __init__(self, mailbox: str, credentials: Any, hosts: tuple[str, ...] = ()) -> None:  # noqa: ANN401  # as above
        super().__init__(email=mailbox, credentials=credentials)
        self._domain = mailbox.rpartition("@")[2].casefold()
        self._hosts = hosts
        self.refused: list[str] = []
        """Hosts that were named, and not asked."""

    def may_have_the_password(self, url: str) -> bool:
        """Tell whether *url* is one of our own servers; of another one, note its host."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        place = parts.netloc.casefold().removesuffix(":443")
        if parts.scheme != "https" or not _PLAIN.fullmatch(place):
            return False
        host = place.partition(":")[0]
        if host == self._domain or host.endswith(f".{self._domain}") or place in self._hosts:
            return True
        self.refused.append(place)
        return False

    def discover(self) -> Any:  # noqa: ANN401  # as above
        """Return what the last step found; redirected to another mailbox, all begins anew, for the same servers."""
        while self.email.casefold() not in self._emails_visited and len(self._emails_visited) < self.MAX_REDIRECTS:
            self._emails_visited.append(self.email.casefold())
            found = self._step_1(hostname=self.email.rpartition("@")[2].casefold())
            if not found.redirect_address:
                return found
            self.email = found.redirect_address
        raise AutoDiscoverCircularRedirect("it leads from mailbox to mailbox")

    def _attempt_response(self, url: str) -> tuple[bool, Any]:
        """Ask with the password where that may go; what can't be asked or read there is no answer."""
        self._urls_visited.append(url.lower())
        if not self.may_have_the_password(url):
            return False, None
        asked = Configuration(service_endpoint=url, credentials=self.credentials, retry_policy=self.INITIAL_RETRY_POLICY)
        protocol = AutodiscoverProtocol(config=asked)
        try:
            return True, protocol.get_user_settings(user=self.email)
        except RedirectError as error:
            return self._attempt_response(url=error.url) if self._redirect_url_is_valid(url=error.url) else (False, None)
        except (EWSError, RequestException, Transient, *STUMBLES):
            return False, None
        finally:
            protocol.close()

    def _redirect_url_is_valid(self, url: str) -> bool:
        return self.may_have_the_password(url) and bool(super()._redirect_url_is_valid(url))

    def _get_unauthenticated_response(self, url: str, method: str = "post") -> Any:  # noqa: ANN401  # as above
        try:
            return super()._get_unauthenticated_response(url, method)
        except (RequestException, Transient) as error:
            raise TransportError(str(error)) from error

    def _ensure_valid_hostname(self, url: str) -> None:
        """Leave it to the system, which knows more names than DNS does."""

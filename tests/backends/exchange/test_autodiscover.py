"""Whom autodiscover asks for the Exchange server of a mailbox, and whom it hands the password."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from exchangelib import Credentials  # type: ignore[import-untyped]  # it has no types
from exchangelib.autodiscover import cache  # type: ignore[import-untyped]
from exchangelib.autodiscover.protocol import AutodiscoverProtocol  # type: ignore[import-untyped]
from tests.fakes.ews.site import certificate
from tests.fakes.stubborn import said, stubborn

from beklijf.backends.exchange.autodiscover import Steps
from beklijf.backends.exchange.wire import Wire

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fakes.stubborn import Stubborn

MAILBOX = "mentor@voorbeeld.example"
EWS = "https://mail.voorbeeld.example/EWS/Exchange.asmx"
PLACE = "/autodiscover/autodiscover.svc"
SPACE = "http://schemas.microsoft.com/exchange/2010/Autodiscover"


@pytest.fixture
def trusted(tmp_path: Path) -> Iterator[ssl.SSLContext]:
    """Return what servers need whom our side trusts; restore whom the library trusts."""
    ca, context = certificate(tmp_path)
    before = AutodiscoverProtocol.HTTP_ADAPTER_CLS
    AutodiscoverProtocol.HTTP_ADAPTER_CLS = Wire(ca, timedelta(seconds=5)).adapter()
    yield context
    AutodiscoverProtocol.HTTP_ADAPTER_CLS = before


@pytest.fixture
def ours(trusted: ssl.SSLContext) -> Iterator[Stubborn]:
    """Run a server that the login names, and that asks for a password."""
    with stubborn(trusted) as server:
        server.answer = asking(settings(ExternalEwsUrl=EWS))
        yield server


@pytest.fixture
def theirs(trusted: ssl.SSLContext) -> Iterator[Stubborn]:
    with stubborn(trusted) as server:
        server.answer = asking(settings(ExternalEwsUrl="https://mail.elders.example/EWS/Exchange.asmx"))
        yield server


def asking(answer: bytes) -> Callable[[bytes], bytes]:
    """Return a server that says *answer* to whom it knows."""
    who = said(b"", "WWW-Authenticate: Basic realm=mail", status="401 Who")
    return lambda request: answer if b"\r\nauthorization: basic" in request.lower() else who


def settings(code: str = "NoError", target: str = "", **found: str) -> bytes:
    inside = "".join(f"<UserSetting><Name>{name}</Name><Value>{value}</Value></UserSetting>" for name, value in found.items())
    user = f"<ErrorCode>{code}</ErrorCode><RedirectTarget>{target}</RedirectTarget><UserSettings>{inside}</UserSettings>"
    response = f"<Response><ErrorCode>NoError</ErrorCode><UserResponses><UserResponse>{user}</UserResponse></UserResponses></Response>"
    message = f'<GetUserSettingsResponseMessage xmlns="{SPACE}">{response}</GetUserSettingsResponseMessage>'
    envelope = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{message}</s:Body></s:Envelope>'
    return said(envelope.encode(), kind="text/xml")


def steps(*servers: Stubborn) -> Steps:
    """Return autodiscover for a login with some *servers* in its hosts."""
    return Steps(MAILBOX, Credentials(MAILBOX, "geheim"), tuple(urlsplit(server.url).netloc for server in servers))


def test_a_server_of_ours_is_asked_with_the_password(ours: Stubborn) -> None:
    found, answer = steps(ours)._attempt_response(ours.url + PLACE)

    assert found
    assert answer.ews_url == EWS


REDIRECTS: dict[str, Callable[[str], bytes]] = {
    "by the server": lambda place: said(b"", f"Location: {place}", status="302 Found"),
    "by its answer": lambda place: settings("RedirectUrl", place),
}


@pytest.mark.parametrize("how", REDIRECTS)
@pytest.mark.parametrize("listed", [True, False])
def test_another_server_gets_nothing_unless_it_is_listed(ours: Stubborn, theirs: Stubborn, how: str, listed: bool) -> None:
    ours.answer = asking(REDIRECTS[how](theirs.url + PLACE))
    discovery = steps(ours, theirs) if listed else steps(ours)

    found, answer = discovery._attempt_response(ours.url + PLACE)
    if found and answer.redirect_url:
        found = discovery.may_have_the_password(answer.redirect_url)  # which the next step asks first

    assert found == listed
    assert bool(theirs.asked) == (listed and how == "by the server")
    assert discovery.refused == ([] if listed else [urlsplit(theirs.url).netloc])


def test_a_server_that_leads_to_http_is_not_followed(ours: Stubborn) -> None:
    with stubborn() as plain:
        ours.answer = asking(said(b"", f"Location: {plain.url}{PLACE}", status="302 Found"))
        discovery = Steps(MAILBOX, Credentials(MAILBOX, "geheim"), tuple(urlsplit(each.url).netloc for each in (ours, plain)))

        assert discovery._attempt_response(ours.url + PLACE) == (False, None)
        assert plain.asked == []


def test_a_server_that_leads_to_itself_is_left_after_some_steps(ours: Stubborn) -> None:
    """Each time under another address, so that no address comes twice."""
    ours.answer = asking(b"")
    ours.answer = lambda _: said(b"", f"Location: {ours.url}/{len(ours.asked)}", status="302 Found")

    assert steps(ours)._attempt_response(ours.url + PLACE) == (False, None)
    assert len(ours.asked) < 50


@pytest.mark.parametrize("begin", [b"<a", b"[]", b"", b"\xff\xfe<\x00"], ids=repr)
def test_an_answer_that_nobody_can_read_is_none(ours: Stubborn, begin: bytes) -> None:
    ours.answer = asking(said(begin, kind="text/xml"))

    assert steps(ours)._attempt_response(ours.url + PLACE) == (False, None)


def test_nothing_is_kept_in_the_folder_for_temporary_files(ours: Stubborn) -> None:
    """The library would write pickles there, and read them back from there."""
    before = sorted(cache.AUTODISCOVER_PERSISTENT_STORAGE.parent.glob("exchangelib*"))

    steps(ours)._attempt_response(ours.url + PLACE)

    assert sorted(cache.AUTODISCOVER_PERSISTENT_STORAGE.parent.glob("exchangelib*")) == before
    assert len(cache.autodiscover_cache) == 0


HOSTS = ("mail.provider.example", "mail.provider.example:8443")


@pytest.mark.parametrize(
    "url",
    [
        "https://voorbeeld.example/autodiscover/autodiscover.svc",
        "https://autodiscover.voorbeeld.example/autodiscover/autodiscover.svc",
        "https://MAIL.Voorbeeld.example:443/EWS/Exchange.asmx",
        "https://mail.provider.example/EWS/Exchange.asmx",
        "https://mail.provider.example:443/EWS/Exchange.asmx",
        "https://mail.provider.example:8443/EWS/Exchange.asmx",
    ],
)
def test_servers_of_the_mailboxs_domain_and_those_that_are_listed_may_have_the_password(url: str) -> None:
    assert Steps(MAILBOX, None, HOSTS).may_have_the_password(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.voorbeeld.example/EWS/Exchange.asmx",
        "http://mail.provider.example/EWS/Exchange.asmx",
        "https://elders.example/EWS/Exchange.asmx",
        "https://voorbeeld.example.elders.example/",
        "https://eenvoorbeeld.example/",
        "https://example/",
        "https://mail.provider.example:9443/",
        "https://a.mail.provider.example/",
        "https://mail.voorbeeld.example@elders.example/",
        "https://elders.example\\@mail.voorbeeld.example/",
        "https://elders.example\\.voorbeeld.example/",
        "https://elders.example%2e.voorbeeld.example/",
        "https://elders。voorbeeld.example/",
        "https://[::1/",
        "https://",
        "//mail.voorbeeld.example/",
        "ftp://mail.voorbeeld.example/",
        "",
    ],
)
def test_nobody_else_may_have_it(url: str) -> None:
    assert not Steps(MAILBOX, None, HOSTS).may_have_the_password(url)

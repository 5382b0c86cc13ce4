"""The password of a CalDAV server goes where the config says, whatever that server names in XML or redirects."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.fakes.dav import CALENDAR, HOME, INBOX, Asked, Dav, dav_server
from tests.fakes.settings import with_maker

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.domain import Contact, Event
from beklijf.model.errors import BackendError, Down, Refused
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar

STAMP = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ORGANIZER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
ONE = Event(
    uid="one-12345678@beklijf",
    start=datetime(2027, 1, 7, 15, tzinfo=UTC),
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Gesprek",
    text="",
    location="Zaal 1",
    organizer=ORGANIZER,
    people=(Contact("Karim Bakker", "karim@voorbeeld.example"),),
    alarms=(),
    free=False,
)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate of localhost with its key, which trusts itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    first = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(first).not_valid_after(first + timedelta(days=3650)).add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def dav(tls: ssl.SSLContext) -> Iterator[Dav]:
    with dav_server(tls) as server:
        yield server


@pytest.fixture
def other(tls: ssl.SSLContext) -> Iterator[Dav]:
    """Serve on another host, as far as URLs go."""
    with dav_server(tls) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, dav: Dav, certificate: Path) -> CalendarSettings:
    password = tmp_path / "password"
    password.write_text("mentorpw\n", encoding="utf-8")
    return CalendarSettings(
        maker=CalendarByCaldav(url=dav.url, user="mentor", password=Secret("file", str(password)), ca=certificate),
        organizer=ORGANIZER,
        organized_by="service",
        invitations="auto",
        name="Track",
    )


@pytest.fixture
def opened(settings: CalendarSettings) -> Iterator[Callable[..., Calendar]]:
    calendars: list[Calendar] = []

    def opener(**changed: object) -> Calendar:
        calendars.append(open_calendar(with_maker(settings, **changed), ORGANIZER.email))
        return calendars[-1]

    yield opener
    for calendar in calendars:
        calendar.close()


def href(url: str) -> str:
    return f"<d:href>{url}</d:href>"


def on(method: str, location: str, status: int = 301) -> Callable[[Asked], bool]:
    return lambda asked: asked.command == method and asked.say(status, headers={"Location": location})


# -- in XML ------------------------------------------------------------------------------------------------------------

NAMED = [("/", "d:current-user-principal", HOME), (HOME, "c:calendar-home-set", HOME)]


@pytest.mark.parametrize(("path", "name", "leads"), NAMED, ids=["principal", "home"])
def test_a_host_that_is_not_listed_gets_nothing_and_check_says_the_line(
    dav: Dav, other: Dav, opened: Callable[..., Calendar], path: str, name: str, leads: str
) -> None:
    dav.props[path, name] = href(other.origin + leads)

    with pytest.raises(Down) as caught:
        opened().check()

    assert f'hosts = ["localhost:{other.port}"]' in caught.value.hint
    assert other.asked == []


@pytest.mark.parametrize(("path", "name", "leads"), NAMED, ids=["principal", "home"])
def test_a_listed_host_is_followed_and_what_it_names_counts_from_there(
    dav: Dav, other: Dav, opened: Callable[..., Calendar], path: str, name: str, leads: str
) -> None:
    dav.props[path, name] = href(other.origin + leads)
    del dav.props[CALENDAR, "d:resourcetype"]
    calendar = opened(hosts=(f"localhost:{other.port}",))

    created = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)

    assert calendar.changes(None).changed == (created,)
    assert [*other.objects] == [f"{CALENDAR}{ONE.uid}.ics"]
    assert dav.objects == {}


@pytest.mark.parametrize(("path", "name", "leads"), NAMED, ids=["principal", "home"])
@pytest.mark.parametrize("origin", ["http://localhost:{port}", "http://localhost", "http://LOCALHOST:80"])
def test_the_configured_host_named_with_http_is_asked_as_it_is_configured(
    dav: Dav, opened: Callable[..., Calendar], path: str, name: str, leads: str, origin: str
) -> None:
    dav.props[path, name] = href(origin.format(port=dav.port) + leads)

    assert "0 objects" in opened().check()
    assert {headers["Authorization"].partition(" ")[0] for headers in dav.headers} == {"Basic"}


def test_members_of_a_listing_are_asked_on_the_host_that_lists_them(dav: Dav, other: Dav, opened: Callable[..., Calendar]) -> None:
    calendar = opened()
    created = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    told = dav.response(created.href, "d:getetag", "c:calendar-data").replace(href(created.href), href(other.origin + created.href))
    dav.moods.append(lambda asked: asked.command == "REPORT" and asked.multistatus(told, token="http://sync/1"))

    assert calendar.changes(None).changed == (created,)
    calendar.delete(created)
    assert dav.objects == {}
    assert other.asked == []


def test_an_inbox_elsewhere_is_not_read_and_check_says_so(dav: Dav, other: Dav, opened: Callable[..., Calendar]) -> None:
    dav.props[HOME, "c:schedule-inbox-URL"] = href(other.origin + INBOX)
    calendar = opened()

    assert f'hosts = ["localhost:{other.port}"]' in calendar.check()
    assert calendar.waiting() == ()
    assert other.asked == []


# -- redirects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("target", ["other", "plain"])
@pytest.mark.parametrize("method", ["PROPFIND", "REPORT", "PUT", "DELETE"])
def test_no_request_is_sent_on_with_the_password_to_where_it_does_not_belong(
    dav: Dav, other: Dav, opened: Callable[..., Calendar], status: int, target: str, method: str
) -> None:
    calendar = opened()
    created = calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)
    with dav_server() as plain:
        dav.moods.append(on(method, (other if target == "other" else plain).origin + created.href, status))
        acts: dict[str, Callable[[], object]] = {
            "PROPFIND": lambda: opened().changes(None),
            "REPORT": lambda: calendar.changes(None),
            "PUT": lambda: calendar.create(replace(ONE, uid="two-12345678@beklijf"), sequence=0, agent=Agent.CLIENT, stamp=STAMP),
            "DELETE": lambda: calendar.delete(created),
        }

        with pytest.raises(BackendError) as caught:
            acts[method]()

        assert isinstance(caught.value, Refused if method in {"PUT", "DELETE"} else Down)
        assert other.asked == plain.asked == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_to_the_configured_host_by_http_stays_on_its_origin(dav: Dav, opened: Callable[..., Calendar], status: int) -> None:
    moved = "/elsewhere" + CALENDAR
    dav.props |= {(moved, name): content for (path, name), content in dav.props.items() if path == CALENDAR}
    calendar = opened()
    calendar.check()
    dav.moods.append(
        lambda asked: asked.path.startswith(CALENDAR) and asked.say(status, headers={"Location": f"http://localhost{moved}one.ics"})
    )

    calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)

    assert ("PUT", f"{moved}one.ics") in dav.asked


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_listed_host_may_be_sent_on_to(dav: Dav, other: Dav, opened: Callable[..., Calendar], status: int) -> None:
    dav.moods.append(lambda asked: asked.say(status, headers={"Location": other.origin + asked.path}))
    calendar = opened(hosts=(f"localhost:{other.port}",))

    calendar.create(ONE, sequence=0, agent=Agent.CLIENT, stamp=STAMP)

    assert [*other.objects] == [f"{CALENDAR}{ONE.uid}.ics"]


@pytest.mark.parametrize("circle", ["/a", "{path}", "/{n}"])
def test_redirects_come_to_an_end(dav: Dav, opened: Callable[..., Calendar], circle: str) -> None:
    dav.moods.append(lambda asked: asked.say(301, headers={"Location": circle.format(path=asked.path, n=len(dav.asked))}))

    with pytest.raises(Down, match="circle"):
        opened().changes(None)

    assert len(dav.asked) <= 12


def test_a_web_site_at_the_root_that_sends_on_hides_no_calendar(dav: Dav, other: Dav, opened: Callable[..., Calendar]) -> None:
    well_known = "/.well-known/caldav"
    dav.props |= {(well_known, "d:resourcetype"): "<d:collection/>", (well_known, "d:current-user-principal"): href(HOME)}
    dav.moods.append(lambda asked: asked.path == "/" and asked.say(301, headers={"Location": other.url}))

    assert "0 objects" in opened().check()
    assert other.asked == []


def test_what_is_listed_goes_by_tls_only(dav: Dav, opened: Callable[..., Calendar]) -> None:
    with dav_server() as plain:
        dav.props[HOME, "c:calendar-home-set"] = href(plain.origin + HOME)

        with pytest.raises(Down):
            opened(hosts=(urlsplit(plain.origin).netloc,)).check()

        assert plain.asked == []

"""A company on an Exchange server, and our calendar at it: what the tests of everything Exchange stand on."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.backends.calendar_contract import World
from tests.backends.examples import KARIM, NOOR, ORGANIZER, OWNER, SANNE, STAMP
from tests.fakes import programs
from tests.fakes.company import Company, Entry, Guest
from tests.fakes.ews import items
from tests.fakes.ews.server import EwsServer, running
from tests.fakes.settings import said_to, with_maker

from beklijf.backends.exchange.calendar import ExchangeCalendar
from beklijf.backends.exchange.settings import CalendarByExchange, ExchangeLogin
from beklijf.backends.registry import open_calendar
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from beklijf.boundary.credentials import Secret
    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored

PEOPLE = (SANNE.email, KARIM.email, NOOR.email)


class Site:
    """An Exchange server with some mailboxes, and our calendar at it; opened anew as often as wanted."""

    def __init__(self, server: EwsServer, settings: CalendarSettings) -> None:
        self.server = server
        self.company = server.company
        self.settings = settings
        self._opened: list[ExchangeCalendar] = []
        self.calendar = self.open()

    @property
    def login(self) -> ExchangeLogin:
        return said_to(CalendarByExchange, self.settings).login

    def open(self, **login: Any) -> ExchangeCalendar:  # noqa: ANN401  # whatever the login has
        settings = with_maker(self.settings, login=replace(self.login, **login))
        calendar = open_calendar(settings, OWNER)
        assert isinstance(calendar, ExchangeCalendar)
        self._opened.append(calendar)
        return calendar

    def close(self) -> None:
        for calendar in self._opened:
            calendar.close()

    def create(self, event: Event, *, agent: Agent = Agent.SERVER) -> Stored:
        return self.calendar.create(event, sequence=0, agent=agent, stamp=STAMP)

    def update(self, stored: Stored, wanted: Event, *fields: str, agent: Agent = Agent.SERVER) -> Stored:
        return self.calendar.update(stored, wanted, frozenset(fields), sequence=1, agent=agent, stamp=STAMP)

    def entry(self, stored: Stored) -> Entry:
        return self.company.entries[entry_of(stored.href)]

    def copy(self, stored: Stored, who: str) -> Entry:
        """Return an attendee's own copy."""
        [found] = [e for e in self.company.entries.values() if (e.mailbox, e.original) == (who, entry_of(stored.href))]
        return found

    def news(self, who: str) -> list[str]:
        return self.company.mailboxes[who].news

    def asked(self, *names: str) -> bool:
        """Tell whether exactly these operations were asked for since the last time."""
        now, self.server.requests[:] = self.server.requests[:], []
        assert now == list(names), now
        return True


def served(company: Company) -> EwsServer:
    """Return a server for a company, with an account of no mailbox's that may write in the service's calendar."""
    made = EwsServer(company, users={"VOORBEELD\\svc": "svc@voorbeeld.example"})
    for name in (OWNER, *PEOPLE, "svc@voorbeeld.example"):
        company.hire(name)
    company.mailboxes[OWNER].name = ORGANIZER.name
    made.share(OWNER, "svc@voorbeeld.example")
    return made


def login(server: EwsServer, password: Secret, **other: Any) -> CalendarSettings:  # noqa: ANN401  # the same
    account = ExchangeLogin(**{"url": server.url, "user": OWNER, "password": password, "auth": "basic", **other})
    return CalendarSettings(maker=CalendarByExchange(login=account), organizer=ORGANIZER, organized_by="service", invitations="auto")


def entry_of(href: str) -> str:
    return items.parts_of(href)[1]


def world(site: Site) -> World:
    company = site.company
    return World(
        calendar=site.calendar,
        reopened=site.open,
        read=lambda href: programs.read(company, entry_of(href)),
        write=lambda href, data: programs.write(company, OWNER, "main", entry_of(href), data),
        remove=lambda href: programs.delete(company, entry_of(href)),
        place=lambda name: items.name_of("event", name),
        requests=lambda: len(site.server.requests),
    )


def somebodys(
    name: str, start: datetime, *, uid: str = "", mailbox: str = OWNER, invited: str = "", properties: dict[str, str] | None = None
) -> Entry:
    """Return something else that stands in a calendar."""
    guests = [Guest("", invited)] if invited else []
    made = Entry(id=name, uid=uid, mailbox=mailbox, organizer=Guest("", mailbox), title="Lunch", start=start, guests=guests)
    made.properties |= properties or {}
    return made


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the certificate of an authority of our own, and what a server for localhost needs."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2036, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca, pair = folder / "ca.pem", folder / "pair.pem"
    ca.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pair.write_bytes(private + ca.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair)
    return ca, context


@contextmanager
def opened(
    password: Secret,
    company: Company | None = None,
    *,
    name: str = "",
    context: ssl.SSLContext | None = None,
    **account: Any,  # noqa: ANN401  # the same
) -> Iterator[Site]:
    """Serve a company, and log in; at the end nothing illegal went over the wire."""
    with running(served(company or Company()), context) as server:
        site = Site(server, replace(login(server, password, **account), name=name))
        yield site
        site.close()
        assert server.illegal == []

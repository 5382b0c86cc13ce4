"""Where a mail domain has its calendar server, by a DNS server on loopback."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from beklijf.backends.caldav.dns import located
from beklijf.model.errors import Down, Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME = "_caldavs._tcp.voorbeeld.example."


@contextmanager
def resolver(records: Mapping[str, tuple[str, ...]], rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> Iterator[dns.resolver.Resolver]:
    """Yield a resolver that asks a server with these records of `NAME`, by type."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as desk:
        desk.bind(("127.0.0.1", 0))
        desk.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    data, sender = desk.recvfrom(4096)
                except TimeoutError:
                    continue
                question = dns.message.from_wire(data)
                answer = dns.message.make_response(question)
                answer.flags |= dns.flags.RA
                answer.set_rcode(rcode)
                asked = question.question[0]
                kind = dns.rdatatype.to_text(asked.rdtype)
                if asked.name.to_text() == NAME and kind in records:
                    answer.answer.append(dns.rrset.from_text(NAME, 60, "IN", kind, *records[kind]))
                desk.sendto(answer.to_wire(), sender)

        thread = threading.Thread(target=serve)
        thread.start()
        asking = dns.resolver.Resolver(configure=False)
        asking.nameservers, asking.port, asking.lifetime = ["127.0.0.1"], desk.getsockname()[1], 2.0
        try:
            yield asking
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("given", ["voorbeeld.example", "mentor@voorbeeld.example", "Voorbeeld.example."])
@pytest.mark.parametrize(
    ("records", "url"),
    [
        ({}, "https://voorbeeld.example/"),
        ({"SRV": ("0 0 443 voorbeeld.example.",)}, "https://voorbeeld.example/"),
        ({"SRV": ("0 0 443 dav.voorbeeld.example.",)}, "https://dav.voorbeeld.example/"),
        ({"SRV": ("0 0 8443 dav.voorbeeld.example.",), "TXT": ('"path=/caldav/"',)}, "https://dav.voorbeeld.example:8443/caldav/"),
        ({"SRV": ("0 0 443 dav.voorbeeld.example.",), "TXT": ('"path=//evil.example/"', '"v=1"')}, "https://dav.voorbeeld.example//evil.example/"),
        ({"SRV": ("10 0 443 late.voorbeeld.example.", "5 1 443 less.voorbeeld.example.", "5 9 443 dav.voorbeeld.example.")},
         "https://dav.voorbeeld.example/"),
        ({"SRV": ("0 0 443 caldav.provider.example.",)}, "https://caldav.provider.example/"),
    ],
)  # fmt: skip
def test_a_host_of_the_domain_or_a_listed_one_is_the_server(given: str, records: Mapping[str, tuple[str, ...]], url: str) -> None:
    with resolver(records) as asking:
        assert located(given, ("caldav.provider.example",), asking) == url


def test_a_host_elsewhere_is_not_believed_until_it_is_listed() -> None:
    with resolver({"SRV": ("0 0 8443 voorbeeld.example.evil.example.",)}) as asking, pytest.raises(Down) as caught:
        located("voorbeeld.example", ("caldav.provider.example",), asking)

    assert 'hosts = ["caldav.provider.example", "voorbeeld.example.evil.example:8443"]' in caught.value.hint


def test_a_domain_that_says_it_has_none_is_believed() -> None:
    with resolver({"SRV": ("0 0 0 .",)}) as asking, pytest.raises(Down, match="no calendar server"):
        located("voorbeeld.example", (), asking)


def test_a_domain_that_is_not_there_is_asked_itself() -> None:
    with resolver({}, dns.rcode.NXDOMAIN) as asking:
        assert located("voorbeeld.example", (), asking) == "https://voorbeeld.example/"


def test_dns_that_fails_says_nothing_about_where_the_server_is() -> None:
    with resolver({}, dns.rcode.SERVFAIL) as asking, pytest.raises(Transient):
        located("voorbeeld.example", (), asking)

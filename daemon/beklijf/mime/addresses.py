"""An address as it goes over the wire; the package for mail is not needed for that."""

from __future__ import annotations

from beklijf.boundary.foreign import one_line
from beklijf.model.addresses import ascii_domain
from beklijf.model.errors import Refused


def ascii_address(email: str) -> str:
    """Return the address with its domain in ASCII (``bücher.example`` is ``xn--bcher-kva.example`` on the wire)."""
    user, at, domain = email.rpartition("@")
    if not (user and at and domain) or not user.isascii() or one_line(email) != email or " " in email:
        raise Refused(
            f"no mail can be sent to {one_line(email)!r}",
            hint="an address is name@domain; letters outside ASCII before the @ need a mail system that few have",
        )
    return f"{user}@{ascii_domain(domain)}"

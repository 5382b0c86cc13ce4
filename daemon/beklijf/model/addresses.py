"""Domains of mail addresses: the one form that we keep, and the one that goes over the wire. Pure.

    typed, or heard                 kept                    on the wire
    ------------------------------  ----------------------  ----------------------
    bücher.example                  bücher.example          xn--bcher-kva.example
    xn--bcher-kva.example           bücher.example          xn--bcher-kva.example
    straße.example                  xn--strae-oqa.example   xn--strae-oqa.example
    voorbeeld.example + U+200B      voorbeeld.example       voorbeeld.example

What is kept is compared: config, calendar and mail say one address in two ways otherwise, and one person is two.
"""

from __future__ import annotations

import re
import unicodedata

_DOTS = re.compile("[\u3002\uff0e\uff61]")
"""All of them separate labels (RFC 3490 section 3.1)."""

_UNSEEN = frozenset({"Cf", "Cc", "Cs"})
"""Signs that nobody sees, and halves of signs: pasted along out of a web page, they would make another domain."""

JOINERS = frozenset("\u200c\u200d")
"""Of these signs two belong to words in some scripts."""


def seen(text: str) -> str:
    """Return *text* without the signs in it that nobody sees."""
    return text if text.isascii() and text.isprintable() else "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)


def kept_domain(domain: str) -> str:
    """Return the form that we keep, whichever of its forms is given: as people type it, if that leads back to the same domain."""
    domain = _DOTS.sub(".", seen(domain))
    if domain.isascii() and "xn--" not in domain.lower():
        return domain
    wire = ascii_domain(domain)
    try:
        typed = wire.encode("ascii").decode("idna")
    except (UnicodeError, IndexError):  # IDNA 2003 reads it as another domain, or it is none
        return wire
    return typed if ascii_domain(typed) == wire else wire


def ascii_domain(domain: str) -> str:
    """Return the domain with every label in ASCII by IDNA 2008.

    Not the ``idna`` codec: it is IDNA 2003, which turns straße.example into strasse.example, somebody else's domain.
    """
    labels = unicodedata.normalize("NFKC", domain.lower()).split(".")
    return ".".join(label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}" for label in labels)

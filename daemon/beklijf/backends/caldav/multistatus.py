"""What a CalDAV server says of each resource in a multistatus (RFC 4918 section 13). Pure, but for the parser's elements.

A failure or a silence that is taken for "it isn't there" cancels people's meetings. So:

    about                     it says                        what follows
    ------------------------  -----------------------------  ----------------------------------------------------------------
    a resource                404, 410; or that of all       it is gone
                              properties that were asked
    a resource                any other no (403, 500, 507)   a trouble with that resource: it counts as unchanged, is named,
                                                             and asked about again
    a property                404, 410                       the resource has no such property
    a property                any other no                   the same trouble, where that property is needed
    an object                 yes, but without content       the same trouble
    an object asked for       nothing at all                 the same trouble
    the collection itself     507 in a sync-collection       there is more (RFC 6578 section 3.6)
    the collection itself     any no in a listing, nothing   the listing says nothing about anybody
    what was written (PUT,    any no, or nothing             that is the answer, whatever the 207 around it says
    DELETE) in a 207
    an attendee (free/busy)   no 2.x, or no VFREEBUSY        not known: neither free nor busy

Which of them happen where: multiget has resources and properties, as sync-collection and PROPFIND have; what these two won't say of
an object is asked of the object itself. No calendar-query is made. A free-busy-query is about one calendar, and its status is the
answer's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lxml.etree import _Element

NAMES = {"d": "DAV:", "c": "urn:ietf:params:xml:ns:caldav"}
GONE = frozenset({404, 410})
_STATUS_LINE = re.compile(r"\s*HTTP/\S+[ \t]+([0-9]{3})(?![0-9])")
_YES = range(200, 300)
_SILENT = 200
"""What no status at all means: the properties are there and say the rest."""
NO_STATUS = 0
"""What a status line that is none means: a no."""


@dataclass(frozen=True, slots=True)
class Resource:
    href: str
    status: int
    props: Mapping[str, _Element]
    refused: Mapping[str, int]
    """Properties that weren't told, with the status that says why."""
    base: str = ""
    """The URL from which the hrefs in it count."""

    @property
    def is_gone(self) -> bool:
        statuses = {self.status} if self.status not in _YES else set(self.refused.values())
        return not self.props and bool(statuses) and statuses <= GONE

    def trouble(self, *needed: str) -> int | None:
        """Return the status of a no to the resource, or to a property that is *needed*; None when there is none."""
        if self.status not in _YES:
            return self.status
        found = (self.refused.get(_clark(name)) for name in needed)
        return next((status for status in found if status is not None and status not in GONE), None)

    def text(self, name: str) -> str:
        element = self.props.get(_clark(name))
        return "" if element is None else (element.text or "").strip()

    def hrefs(self, name: str) -> list[str]:
        element = self.props.get(_clark(name))
        return [] if element is None else [(href.text or "").strip() for href in element.iterfind("d:href", NAMES)]

    def names(self, name: str) -> set[str]:
        """Return what stands in a property as elements without text, such as privileges."""
        element = self.props.get(_clark(name))
        prefixes = {uri: prefix for prefix, uri in NAMES.items()}
        found = (str(e.tag).removeprefix("{").partition("}") for e in ([] if element is None else element.iter("*")))
        return {f"{prefixes[uri]}:{local}" for uri, _, local in found if uri in prefixes}

    def has(self, name: str, kind: str) -> bool:
        element = self.props.get(_clark(name))
        return element is not None and element.find(f".//{kind}", NAMES) is not None


def is_multistatus(tree: _Element) -> bool:
    """Tell whether *tree* is one, perhaps with something around it."""
    return any(element.tag == _clark("d:multistatus") for element in (tree, *tree))


def resources(tree: _Element, base: str) -> Iterator[Resource]:
    for response in tree.iterfind(".//d:response", NAMES):
        props: dict[str, _Element] = {}
        refused: dict[str, int] = {}
        for propstat in response.iterfind("d:propstat", NAMES):
            status = _status(propstat.findtext("d:status", None, NAMES))
            for prop in propstat.iterfind("d:prop/*", NAMES):
                if status in _YES:
                    props[str(prop.tag)] = prop
                else:
                    refused[str(prop.tag)] = status
        href = response.findtext("d:href", "", NAMES).strip()
        yield Resource(href, _status(response.findtext("d:status", None, NAMES)), props, refused, base)


def _clark(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMES[prefix]}}}{local}"


def _status(line: str | None) -> int:
    """Return the code in a status line: ``HTTP/1.1 404 Not Found``."""
    if line is None:
        return _SILENT
    code = _STATUS_LINE.match(line)
    return int(code[1]) if code else NO_STATUS

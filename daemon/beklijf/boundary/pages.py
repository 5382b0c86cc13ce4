"""When to stop following pages: servers have been seen to give the same page again and again, each time behind another link.

Microsoft Graph does so with ``calendarView/delta`` (msgraph-sdk-dotnet issue 3082). Asks nothing itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST = 1000
"""Pages of one collection; of five hundred events each, no calendar has as many."""


class Pages:
    """The pages of one collection that were read so far."""

    def __init__(self, called: str) -> None:
        """Take what the server is *called* in errors."""
        self._called = called
        self._links: set[str] = set()
        self._last: list[tuple[object, object]] = []
        self._number = 0

    def turn(self, items: Iterable[Mapping[str, Any]], link: str) -> None:
        """Note a page and the link behind it; raises `Transient` where this leads nowhere. Empty pages are legal."""
        self._number += 1
        page = [(item.get("id"), item.get("@odata.etag") or item.get("etag")) for item in items]
        if page and page == self._last:
            raise self._endless("the same page comes twice")
        if link and link in self._links:
            raise self._endless("a page leads back to one before it")
        if link and self._number >= MOST:
            raise self._endless(f"there are more than {MOST} pages")
        self._links.add(link)
        self._last = page

    def _endless(self, why: str) -> Transient:
        return Transient(f"{self._called}: a list without an end: {why}", hint="the server is at fault; it is asked again by itself")

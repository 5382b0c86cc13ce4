"""Which of the URLs that a CalDAV server names are followed: the password goes along with every request. Pure.

    where it leads                                        what is done
    ----------------------------------------------------  ------------------------------------------------------------------
    a path                                                that path, on the host that named it
    the configured host by http, whatever the port        that path, on the configured origin: a proxy in front of a server
                                                          makes it believe that it is reached by http
    the configured host by https                          there, if that is the configured port or 443
    a host (or ``host:port``) of [calendar] hosts, https  there
    a member of a listing, on whatever host          its path, on the host of the listing (`dav.path_of`)
    anything else                                         refused, with the line for the config

The first part of what comes out is always ours, from the config: two programs may read a URL differently, and it would be the
second that sends the password.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from beklijf.model.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

_HTTPS = 443
_SHOWN = 200
_NAME = re.compile(r"[a-z0-9.-]{1,253}")
_KEPT = "/%:@!$&'()*+,;=~-._"
"""What stays as it is in a path; all else is written as %XX. So is a backslash, which some programs take for a slash."""


@dataclass(frozen=True, slots=True)
class Origins:
    """The one that is configured, ``https://cloud.voorbeeld.example:8443``, and the hosts beside it that are listed."""

    configured: str
    hosts: Sequence[str] = ()

    def follow(self, url: str, base: str) -> str:
        """Return where *url* leads, which was named by the server at *base*; raises `Refused` for where nothing is sent."""
        try:
            there = urlsplit(urljoin(base, url))
            origin = self._origin(there.scheme, (there.hostname or "").lower(), there.port)
        except ValueError:
            origin = ""
        if not origin:
            # from outside, and part of an error: plain letters only
            raise Refused(
                f"{quote(url, safe=_KEPT + '?#[]')[:_SHOWN]}: is on another server than {self.configured}, to which the password belongs",
                hint=self._hint(url),
            )
        query = f"?{quote(there.query, safe=_KEPT + '?')}" if there.query else ""
        return f"{origin}{quote(there.path, safe=_KEPT) or '/'}{query}"

    def _origin(self, scheme: str, host: str, port: int | None) -> str:
        """Return the origin as the config writes it, empty for another one."""
        ours = urlsplit(self.configured)
        name = host if port in {None, _HTTPS} else f"{host}:{port}"
        if host == ours.hostname and scheme == "http":
            return self.configured
        if host == ours.hostname and scheme == "https":
            if ours.scheme == "https" and (port or _HTTPS) == (ours.port or _HTTPS):
                return self.configured
            if port in {None, _HTTPS}:
                return f"https://[{host}]" if ":" in host else f"https://{ours.hostname}"
        return next((f"https://{listed}" for listed in self.hosts if scheme == "https" and listed == name), "")

    def _hint(self, url: str) -> str:
        try:
            there = urlsplit(url)
            host, port = (there.hostname or "").lower(), there.port
        except ValueError:
            return ""
        if not _NAME.fullmatch(host) or there.scheme not in {"https", ""}:
            return "it would travel unprotected: the server, or the proxy before it, must name itself with https"
        name = host if port in {None, _HTTPS} else f"{host}:{port}"
        listed = ", ".join(f'"{each}"' for each in (*self.hosts, name))
        return f"if that server is yours, or your provider's, write below [calendar]: hosts = [{listed}]"


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL, without a login that stands in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"

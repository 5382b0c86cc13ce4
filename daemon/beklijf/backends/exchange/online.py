"""Which servers are Exchange Online, and why EWS is no way to it: said when the config is read, and when autodiscover leads there."""

from __future__ import annotations

BLOCKED = "EWS in Exchange Online has been blocked by default since October 2026 and ends in April 2027"
INSTEAD = 'mailboxes in Exchange Online go with kind = "graph" (Microsoft Graph)'

_HOSTS = (
    "outlook.office365.com",
    "outlook.office.com",
    "outlook.office365.us",
    "outlook.com",
    "partner.outlook.cn",
    "onmicrosoft.com",
    "onmicrosoft.us",
    "partner.onmschina.cn",
)


def is_host(host: str) -> bool:
    """Tell whether a server, or the domain of an address, is one of Microsoft's; covers what is below it."""
    name = host.casefold().rstrip(".")
    return any(name == known or name.endswith(f".{known}") for known in _HOSTS)

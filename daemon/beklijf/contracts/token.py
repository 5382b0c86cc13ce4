"""Logins that calendar, mail and inbox share: a REST service behind a bearer token, and where such tokens come from.

Knows no events, no mails and no config file; vendor libraries are imported in the module that is named for them, so that who
uses none of them needs none of them.
"""

from __future__ import annotations

from typing import Protocol


class Token(Protocol):
    """Returns a bearer token that is still good for minutes; remembered until then, so asking each time costs nothing."""

    def __call__(self, *, fresh: bool = False) -> str:
        """Return the token; *fresh* when the service refused the one that is remembered.

        Raises `Down` for a login that is refused, `Transient` where tokens can't be had just now, `Refused` where only this
        person's can't.
        """
        ...

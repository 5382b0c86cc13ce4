"""What settings say to a maker, read and changed by tests that know which one it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from beklijf.contracts.settings import CalendarSettings, InboxSettings, MailSettings

if TYPE_CHECKING:
    from beklijf.contracts.maker import OfMaker

M = TypeVar("M", bound="OfMaker")
S = TypeVar("S", CalendarSettings, MailSettings, InboxSettings)


def said_to(maker: type[M], settings: CalendarSettings | MailSettings | InboxSettings | None) -> M:
    """Return what is said to *maker*, which it has to be."""
    assert settings is not None
    assert isinstance(settings.maker, maker)
    return settings.maker


def with_maker(settings: S, **changes: Any) -> S:  # noqa: ANN401  # whatever that maker has
    """Return *settings* with *changes* in what is said to the maker."""
    maker: Any = settings.maker
    return replace(settings, maker=replace(maker, **changes))

"""Answers of the ledger by key, each asked for when it is needed, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")
V = TypeVar("V")


class Lookup(Generic[K, V]):
    """Looks like a mapping of which nobody needs more than a few keys."""

    def __init__(self, find: Callable[[K], V | None]) -> None:
        self._find = find
        self._found: dict[K, V | None] = {}

    def get(self, key: K, /) -> V | None:
        if key not in self._found:
            self._found[key] = self._find(key)
        return self._found[key]

    def __getitem__(self, key: K) -> V:
        if (found := self.get(key)) is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None  # type: ignore[arg-type]  # who asks for another kind of key finds nothing

"""Backends by name, imported on first use: a library that isn't there hurts only who asked for it, and is said in words."""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from beklijf.model.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


def named(place: str) -> Any:  # noqa: ANN401  # a class by its name is anything
    """Return what stands at ``module:name``."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


@contextmanager
def needed(extra: str, *, where: str) -> Iterator[None]:
    """Raise ConfigError with the pip line for a library that isn't installed; *where* is the key that asked for it."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("beklijf"):
            raise
        what, hint = f'"{extra}" needs the library {error.name}', f"install beklijf[{extra}]"
        raise ConfigError([Problem(where=where, what=what, hint=hint)]) from error

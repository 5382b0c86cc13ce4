"""Narrow a plan to one training or one person, and say at once when there is no such training or person. Pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from beklijf.model.errors import UsageError

if TYPE_CHECKING:
    from beklijf.commands.plan_json import Chosen, Entry
    from beklijf.contracts.settings import Config


def narrowed(config: Config, *, training: str | None, person: str | None) -> Chosen:
    """Return what picks the entries of a training, and those that a person gets; raises UsageError for unknown ones."""
    if training is not None:
        known(training, [each.id for each in config.trainings], "training")
    if person is not None:
        known(person.casefold(), [each.email.casefold() for each in config.persons], "person")

    def chosen(entry: Entry) -> bool:
        return (training is None or entry.training == training or any(key.startswith(f"{training}/") for key in entry.mentorships)) and (
            person is None or person.casefold() in {address.casefold() for address in entry.to}
        )

    return chosen


def known(name: str, names: list[str], what: str) -> None:
    """Raise UsageError for a name that isn't one of *names*, with the one that was probably meant."""
    if name not in names:
        close = get_close_matches(name, names, n=1)
        raise UsageError(f'there is no {what} "{name}" in the config', hint=f"did you mean {close[0]}?" if close else _list(names))


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"there are: {shown}, ..." if len(names) > 5 else f"there are: {shown}"  # noqa: PLR2004 - as many as a line holds

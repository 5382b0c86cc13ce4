"""Who else can read our secrets, and where we can't write. Looks at modes only; reads no secret and makes nothing."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import fields, is_dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from beklijf.boundary.credentials import Secret
from beklijf.contracts.maker import Login, OfMaker
from beklijf.model.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beklijf.contracts.settings import Config

_READ, _WRITE = stat.S_IRGRP | stat.S_IROTH, stat.S_IWGRP | stat.S_IWOTH


def exposed(config: Config) -> Iterator[Problem]:
    """Yield a warning for each secret in a file that others than its account may read or change.

    A group of one account's own counts as that account: ``root:beklijf 640`` is how a secret is given to the service. What
    systemd hands over as a credential, and what stands in the environment, has no mode to judge.
    """
    seen: set[str] = set()
    for where, secret in _secrets(config):
        if secret.kind == "file" and secret.name not in seen:
            seen.add(secret.name)
            if others := _others(Path(secret.name)):
                hint = f"chmod o-rwx,g-w {secret.name}, and give it to the account that runs beklijf or to its group"
                yield Problem(where=where, what=f"{secret.name} can be {others}", hint=hint, warning=True)


def unwritable(config: Config) -> Iterator[Problem]:
    """Yield an error for each folder that the service writes in and this account can't, and for a ledger that it can't change."""
    state = config.service.state
    if state.exists() and not os.access(state, os.R_OK | os.W_OK, effective_ids=True):
        yield _cannot("service.state", state)
    places = {
        "service.state": state.parent,
        "calendar.path": config.calendar.maker.path,
        "mail.path": config.mail.maker.path,
        "inbox.path": config.inbox.maker.path if config.inbox and config.answers.read else None,
    }
    for where, path in places.items():
        if path is None:
            continue
        place = next(each for each in (path.absolute(), *path.absolute().parents) if os.path.lexists(each))
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
            yield _cannot(where, place)


def _cannot(where: str, path: Path) -> Problem:
    return Problem(where=where, what=f"{path} can't be written", hint="give it to the account that runs beklijf, or name another place")


def _secrets(config: Config) -> Iterator[tuple[str, Secret]]:
    for section in ("calendar", "mail", "inbox"):
        yield from sorted(_within(section, getattr(config, section)), key=itemgetter(0))


def _within(where: str, settings: object) -> Iterator[tuple[str, Secret]]:
    """Yield every secret in a section and in the logins in it, by the name of its key."""
    if isinstance(settings, Secret):
        yield where, settings
    elif is_dataclass(settings):
        for field in fields(settings):
            match value := getattr(settings, field.name):
                case OfMaker():
                    yield from _within(where, value)
                case Login():
                    yield from _within(f"{where}.{value.kind.name}", value)
                case _:
                    yield from _within(f"{where}.{field.name}", value)


def _others(path: Path) -> str:
    """Return what others may do with a file: ``read by everybody``; empty for nothing, and for a file that isn't there."""
    try:
        found = path.stat()
    except OSError:
        return ""  # whoever needs it says so
    mode = found.st_mode & (_READ | _WRITE)
    if _is_own(found.st_gid):
        mode &= ~stat.S_IRGRP
    if not mode:
        return ""
    who = "everybody" if mode & stat.S_IRWXO else f"the group {_group(found.st_gid)}"
    deeds = [deed for bits, deed in ((_READ, "read"), (_WRITE, "changed")) if mode & bits]
    return f"{' and '.join(deeds)} by {who}"


def _is_own(gid: int) -> bool:
    """Tell whether a group is one account's own: it has its name, and nobody else in it."""
    try:
        group = grp.getgrgid(gid)
        return pwd.getpwnam(group.gr_name).pw_gid == gid and {*group.gr_mem} <= {group.gr_name}
    except KeyError:
        return False


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)

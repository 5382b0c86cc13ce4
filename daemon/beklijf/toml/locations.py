"""Takes out of a config where things are: files and folders, web addresses, secrets by reference.

Opens nothing and reveals no secret: a password in the config is a reference, and a literal one is refused without being shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from beklijf.boundary.credentials import Secret
from beklijf.toml.values import Wrong, text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from urllib.parse import SplitResult

    from beklijf.toml.reader import Table


def references(key: str) -> str:
    return f'name where it is kept: {key} = {{ file = ".." }}, {{ env = ".." }} or {{ credential = ".." }}'


REFERENCES = references("password")

_SECRETS: Sequence[Literal["file", "env", "credential"]] = ("file", "env", "credential")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*")
_LAST_PORT = 65_535
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACEHOLDERS = ("email", "local", "domain")
_THREE = "there are {email}, {local} and {domain}: a person's address, what stands before its @, and what stands behind it"


# -- secrets -----------------------------------------------------------------------------------------------------------


def secret(folder: Path, key: str = "password") -> Callable[[object], Secret]:
    def parse(value: object) -> Secret:
        if not isinstance(value, dict):
            raise Wrong("a secret does not belong in this file", references(key))
        for kind in _SECRETS:
            if value.keys() == {kind}:
                name = text(value[kind])
                return Secret(kind, str(folder / name) if kind == "file" else name)
        raise Wrong("must be one reference", references(key))

    return parse


def needed_secret(table: Table, key: str, folder: Path) -> Secret | None:
    found = table.get(key, secret(folder, key), None)
    if key not in table:
        table.wrong(None, f"{key} is missing", references(key))
    return found


# -- web addresses -----------------------------------------------------------------------------------------------------


def server_address(value: object) -> str:
    """Take a URL, or the bare domain or mail address from which RFC 6764 discovers one."""
    given = text(value)
    parts = _parts(given)
    if "://" in given and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise Wrong("must be a web address like https://cloud.organisation.example/")
    return given


def web_address(example: str) -> Callable[[object], str]:
    """Take the URL of a server, without a login in it; *example* shows how one looks."""

    def parse(value: object) -> str:
        given = text(value)
        parts = _parts(given)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Wrong(f"must be a web address like {example}")
        if parts.username is not None:
            raise Wrong("a login does not belong in it", "user and password have keys of their own")
        return given

    return parse


def calendar_address(value: object) -> str:
    """Take the whole URL of somebody's calendar, which is opened with the service's own login."""
    given = text(value)
    parts = _parts(given)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Wrong("must be a web address like https://cloud.organisation.example/calendars/sanne/")
    if parts.username is not None:
        raise Wrong("a login does not belong in it", "people's calendars are opened with user and password of [calendar]")
    return given


def calendar_pattern(value: object) -> str:
    """Take a URL that leads to everybody's calendar, with a place in it for who it is."""
    given = calendar_address(pattern(value))
    if "{" in _parts(given).netloc:
        raise Wrong("the name of the server must be the same for everybody", "the password of [calendar] goes there")
    return given


def pattern(value: object) -> str:
    """Take a text with {email}, {local} or {domain} in it that differs from person to person."""
    given = text(value)
    names = _PLACEHOLDER.findall(given)
    if re.search(r"[{}]", _PLACEHOLDER.sub("", given)):
        raise Wrong("has a brace without its other half", _THREE)
    for name in names:
        if name not in _PLACEHOLDERS:
            raise Wrong(f"there is no {{{name}}}", _THREE)
    if not {"email", "local"} & {*names}:
        raise Wrong("leads everybody to one calendar", "put {email} or {local} where a person's address, or its name, stands")
    return given


def path_pattern(folder: Path) -> Callable[[object], Path]:
    """Take the same as a path, for calendars that are files."""

    def parse(value: object) -> Path:
        given = pattern(value)
        if "://" in given:
            raise Wrong('must be a path with kind = "folder"', 'a web address goes with kind = "caldav"')
        return path_from(folder)(given)

    return parse


def host_name(value: object) -> str:
    """Take the name of a server to which a password may go, perhaps with a port: no URL, and no pattern."""
    given = text(value).lower()
    name, _, port = given.partition(":")
    if not _HOST.fullmatch(name) or (":" in given and not (port.isascii() and port.isdecimal() and 0 < int(port) <= _LAST_PORT)):
        raise Wrong(
            f'must be the name of a server like "p34-caldav.icloud.com", not "{given}"', "no https:// before it, and no path behind it"
        )
    return name if port == "443" else given


def check_server(table: Table, key: str, url: str, service: str, hosts: Sequence[str] = ()) -> None:
    """Refuse a calendar on another server than the service's, which would be handed the password; warn without TLS."""
    host, known = host_of(url), host_of(service)
    if host and known and host != known and host not in hosts:
        hint = "the password of [calendar] goes to one server, under one name, and to those of hosts"
        table.wrong(key, f"is on {host}, and [calendar] url on {known}", hint)
    warn_unprotected(table, key, url)


def warn_unprotected(table: Table, key: str, url: str, what: str = "the password") -> None:
    if url.startswith("http:") and host_of(url) not in _LOOPBACK:
        table.warn(key, f"{what} would travel unprotected", "use https")


def host_of(url: str) -> str:
    """Return the server in a URL; empty for a bare domain, whose server is still to be found."""
    return urlsplit(url).hostname or ""


def _parts(given: str) -> SplitResult:
    try:
        parts = urlsplit(given)
        _ = parts.port
    except ValueError:
        raise Wrong("is not a web address") from None
    if parts.password is not None:
        raise Wrong("a secret does not belong in this file", REFERENCES)
    return parts


# -- files -------------------------------------------------------------------------------------------------------------


def path_from(folder: Path) -> Callable[[object], Path]:
    def parse(value: object) -> Path:
        given = text(value)
        if given.startswith("~"):
            raise Wrong("cannot start with ~", "write the whole path, or one that counts from the config's folder")
        return folder / given

    return parse


def existing_file(folder: Path) -> Callable[[object], Path]:
    def parse(value: object) -> Path:
        path = path_from(folder)(value)
        if not path.is_file():
            raise Wrong(f'there is no file "{value}"', f"it counts from {folder.absolute()}")
        return path

    return parse


def existing_folder(folder: Path) -> Callable[[object], Path]:
    def parse(value: object) -> Path:
        path = path_from(folder)(value)
        if not path.is_dir():
            raise Wrong(f'there is no folder "{value}"', f"it counts from {folder.absolute()}")
        return path

    return parse

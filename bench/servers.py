"""Radicale and Xandikos as they come from PyPI, on loopback, each with one account; started for one measurement, then stopped."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "mentor", "mentorpw"


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    url: str
    home: str
    """The path of the account's calendars."""
    collections: Path
    """Where those lie on disk."""
    log: Path
    ca: Path | None = None

    def settings(self, name: str) -> str:
        """Return the lines of ``[calendar]`` for the calendar *name*; the password is in a file beside the config."""
        lines = ['kind = "caldav"', f'url = "{self.url}{USER}/"', f'user = "{USER}"', 'password = { file = "password" }']
        return "\n".join([*lines, f'name = "{name}"', *([f'ca = "{self.ca}"'] if self.ca else [])])

    def make_calendar(self, name: str) -> str:
        """Make a calendar and return its path."""
        path = f"{self.home}{name}/"
        body = (
            '<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>'
            f"<d:displayname>{name}</d:displayname></d:prop></d:set></c:mkcalendar>"
        )
        with Wire(self) as wire:
            wire.request("MKCALENDAR", path, body.encode(), {"Content-Type": "application/xml"})
        return path

    def take_in(self, files: Path, name: str) -> None:
        """Make a calendar of a folder of files, in the server's own storage: by PUT ten thousand take an hour."""
        path = self.make_calendar(name)
        place = self.collections / name
        shutil.copytree(files, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("displayname"))
        if (place / ".git").exists():
            git = ["git", "-C", str(place), "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
            subprocess.run([*git, "add", "."], check=True)
            subprocess.run([*git, "commit", "--quiet", "--message", "Take in"], check=True)
        with Wire(self) as wire:  # it looks at all of them once
            body = b'<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/></d:prop></d:propfind>'
            wire.request("PROPFIND", path, body, {"Content-Type": "application/xml", "Depth": "1"})


class Wire:
    """One keep-alive connection with nothing on top: what the server's own speed is measured with."""

    def __init__(self, server: Server) -> None:
        place = urlsplit(server.url)
        port = place.port or 0
        if server.ca:
            context = ssl.create_default_context(cafile=server.ca)
            self._connection: HTTPConnection = HTTPSConnection("localhost", port, context=context, timeout=600)
        else:
            self._connection = HTTPConnection("127.0.0.1", port, timeout=600)
        self._login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def request(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        self._connection.request(method, path, body, {"Authorization": f"Basic {self._login}", **headers})
        with self._connection.getresponse() as answer:
            answer.read()
            if answer.status not in {200, 201, 204, 207}:
                raise HTTPException(f"{method} {path}: {answer.status}")


@contextmanager
def radicale(folder: Path) -> Iterator[Server]:
    port = _free_port()
    storage = folder / "collections"
    config = folder / "radicale.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {_htpasswd(folder)}\nhtpasswd_encryption = bcrypt\ndelay = 0\n"
        f"[storage]\nfilesystem_folder = {storage}\n"
        "[logging]\nlevel = info\n"
        "[web]\ntype = none\n",
        encoding="utf-8",
    )
    server = Server("Radicale", f"http://127.0.0.1:{port}/", f"/{USER}/", storage / "collection-root" / USER, folder / "log")
    with _running("radicale", ["--config", str(config)], server.log, port):
        yield server


@contextmanager
def xandikos(folder: Path) -> Iterator[Server]:
    port = _free_port()
    data, state = folder / "data", folder / "state"
    data.mkdir(parents=True, exist_ok=True)
    options = ["multi-user", "-l", "localhost", "-p", str(port), "-d", str(data), "--state-dir", str(state)]
    # it takes passwords over TLS only, and makes its own certificate, which is localhost's
    options += ["--autocert", "--htpasswd", str(_htpasswd(folder)), "--defaults"]
    certificate = state / "certs" / "selfsigned.crt"
    server = Server("Xandikos", f"https://localhost:{port}/", f"/{USER}/calendars/", data / USER / "calendars", folder / "log", certificate)
    with _running("xandikos", options, server.log, port):
        yield server


SERVERS = {"radicale": radicale, "xandikos": xandikos}


def _htpasswd(folder: Path) -> Path:
    path = folder / "htpasswd"
    path.write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n", encoding="utf-8")
    return path


@contextmanager
def _running(command: str, arguments: list[str], log: Path, port: int) -> Iterator[None]:
    with log.open("ab") as file:
        process = subprocess.Popen([Path(sys.executable).with_name(command), *arguments], stdout=file, stderr=file)
    try:
        _wait(port, process, log)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(log.read_text(encoding="utf-8"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

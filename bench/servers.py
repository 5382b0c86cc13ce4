"""Radicale and Xandikos as they come from PyPI, on loopback, each with one account; started for one measurement, then stopped."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Iterator

USER, PASSWORD = "mentor", "mentorpw"


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    url: str
    collections: Path
    """Where the account's calendars lie on disk."""
    log: Path
    ca: Path | None = None

    @property
    def home(self) -> str:
        return f"{self.url}{USER}/"

    def settings(self, name: str) -> str:
        """Return the lines of ``[calendar]`` for the calendar *name*; the password is in a file beside the config."""
        lines = ['kind = "caldav"', f'url = "{self.home}"', f'user = "{USER}"', 'password = { file = "password" }', f'name = "{name}"']
        return "\n".join([*lines, *([f'ca = "{self.ca}"'] if self.ca else [])])


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
    server = Server("Radicale", f"http://127.0.0.1:{port}/", storage / "collection-root" / USER, folder / "log")
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
    server = Server("Xandikos", f"https://localhost:{port}/", data / USER / "calendars", folder / "log", certificate)
    with _running("xandikos", options, server.log, port):
        yield server


SERVERS = (radicale, xandikos)


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

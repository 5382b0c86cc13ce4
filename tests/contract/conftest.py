"""Real CalDAV servers on loopback, one of each per test process, with accounts of their own for every test."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "mentorpw"
ACCOUNTS = 200


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; every test takes an account that nobody used before."""

    url: str
    names: Iterator[str]
    ca: Path | None

    def account(self) -> str:
        return next(self.names)


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("radicale")
    port = free_port()
    htpasswd = _htpasswd(folder)
    config = folder / "config"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {htpasswd}\nhtpasswd_encryption = bcrypt\ndelay = 0\n"
        f"[storage]\nfilesystem_folder = {folder / 'collections'}\n"
        "[web]\ntype = none\n",
        encoding="utf-8",
    )
    yield from _running("radicale", ["--config", str(config)], folder, port)


@pytest.fixture(scope="session")
def xandikos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("xandikos")
    port = free_port()
    (folder / "data").mkdir()
    ca = folder / "state" / "certs" / "selfsigned.crt"  # takes passwords over TLS only, and makes its own certificate
    options = ["multi-user", "-l", "localhost", "-p", str(port), "-d", str(folder / "data"), "--state-dir", str(folder / "state")]
    yield from _running("xandikos", [*options, "--autocert", "--htpasswd", str(_htpasswd(folder)), "--defaults"], folder, port, ca)


def _htpasswd(folder: Path) -> Path:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    path = folder / "htpasswd"
    path.write_text("".join(f"{name}:{hashed}\n" for name in _names()), encoding="utf-8")
    return path


def _names() -> Iterator[str]:
    return (f"mentor{n}" for n in range(ACCOUNTS))


def _running(command: str, arguments: list[str], folder: Path, port: int, ca: Path | None = None) -> Iterator[Server]:
    """Start one of the servers that are installed beside our own Python, and end it afterwards."""
    url = f"https://localhost:{port}/" if ca else f"http://127.0.0.1:{port}/"  # the certificate is localhost's
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([Path(sys.executable).with_name(command), *arguments], stdout=log, stderr=log)
        try:
            _wait(port, process, folder / "log")
            yield Server(url, _names(), ca)
        finally:
            process.terminate()
            process.wait(10)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text(encoding="utf-8")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

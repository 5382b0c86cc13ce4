"""Real CalDAV servers on loopback, with accounts of their own for every test."""

from __future__ import annotations

import http.client
import http.server
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "mentorpw"
ACCOUNTS = 600


class Server(Protocol):
    """A server as tests know it; every test takes an account that nobody used before."""

    @property
    def url(self) -> str: ...
    @property
    def ca(self) -> Path | None: ...

    def account(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs."""

    url: str
    names: Iterator[str]
    ca: Path | None

    def account(self) -> str:
        return next(self.names)


@dataclass(slots=True)
class Plain:
    """A server with as little as RFC 4791 asks: no sync tokens, no ETag in the answer to a PUT; and with bad moods on demand."""

    url: str
    account: Callable[[], str]
    ca: None = None
    mood: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """What it answers to the next requests instead of doing them."""
    authorizations: list[str] = field(default_factory=list)
    """What was sent as Authorization, in order."""


def _htpasswd(folder: Path) -> Path:
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    path = folder / "htpasswd"
    path.write_text("".join(f"{name}:{hashed}\n" for name in _names()), encoding="utf-8")
    return path


def _rights(folder: Path) -> Path:
    """Let everybody have what is theirs; and anybody's calendar named so be written, or read, by all."""
    rules = {
        "host": (".+", "", "R"),
        "own": (".+", "{user}(/.*)?", "RrWw"),
        "writable": (".+", ".+/shared(/.*)?", "rw"),
        "readable": (".+", ".+/shown(/.*)?", "r"),
    }
    path = folder / "rights"
    path.write_text(
        "".join(f"[{name}]\nuser: {user}\ncollection: {place}\npermissions: {may}\n" for name, (user, place, may) in rules.items()),
        encoding="utf-8",
    )
    return path


def _names() -> Iterator[str]:
    return (f"mentor{n}" for n in range(ACCOUNTS))


def running(command: str, arguments: list[str], folder: Path, port: int, ca: Path | None = None) -> Iterator[Running]:
    """Start one of the servers that are installed beside our own Python, and end it afterwards."""
    url = f"https://localhost:{port}/" if ca else f"http://127.0.0.1:{port}/"  # the certificate is localhost's
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([Path(sys.executable).with_name(command), *arguments], stdout=log, stderr=log)
        try:
            _wait(port, process, folder / "log")
            yield Running(url, _names(), ca)
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


def running_radicale(folder: Path) -> Iterator[Running]:
    port = free_port()
    htpasswd = _htpasswd(folder)
    config = folder / "config"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {htpasswd}\nhtpasswd_encryption = bcrypt\ndelay = 0\n"
        f"[rights]\ntype = from_file\nfile = {_rights(folder)}\n"
        f"[storage]\nfilesystem_folder = {folder / 'collections'}\n"
        "[web]\ntype = none\n",
        encoding="utf-8",
    )
    yield from running("radicale", ["--config", str(config)], folder, port)


def running_xandikos(folder: Path) -> Iterator[Running]:
    port = free_port()
    (folder / "data").mkdir()
    ca = folder / "state" / "certs" / "selfsigned.crt"  # takes passwords over TLS only, and makes its own certificate
    options = ["multi-user", "-l", "localhost", "-p", str(port), "-d", str(folder / "data"), "--state-dir", str(folder / "state")]
    yield from running("xandikos", [*options, "--autocert", "--htpasswd", str(_htpasswd(folder)), "--defaults"], folder, port, ca)


def open_radicale(folder: Path) -> Iterator[str]:
    """Run Radicale and yield its address; any user may log in and has calendars of their own."""
    port = free_port()
    config = folder / "config"
    config.write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = none\n[storage]\nfilesystem_folder = {folder / 'collections'}\n"
        "[web]\ntype = none\n",
        encoding="utf-8",
    )
    for server in running("radicale", ["--config", str(config)], folder, port):
        yield server.url


def plain_before(radicale: Server) -> Iterator[Plain]:
    """Stand between the client and Radicale."""
    backend = urlsplit(radicale.url)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.authorizations.append(self.headers.get("Authorization", ""))
            if server.mood:
                status, headers = server.mood.pop(0)
                return self.answer(status, headers, b"")
            if b"sync-collection" in body:
                return self.answer(403, {}, b"")
            connection = http.client.HTTPConnection(backend.hostname or "", backend.port, timeout=30)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                response = connection.getresponse()
                dropped = {"content-length", "connection", "transfer-encoding", "server", "date"}
                dropped |= {"etag"} if self.command == "PUT" else set()
                headers = {name: value for name, value in response.getheaders() if name.lower() not in dropped}
                return self.answer(response.status, headers, response.read())
            finally:
                connection.close()

        do_GET = do_PUT = do_DELETE = do_PROPFIND = do_REPORT = do_OPTIONS = do_MKCALENDAR = do  # noqa: N815 (http.server's names)

        def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        server = Plain(f"http://127.0.0.1:{proxy.server_port}/", radicale.account)
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        proxy.shutdown()
        thread.join()

"""Debians made once and used by many tests, and servers from their packages.

Needs root and ``apt-get install mmdebstrap``, and Debian's package servers. $BEKLIJF_LAB names a folder that keeps what was
made from one run to the next. The servers write to memory only: each starts as if newly installed, and leaves nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.full.cyrus import ACCOUNTS, PACKAGES, PASSWORD, Cyrus, Serve
from tests.full.machine import CONFIG, SYSTEMD, Machine, booted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
NEEDED = ("mmdebstrap", "unshare")

sys.path.append(str(HERE.parents[1]))  # tests.backends: what is shown of every backend there is inherited here, for more servers


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Return a function that makes a Debian 12 with some packages, unless it is there."""
    if os.geteuid() != 0:
        pytest.skip("only root can start servers in a Debian of their own")
    if any(shutil.which(name) is None for name in NEEDED):
        pytest.skip(f"needs {', '.join(NEEDED)}")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    lab = Path(os.environ.get("BEKLIJF_LAB") or shared / "lab").absolute()
    lab.mkdir(parents=True, exist_ok=True)

    def make(name: str, packages: str) -> Path:
        root, made = lab / name, lab / f"{name}.made"
        with (lab / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the other worker may be at it
            if not made.exists():
                shutil.rmtree(root, ignore_errors=True)
                command = ["mmdebstrap", "-q", "--variant=minbase", f"--include={packages}", "bookworm", str(root)]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
                made.touch()
        return root

    return make


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Return a function that runs one of our scripts until the test is over, and says where the server's files are."""
    with ExitStack() as stack:
        yield lambda script, root, arguments, ports: stack.enter_context(_serving(HERE / script, root, tmp_path, arguments, ports))


@contextmanager
def _serving(script: Path, root: Path, folder: Path, arguments: list[str], ports: list[int]) -> Iterator[Path]:
    scratch, log = folder / script.stem, folder / f"{script.stem}.log"
    scratch.mkdir()
    command = [str(shutil.which("unshare")), "--mount", "--pid", "--fork"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "sh", str(script), str(root), str(scratch), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        for port in ports:
            _wait_for(port, process, log)
        yield Path(f"/proc/{process.pid}/root{scratch}/root")
    finally:
        # Not --kill-child: the kernel forgets it when the server gives up its rights. With its first process a namespace ends.
        if process.poll() is None:
            for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split():
                os.kill(int(child), signal.SIGKILL)
        process.kill()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8", errors="replace")
        time.sleep(0.05)


@pytest.fixture
def free_ports() -> Callable[[int], list[int]]:
    """Return a function that finds some ports that nobody listens on."""

    def find(count: int) -> list[int]:
        with ExitStack() as stack:
            probes = [stack.enter_context(socket.socket()) for _ in range(count)]
            for probe in probes:
                probe.bind(("127.0.0.1", 0))
            return [probe.getsockname()[1] for probe in probes]

    return find


@pytest.fixture
def cyrus(
    debian: Callable[[str, str], Path],
    serve: Serve,
    free_ports: Callable[[int], list[int]],
    tmp_path: Path,
) -> Cyrus:
    ports = free_ports(2)
    users = [f"{name}:{PASSWORD}" for name in ACCOUNTS]
    files = serve("cyrus.sh", debian("cyrus", PACKAGES), [*map(str, ports), *users], ports)
    server = Cyrus(f"http://127.0.0.1:{ports[0]}", ports[1], files, tmp_path / "cyrus.log")
    for name in ("mentor", "sanne", "karim", "dienst"):
        server.join(name)
    return server


@pytest.fixture(scope="module")
def machine(debian: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    root, lab = debian("systemd", SYSTEMD), tmp_path_factory.mktemp("machine")
    with root.with_suffix(".busy").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # one machine at a time runs on this root
        yield from booted(root, lab)


@pytest.fixture
def running(machine: Machine) -> Machine:
    """Start afresh on the good config, with a journal of its own."""
    machine.run("systemctl", "stop", "beklijf")
    machine.run("systemctl", "reset-failed", "beklijf", check=False)
    machine.run("journalctl", "--rotate")
    machine.run("journalctl", "--vacuum-time=1s")
    machine.write("/etc/beklijf/config.toml", CONFIG)
    machine.run("systemctl", "start", "beklijf")
    return machine

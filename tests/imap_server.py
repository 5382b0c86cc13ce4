"""A real IMAP server on loopback, with one mailbox."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.caldav_servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.certificates import Certificates

PASSWORD = "gehéim wachtwoord"  # not ASCII, which smtplib's own login can't send


def running_pymap(certificates: Certificates) -> Iterator[int]:
    """Run an IMAP server of its own code, in memory; it takes STARTTLS, and from loopback also plain text."""
    port = free_port()
    pem = str(certificates.ca.with_name("server0.pem"))
    command = [sys.executable, "-c", "from pymap.main import main; main()", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--cert", pem, "--key", pem, "--no-service", "admin", "--no-service", "managesieve"]
    log = certificates.ca.with_name("pymap.log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "dict", "--demo-user", "beklijf", "--demo-password", PASSWORD], stdout=out, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)

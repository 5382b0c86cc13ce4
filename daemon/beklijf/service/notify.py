"""Tells systemd how the service is doing, by the protocol of sd_notify(3): one datagram a message. Decides nothing."""

from __future__ import annotations

import logging
import os
import socket
import time
from datetime import timedelta

from beklijf.boundary.foreign import one_line

log = logging.getLogger("beklijf")

HEARTBEATS = 3
"""A service that missed so many heartbeats hangs."""

MARGIN = timedelta(minutes=1)
"""What a single operation may be late in ending at its deadline."""


class Notifier:
    """The way to whoever started us; without one, everything here does nothing."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        own = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog = timedelta(microseconds=int(os.environ.get("WATCHDOG_USEC", "0") if own else "0"))

    def ready(self, status: str, *, every: timedelta, slowest: timedelta) -> None:
        """Say that the service works, and how long its silence may last, whatever the unit says.

        Longer than its heartbeat, and than the *slowest* operation with a server (zero where there is none).
        """
        longest = slowest + MARGIN if slowest else slowest
        patience = max(self._watchdog, HEARTBEATS * every, longest) // timedelta(microseconds=1)
        self._send("READY=1", f"STATUS={one_line(status)}", *([f"WATCHDOG_USEC={patience}"] if self._watchdog else []))

    def status(self, status: str) -> None:
        self._send(f"STATUS={one_line(status)}")

    def fed(self) -> None:
        """Say that a piece of work is done. Never call this from a timer: a timer runs on while the work hangs."""
        if self._watchdog:
            self._send("WATCHDOG=1")

    def reloading(self) -> None:
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=finishing what has begun")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:  # nobody listens; the letters still go out
            log.warning("systemd can't be told how the service is doing (NOTIFY_SOCKET): %s", error.strerror)
            self._address = ""

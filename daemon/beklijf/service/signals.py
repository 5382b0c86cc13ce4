"""What the outside asks of a running service: to stop, or to read its config again. Waits, and does nothing else.

A signal that comes while the service waits must end the waiting, without a race and without a thread: Python writes each
one to a socket that the waiting looks at. (``threading.Event.set`` in a handler can deadlock with ``wait`` in the same thread.)
"""

from __future__ import annotations

import select
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from beklijf.boundary import deadline

if TYPE_CHECKING:
    from types import FrameType, TracebackType


STOPPING = 3.0
"""Seconds that a server may still take for the change in hand: what is left of five is for noting it down, on a busy machine."""


class Signals:
    """SIGTERM and SIGINT stop after the change in hand, the second one at once; SIGHUP reloads."""

    def __init__(self) -> None:
        self.stopping = False
        self._reload = False
        self._on_terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._writer.fileno())
        self._before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        deadline.hurry(None)
        self._reader.close()
        self._writer.close()

    def wait(self, seconds: float) -> None:
        """Return after *seconds*, or as soon as a signal came, be it before the call."""
        with suppress(BlockingIOError):
            self._reader.recv(4096)  # of signals that are known by now; whoever comes after this line is seen below
        if not (self.stopping or self._reload):
            select.select([self._reader], [], [], seconds)

    def asked_to_reload(self) -> bool:
        """Return whether SIGHUP came since the last call."""
        asked, self._reload = self._reload, False
        return asked

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True
        deadline.hurry(STOPPING)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        if self._on_terminal and not sys.stderr.isatty():
            self._stop(number, frame)  # the terminal was closed, and nobody would see a service that goes on
        else:
            self._reload = True

"""Where log lines go: to stderr, in the form that its reader wants; decides nothing about what is worth a line.

    stderr is             a line reads
    --------------------  ------------------------------------------------------
    systemd's journal     <4>calendar x is back               priority, and no time: the journal has its own
    a terminal            14:03:05 warning: calendar x is back
    a file or a pipe      2026-12-08T14:03:05+01:00 warning: calendar x is back

Libraries get no say: what they log may quote what goes over the wire, which is other people's mail and our passwords.
"""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from beklijf.boundary.credentials import masked
from beklijf.boundary.foreign import line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

PRIORITIES = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
"""By the numbers of syslog, as sd-daemon(3) has them."""


@contextmanager
def log_to(stream: TextIO) -> Iterator[None]:
    """Send our own log to *stream*, and nobody else's, for as long as the block lasts."""
    handler = logging.StreamHandler(stream)
    if in_journal(stream):
        handler.setFormatter(JournalLines())
    else:
        handler.setFormatter(PlainLines(datefmt="%H:%M:%S" if stream.isatty() else "%Y-%m-%dT%H:%M:%S%z"))
    ours = logging.getLogger("beklijf")
    ours.handlers = [handler]
    ours.setLevel(logging.INFO)
    ours.propagate = False
    others = logging.getLogger().handlers
    logging.getLogger().handlers = [logging.NullHandler()]
    try:
        yield
    finally:
        ours.handlers, ours.propagate, logging.getLogger().handlers = [], True, others


def in_journal(stream: TextIO) -> bool:
    """Return whether *stream* is the journal: inherited by a child, JOURNAL_STREAM alone says nothing about a redirected one."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no file behind it, or closed
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class JournalLines(logging.Formatter):
    """Every line carries the priority: those of a traceback too, or they would be lost among the informative ones."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(f"<{PRIORITIES.get(record.levelno, 6)}>{each}" for each in _lines(self, record))


class PlainLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        return f"{self.formatTime(record, self.datefmt)} {level}" + "\n".join(_lines(self, record))


def _lines(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    """Return the message as one line, whatever a server put into it, and below it the traceback of a defect."""
    said = [record.getMessage()]
    if record.exc_info:  # the words of a library in it may be a server's, with our password
        said += masked(formatter.formatException(record.exc_info)).splitlines()
    return [line(each) for each in said]

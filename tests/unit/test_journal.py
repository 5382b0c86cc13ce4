"""Log lines as their readers want them."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from beklijf.boundary.credentials import remember
from beklijf.service.journal import JournalLines, PlainLines, in_journal


def record(level: int, said: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("beklijf", level, "service.py", 1, said, arguments, None)


@pytest.mark.parametrize(
    ("level", "prefix"), [(logging.INFO, "<6>"), (logging.WARNING, "<4>"), (logging.ERROR, "<3>"), (logging.CRITICAL, "<2>")]
)
def test_the_journal_gets_priorities(level: int, prefix: str) -> None:
    assert JournalLines().format(record(level, "mail %s is down", "smtp.example")) == f"{prefix}mail smtp.example is down"


def test_what_a_server_says_cannot_fake_a_line_or_drive_the_terminal() -> None:
    said = JournalLines().format(record(logging.ERROR, "refused: %s", "550 no\r\n<6>all is well\x1b[2J"))

    assert said == "<3>refused: 550 no  <6>all is well [2J"


def test_every_line_of_a_traceback_has_the_priority() -> None:
    try:
        int("two\nlines")
    except ValueError:
        failed = logging.LogRecord("beklijf", logging.ERROR, "service.py", 1, "a defect", (), sys.exc_info())

    lines = JournalLines().format(failed).splitlines()

    assert lines[0] == "<3>a defect"
    assert lines[-1].startswith("<3>ValueError: ")
    assert all(line.startswith("<3>") for line in lines)


def test_a_traceback_that_quotes_a_server_has_no_password_in_it_and_drives_no_terminal() -> None:
    remember("a test of the journal", "tulpen-in-Haarlem")
    try:
        int("500 what is AUTH PLAIN AGRpZW5zdAB0dWxwZW4taW4tSGFhcmxlbQ==\x1b[2J\u202e")
    except ValueError:
        failed = logging.LogRecord("beklijf", logging.ERROR, "service.py", 1, "a defect", (), sys.exc_info())

    said = JournalLines().format(failed)

    assert "what is AUTH PLAIN ***" in said
    assert "dWxwZW4" not in said
    assert not set(said) & set("\x1b\u202e")


def test_a_name_from_right_to_left_and_an_emoji_come_through() -> None:
    assert (
        JournalLines()
        .format(record(logging.INFO, "sent to %s", "\u05e2\u05d1\u05e8\u05d9\u05ea \U0001f469\u200d\U0001f393"))
        .endswith("\u05e2\u05d1\u05e8\u05d9\u05ea \U0001f469\u200d\U0001f393")
    )


def test_people_get_words_for_what_is_wrong_and_none_for_what_is_not() -> None:
    formatter = PlainLines(datefmt="%Y")
    plain = record(logging.INFO, "sent")
    year = formatter.formatTime(plain, "%Y")

    assert formatter.format(plain) == f"{year} sent"
    assert formatter.format(record(logging.WARNING, "slow")) == f"{year} warning: slow"


def test_a_stream_without_a_file_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")

    assert not in_journal(io.StringIO())

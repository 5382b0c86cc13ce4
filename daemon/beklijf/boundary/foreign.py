"""Words from outside, made fit for a screen, a line of the log or a mail of ours. The one place that does it.

    character                                     becomes
    --------------------------------------------  ------------------------------------------------------------------
    control characters (C0, DEL, C1), so ANSI     a blank: on a terminal they move, hide and recolour what is there
    escapes; line and paragraph separators
    overrides and isolates of direction           a blank: they turn ``fdp.exe`` into ``exe.pdf``
    half a surrogate pair                         a blank: it is no character, and can't be written in UTF-8
    all others                                    themselves: names from right to left with their marks (U+200E, U+200F),
                                                  joiners (U+200C, U+200D) and with them emoji of several parts

What is kept (the ledger, events in the calendar) and what is JSON stays as it came: there nothing acts on them.
"""

from __future__ import annotations

import re

_ACTS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u206a-\u206f\ud800-\udfff"
ACTING = re.compile(f"[{_ACTS}]")
_ACTING_OR_LAYOUT = re.compile(f"[{_ACTS}\t\n]")


def one_line(text: str) -> str:
    """Return *text* on one line, with single blanks: for headers, names, subjects."""
    return " ".join(_ACTING_OR_LAYOUT.sub(" ", text).split())


def line(text: str) -> str:
    """Return *text* on one line, with its blanks as they are: for what is set out in columns."""
    return _ACTING_OR_LAYOUT.sub(" ", text)


def lines(text: str) -> str:
    """Return *text* with its line breaks and tabs: for the body of a mail, and for several lines at once."""
    return ACTING.sub(" ", text.replace("\r\n", "\n"))

"""How long a server asks us to wait: Retry-After (RFC 9110 section 10.2.3), one reading of it for every backend.

    what it says                                means
    ------------------------------------------  ------------------------------------------------------------------------
    a number                                    so many seconds
    a date                                      until then, by the server's own clock (its Date); one that is past: nothing
    a date, and no Date beside it               ignored: whose clock it is by, nobody knows
    anything else, or more than a year ahead    ignored: that can't be

Exchange says it in milliseconds (BackOffMilliseconds). How much of it is believed, `tick.outages` says, since not every
server asks by this header.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_CANT_BE = timedelta(days=366)


def retry_after(asked: str, date: datetime | None) -> float | None:
    """Return the seconds that *asked* says; *date* is when the server sent it, as `http_date` reads that."""
    asked = asked.strip()
    if asked.isascii() and asked.isdecimal():
        # by its length first: a text of a million digits is slow to read, and Python refuses it
        seconds = float(asked) if len(asked) <= len(str(int(_CANT_BE.total_seconds()))) else None
    else:
        until = http_date(asked)
        seconds = max(0.0, (until - date).total_seconds()) if until and date else None
    return None if seconds is None or seconds > _CANT_BE.total_seconds() else seconds


def back_off(milliseconds: str) -> float | None:
    """Return the seconds that an Exchange server asks for."""
    asked = milliseconds.strip()
    seconds, rest = retry_after(asked[:-3] or "0", None), retry_after(asked[-3:], None)
    return None if seconds is None or rest is None else seconds + rest / 1000


def http_date(text: str) -> datetime | None:
    """Return the instant of a header like Date; None for what is none."""
    try:
        found = parsedate_to_datetime(text)
        # a zone may take it out of the years that there are
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None

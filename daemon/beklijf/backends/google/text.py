"""Descriptions of Google events, which are HTML once a person edited one, and the plain texts that we write. Pure."""

from __future__ import annotations

import re
from html import escape

from beklijf.ical.reader import plain_text
from beklijf.mime.html import lines

_BLANK = re.compile(r"&nbsp;|&#160;|&#xa0;", re.IGNORECASE)


def to_text(description: str) -> str:
    """Return what a description says; line ends in it are line ends, as Google shows them."""
    shown = _BLANK.sub(" ", description).replace("\r\n", "\n").replace("\r", "\n")
    return plain_text("\n".join(line.text for line in lines(shown, pre=True)))


def to_description(text: str) -> str:
    """Return what reads as *text*: the text itself wherever that can be, since some programs show a description as it is."""
    plain = plain_text(text)
    return plain if to_text(plain) == plain else escape(plain, quote=False)

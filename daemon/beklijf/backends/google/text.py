"""Descriptions of Google events, which are HTML once a person edited one, and the plain texts that we write. Pure."""

from __future__ import annotations

import re
from html import escape, unescape

from beklijf.ical.reader import plain_text

_SCRIPT = re.compile(r"<script[^<>]*>.*?(?:</script>|$)", re.IGNORECASE | re.DOTALL)
_STYLE = re.compile(r"<style[^<>]*>.*?(?:</style>|$)", re.IGNORECASE | re.DOTALL)
"""What isn't closed goes on to the end."""
_PARAGRAPH = re.compile(r"</p>\s*<p\b[^<>]*>", re.IGNORECASE)
_LINE = re.compile(r"<br\b[^<>]*>", re.IGNORECASE)
_BLOCKS = re.compile(r"(?:</?(?:p|div|ul|ol|li|table|tr|blockquote|h[1-6])(?:[\s/][^<>]*)?>)+", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_BLANK = re.compile(r"&nbsp;|&#160;|&#xa0;", re.IGNORECASE)


def to_text(description: str) -> str:
    """Return what a description says; line ends in it are line ends, as Google shows them."""
    if "<" in description:
        description = _STYLE.sub("", _SCRIPT.sub("", description))
        description = _LINE.sub("\n", _PARAGRAPH.sub("\n\n", description))
        description = _TAG.sub("", _BLOCKS.sub("\n", description))
    return plain_text(unescape(_BLANK.sub(" ", description)))


def to_description(text: str) -> str:
    """Return what reads as *text*: the text itself wherever that can be, since some programs show a description as it is."""
    plain = plain_text(text)
    return plain if to_text(plain) == plain else escape(plain, quote=False)

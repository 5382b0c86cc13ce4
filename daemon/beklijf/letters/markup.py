"""Markdown with people's own words in it -> the text part of a mail; ``html`` makes the other. Knows no template and no programme.

A goal may read ``*eerst* vragen & <dan> antwoorden``, and both parts must show just that. So every punctuation character of
a value is swapped for a private-use character before it enters a template (`literal`), which to Jinja and Markdown is
a letter like any other, and swapped back at the very end: bare in text, escaped in HTML. Escaping with backslashes
instead would show in the text part, and not work in code.
"""

from __future__ import annotations

import re
import string

_SHIFT = 0xE000
MAIL_START, MAIL_END = "\uf8f0", "\uf8f1"
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_HIDE = {ord(char): chr(_SHIFT + ord(char)) for char in string.punctuation}
SHOW = {ord(hidden): chr(char) for char, hidden in _HIDE.items()} | {ord(MAIL_START): "", ord(MAIL_END): ""}
_LINK = re.compile(r"\[([^\[\]\n]*)\]\((mailto:[^()\[\]\s]*)\)")
_OWN_LINE = re.compile(r"[-*>#|] |\d+\. |---$|```")


def literal(value: str) -> str:
    """Return the value as one line in which Markdown finds nothing to do."""
    return " ".join(_PRIVATE.sub("\ufffd", value).split()).translate(_HIDE)


def address(email: str) -> str:
    """Return the address as a literal that becomes a link in HTML."""
    return f"{MAIL_START}{literal(email)}{MAIL_END}"


def plain(source: str) -> str:
    """Return the source with people's own words as they wrote them."""
    return source.translate(SHOW)


def to_text(source: str) -> str:
    """Return Markdown as a plain-text mail wants it: one line a paragraph or list item, so that every screen can fold it.

    Links stand on lines of their own below it, in angle brackets: so mail programs find where they begin and end.
    """
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", source.strip("\n")):
        lines: list[str] = []
        for line in block.splitlines():
            if not lines or _OWN_LINE.match(line.lstrip()) or line.startswith("    ") or lines[-1].endswith("\\"):
                lines.append(line.rstrip())
            else:
                lines[-1] += f" {line.strip()}"
        blocks.append("\n".join(_links_below(line.removesuffix("\\").rstrip()) for line in lines))
    return plain("\n\n".join(filter(None, blocks)).replace("**", "")) + "\n"


def _links_below(line: str) -> str:
    indent = "  " if _OWN_LINE.match(line) else ""
    return "\n".join([_LINK.sub(r"\1", line), *(f"{indent}<{link}>" for _, link in _LINK.findall(line))])

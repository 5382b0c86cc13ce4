"""HTML as the lines that a reader sees; and an event's text as Exchange Online keeps it, below which an online meeting has its link.

All HTML is read here, in mails, at Google and at Microsoft: in one pass over any whatever, since people's programs write it. Both
ways of Exchange's are ours, since its own from HTML to text and back adds links, blank lines and blanks. What stands below the line
of underscores is Microsoft's: taken away, the online meeting is switched off, so it goes back as it came. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape, unescape

from beklijf.ical.reader import plain_text

_LINE = "_" * 60
"""What Teams puts above its own part has eighty."""
_FRAME = re.compile(r"<\w[^<>]*\sclass\s*=\s*[\"']?me-email-text")
"""Where that line is missing, its own part has this class."""
_BODY = re.compile(r"<body\b[^<>]*>", re.IGNORECASE)
_CLOSING = re.compile(r"</body\b", re.IGNORECASE)
_PIECE = re.compile(r"<[^<>]*>|[^<]+|<")
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_OPENING = frozenset({"br", "div", "span", "p", "font", "hr"})
_BLOCKS = frozenset({"address", "blockquote", "body", "center", "dd", "div", "dl", "dt", "form", "hr", "html", "li", "ol", "p", "pre"})
_BLOCKS |= frozenset({"section", "table", "tbody", "thead", "tr", "ul", *(f"h{n}" for n in range(1, 7))})
_CELLS = frozenset({"td", "th"})
_UNSEEN = frozenset({"head", "script", "style", "title"})
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_LAYOUT = re.compile("^\u00a0+|\u00a0(?=[ \u00a0])|(?<= )\u00a0", re.MULTILINE)
"""Blanks that are to be seen; one between two words is the writer's own, and stays."""


def to_html(text: str, before: str = "", *, online: bool = False) -> str:
    """Return *text* as HTML, a block a line; with *online* in the place of the text in *before*, all around it as it came."""
    own = "".join(f"<div>{_shown(line) or '<br>'}</div>" for line in plain_text(text).split("\n"))
    if not online:
        return own
    head, _, tail = _parts(before)
    return f"{head}{own}{tail}"


def to_text(html: str, *, online: bool = False) -> str:
    """Return what a reader sees as lines; with *online* without what Microsoft put below."""
    text = "\n".join(line.text for line in lines(_parts(html)[1] if online else html))
    return plain_text(_LAYOUT.sub(lambda found: " " * len(found[0]), text))


def _shown(line: str) -> str:
    return re.sub(r"^ | (?= )", "&nbsp;", escape(line, quote=False))


def _parts(html: str) -> tuple[str, str, str]:
    """Return what stands before the text, the text, and what Microsoft put below with all that follows; together it is *html*."""
    body = _BODY.search(html)
    start = body.end() if body else 0
    frame = _FRAME.search(html, start)
    found = [at for at in (html.find(_LINE, start), frame.start() if frame else -1) if at >= 0]
    if not found:
        closing = _CLOSING.search(html, start)
        end = closing.start() if closing else len(html)
        return html[:start], html[start:end], html[end:]
    end = min(found)
    for piece in reversed(_PIECE.findall(html, start, end)):  # the tags that open the line belong to it
        if piece.strip() and _tag(piece) not in {("", name) for name in _OPENING}:
            break
        end -= len(piece)
    return html[:start], html[start:end], html[end:]


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    quoted: bool
    """In a ``blockquote``."""


def lines(html: str, *, pre: bool = False) -> list[Line]:
    """Return the lines: a block begins and ends one, and a ``br`` at the end of a block is that same end.

    With *pre*, blanks and line ends are to be seen as they are, and a paragraph stands apart from the one before.
    """
    reader = _Reader(pre=pre)
    begin, *rest = html.split("<!--")
    for piece in _PIECE.findall("".join([begin, *(each.partition("-->")[2] for each in rest)])):
        reader.take(piece)
    reader.end()
    return reader.done


class _Reader:
    def __init__(self, *, pre: bool) -> None:
        self.done: list[Line] = []
        self._pre = pre
        self._line: list[str] = []
        self._quotes = 0
        self._unseen = ""
        """The element of which nothing is seen until it ends."""
        self._last = ""
        """The block that the piece before begins or ends."""

    def take(self, piece: str) -> None:
        slash, name = _tag(piece)
        if self._unseen:
            if name != "body" and slash + name != f"/{self._unseen}":  # a body stands behind a head that was never closed
                return
            self._unseen = ""
        elif name in _UNSEEN and not slash:
            self._unseen = name
        if name in _BLOCKS:
            self._block(slash, name)
        elif name == "br":
            self.end(always=True)
        elif name in _CELLS and self._line and not slash:
            self._line.append(" ")
        elif not name and not piece.startswith(("<!", "<?")):
            self._text(piece)
        if name or piece.strip():
            self._last = slash + name if name in _BLOCKS else ""

    def end(self, *, always: bool = False) -> None:
        said = "".join(self._line)
        self._line.clear()
        if not self._pre:
            said = _BLANKS.sub(_blank, said).strip(" ")
        if always or said.strip(" "):
            self.done.append(Line(said, self._quotes > 0))

    def _block(self, slash: str, name: str) -> None:
        self.end()
        if self._pre and self._last == "/p" and slash + name == "p":
            self.end(always=True)
        if name == "blockquote":
            self._quotes = max(0, self._quotes - 1) if slash else self._quotes + 1

    def _text(self, piece: str) -> None:
        if self._pre and self._last and not piece.strip():
            return  # how somebody wrote the blocks below each other
        first, *more = piece.split("\n") if self._pre else [piece]
        self._line.append(unescape(first))
        for each in more:
            self.end(always=True)
            self._line.append(unescape(each))


def _blank(found: re.Match[str]) -> str:
    """Return what blanks between words are: one, but a tab within a line is the writer's own."""
    return found[0] if "\t" in found[0] and not {"\n", "\r"} & set(found[0]) else " "


def _tag(piece: str) -> tuple[str, str]:
    """Return whether a piece is a closing tag, and its name; no name for what is no tag."""
    match = _TAG.match(piece)
    return (match[1], match[2].lower()) if match else ("", "")

"""An event's text as Exchange Online keeps it: HTML, below which an online meeting has its link.

Both ways are ours, since Exchange's own way from HTML to text and back adds links, blank lines and blanks. What stands below the
line of underscores is Microsoft's: taken away, the online meeting is switched off, so it goes back as it came. Pure, and in one
pass over any HTML whatever: people's programs write it too.
"""

from __future__ import annotations

import re
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
_MORE_BLOCKS = frozenset({"section", "table", "tbody", "thead", "tr", "ul", *(f"h{n}" for n in range(1, 7))})
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
    lines = "\n".join(_lines(_parts(html)[1] if online else html))
    return plain_text(_LAYOUT.sub(lambda found: " " * len(found[0]), lines))


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


def _lines(html: str) -> list[str]:
    """Return the lines: a block begins and ends one, and a ``br`` at the end of a block is that same end."""
    done: list[str] = []
    line: list[str] = []
    unseen = 0

    def end(*, always: bool) -> None:
        said = _BLANKS.sub(_blank, "".join(line)).strip(" ")
        line.clear()
        if said or always:
            done.append(said)

    begin, *rest = html.split("<!--")
    for piece in _PIECE.findall("".join([begin, *(each.partition("-->")[2] for each in rest)])):
        slash, name = _tag(piece)
        if name in _UNSEEN:
            unseen = max(0, unseen - 1) if slash else unseen + 1
        elif name == "body":
            unseen = 0  # behind a head that was never closed
        elif name == "br" or name in _BLOCKS or name in _MORE_BLOCKS:
            end(always=name == "br")
        elif name == "td":
            line.append(" ")
        elif not name and not piece.startswith(("<!", "<?")) and not unseen:
            line.append(unescape(piece))
    end(always=False)
    return done


def _blank(found: re.Match[str]) -> str:
    """Return what blanks between words are: one, but a tab within a line is the writer's own."""
    return found[0] if "\t" in found[0] and not {"\n", "\r"} & set(found[0]) else " "


def _tag(piece: str) -> tuple[str, str]:
    """Return whether a piece is a closing tag, and its name; no name for what is no tag."""
    match = _TAG.match(piece)
    return (match[1], match[2].lower()) if match else ("", "")

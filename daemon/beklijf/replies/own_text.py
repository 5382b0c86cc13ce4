"""Finds what the sender of a mail wrote, without what they answer to, and the goal in it. Text in, text out.

Mail programs mark what is quoted in four ways: ``>`` before each line, a line that says who wrote what follows ("On .. wrote:"),
a ruler ("-----Original Message-----"), a block of headers ("Van: .. Verzonden: .."). HTML has ``blockquote`` beside these.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from beklijf.mime import html

LONGEST_GOAL = 300

FORM = r"bk-[a-z2-7]{20}"
"""Of a token."""
_TOKEN_LINE = re.compile(rf"[\s*\[(<]*({FORM})(?![a-z0-9])", re.IGNORECASE)
_GOAL = re.compile(r"[\s*_]*(?:doel|goal)[\s*_]*:[\s*_]*(.*)", re.IGNORECASE)

_ON = re.compile(r"\s*(on|op|am|le|el|il|em|den|på)\b", re.IGNORECASE)
_WROTE = re.compile(r"\b(wrote|writes|schreef|geschreven|schrieb|écrit|escribió|scritto|escreveu|skrev)\b", re.IGNORECASE)
_FROM = re.compile(r"[\s*]*(from|van|von|de|da|från)\s*:[\s*]", re.IGNORECASE)
_SENT = re.compile(
    r"[\s*]*(sent|verzonden|date|datum|gesendet|envoyé|enviado|inviato|skickat|to|aan|an|à|subject|onderwerp|betreff|objet)\s*:",
    re.IGNORECASE,
)
_LONGEST_SEPARATOR = 500
_LONGEST_HEADING = 60
_WRAPPED = 3
_SHORTEST_NAME = 3
_BLOCK = 5


@dataclass(frozen=True, slots=True)
class OwnText:
    token: str = ""
    """At the beginning of a line, as the prefilled text has it; in lower case."""
    goal: str = ""
    rest: bool = False
    """There is more than that."""


def read(text: str) -> OwnText:
    """Return what is the sender's own in *text*; the first goal that is not empty holds, and a second one is more."""
    token = goal = ""
    rest = False
    for line in own_lines(text):
        named, wanted = _TOKEN_LINE.match(line), _GOAL.match(line)
        said = clean(wanted[1]) if wanted else ""
        if named:
            token = token or named[1].lower()
        elif said and not goal:
            goal = said
        elif said or not (wanted or _is_blank(line)):
            rest = True
    return OwnText(token, goal, rest)


def own_lines(text: str) -> list[str]:
    """Return the lines above and between what is quoted."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = []
    number = 0
    while number < len(lines):
        line = lines[number]
        wrapped = _wrote(lines, number)
        if wrapped and not _is_marked(lines, number + wrapped):
            break
        if _is_ruler(line) or _is_block(lines, number):
            break
        if not wrapped and not line.lstrip().startswith(">"):
            found.append(line)
        number += wrapped or 1
    return found


def _wrote(lines: list[str], number: int) -> int:
    """Return how many lines "On .. wrote:" takes here; programs wrap it."""
    for taken in range(1, _WRAPPED + 1):
        joined = " ".join(lines[number : number + taken]).rstrip()
        begins = _ON.match(joined) if len(joined) <= _LONGEST_SEPARATOR and joined.endswith(":") else None
        if begins and _WROTE.search(joined, begins.end() + _SHORTEST_NAME):
            return taken
    return 0


def _is_marked(lines: list[str], number: int) -> bool:
    """Say whether the first line with something in it is quoted by a mark, so that what isn't marked is the sender's."""
    return next((line.lstrip().startswith(">") for line in lines[number : number + _BLOCK] if not _is_blank(line)), False)


def _is_ruler(line: str) -> bool:
    """Say whether the line is "-----Original Message-----", in any language, or the long line of a browser's Outlook."""
    bare = line.strip()
    heading = bare.strip("-").strip()
    return (bare[:2] == bare[-2:] == "--" and 0 < len(heading) <= _LONGEST_HEADING) or (bare.startswith("_" * 20) and not bare.strip("_"))


def _is_block(lines: list[str], number: int) -> bool:
    """Say whether the headers of another mail begin here."""
    first, more = lines[number], lines[number + 1 : number + _BLOCK]
    return len(first) <= _LONGEST_SEPARATOR and bool(_FROM.match(f"{first} ")) and any(map(_SENT.match, more))


def _is_blank(line: str) -> bool:
    return not clean(line)


def clean(text: str) -> str:
    """Return *text* on one line, with nothing in it that can't be seen, no longer than a goal may be."""
    seen = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c)[0] != "C")
    return " ".join(seen.split()).strip("*_ ")[:LONGEST_GOAL].rstrip()


# -- other forms of text -----------------------------------------------------------------------------------------------


def unflowed(text: str, *, delete_space: bool) -> str:
    """Join the lines that a program broke (RFC 3676); the signature's ``-- `` is no such line."""
    lines: list[str] = []
    flows = False
    for line in text.replace("\r\n", "\n").split("\n"):
        if flows and not line.startswith(">"):
            lines[-1] += line
        else:
            lines.append(line)
        flows = line.endswith(" ") and line != "-- " and not line.startswith(">")
        if flows and delete_space:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)


def from_html(source: str) -> str:
    """Return the text of *source* with a line for each block, and ``>`` before what is in a blockquote."""
    return "\n".join(f"> {line.text}" if line.quoted else line.text for line in html.lines(source))

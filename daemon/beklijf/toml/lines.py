"""Says on which line of a TOML file each value stands, which ``tomllib`` does not.

Reads text that ``tomllib`` has accepted, and only once something in it turned out to be wrong: it checks nothing, and it is
linear, because one mistake among ten thousand mentorships should not take minutes to point at.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path: TypeAlias = tuple[str | int, ...]
"""``("training", 0, "sessions", 1)`` is ``training[0].sessions[1]``."""

_TOKEN = re.compile(
    r'''
      """ (?: \\. | [^\\] )*? (?: """ "{0,2} | \\?\Z )      # up to two quotes may stand before the closing three
    | \'\'\' .*? (?: \'\'\' '{0,2} | \Z )                 # and what doesn't end goes on for ever, as everywhere here
    | " (?: \\. | [^"\\\n] )* "?
    | ' [^'\n]* '?
    | \# [^\n]*
    | [\[\]{}=,\n]
    | [^\s"'\#\[\]{}=,]+                        # bare keys, numbers, dates
    ''',
    re.VERBOSE | re.DOTALL,
)
_BETWEEN = ("\n", ",")


def lines_of(text: str) -> Mapping[Path, int]:
    """Return the line of every table, key and list element of *text*."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), ("\n", 0), ("", 0)]
        self._next = 0
        self._lines: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}

    def scan(self) -> Mapping[Path, int]:
        here: Path = ()
        while sign := self._peek():
            if sign == "\n":
                self._take()
            elif sign == "[":
                here = self._header()
            else:
                self._pair(here)
        return self._lines

    def _peek(self) -> str:
        return self._tokens[self._next][0]

    def _line(self) -> int:
        return self._tokens[self._next][1]

    def _take(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _header(self) -> Path:
        line = self._line()
        self._take()
        is_list = self._peek() == "["
        if is_list:
            self._take()
        *outer, last = self._key("]")
        if is_list:
            self._take()
        path: Path = ()
        for name in outer:
            path += (name,)
            self._lines.setdefault(path, line)
            if path in self._counts:  # [[training]] before [[training.mentorship]]: the latest training
                path += (self._counts[path] - 1,)
        path += (last,)
        if is_list:
            self._lines.setdefault(path, line)
            number = self._counts.get(path, 0)
            self._counts[path] = number + 1
            path += (number,)
        self._lines[path] = line
        return path

    def _pair(self, here: Path) -> None:
        line = self._line()
        for name in self._key("="):
            here += (name,)
            self._lines.setdefault(here, line)
        self._value(here)

    def _key(self, end: str) -> list[str]:
        """Take a dotted key and the token that ends it."""
        names: list[str] = []
        while (token := self._take()) != end:
            if token[0] in "\"'":
                names.append(str(tomllib.loads(f"key = {token}")["key"]))
            else:
                names.extend(part for part in token.split(".") if part)
        return names

    def _value(self, path: Path) -> None:
        first = self._take()
        if first == "[":
            self._list(path)
        elif first == "{":
            while self._between() != "}":
                self._pair(path)
            self._take()
        else:
            while self._peek() not in ("\n", ",", "]", "}"):  # 2027-01-19 10:00:00 is two tokens
                self._take()

    def _list(self, path: Path) -> None:
        number = 0
        while self._between() != "]":
            self._lines[(*path, number)] = self._line()
            self._value((*path, number))
            number += 1
        self._take()

    def _between(self) -> str:
        while self._peek() in _BETWEEN:
            self._take()
        return self._peek()


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token[0] != "#":
            yield token, line
        line += token.count("\n")

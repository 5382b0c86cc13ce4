"""Reads TOML strictly: every value checked, every key known, all problems at once and each with its line.

Knows tables and lines, nothing of trainings or calendars; single values are taken by the functions of `values`.
A value that is wrong is reported and replaced by a stopgap, so that reading goes on; what was read counts only when
nothing was reported.
"""

from __future__ import annotations

import re
import tomllib
from datetime import date
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from beklijf.boundary import contents
from beklijf.model.domain import Span
from beklijf.model.errors import ConfigError, Problem
from beklijf.toml.lines import lines_of
from beklijf.toml.values import Wrong, day, did_you_mean, in_words, listed, tabled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from beklijf.toml.lines import Path as Where

T = TypeVar("T")
D = TypeVar("D")


class _Found(NamedTuple):
    path: Where
    what: str
    hint: str
    warning: bool


class Document:
    """One TOML file while it is read, with all that was found wrong in it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.tables: list[Table] = []
        self._found: dict[_Found, None] = {}  # in order, and each once
        self.root = Table(self, (), _parsed(name, text))

    def found(self, path: Where, what: str, hint: str = "", *, warning: bool = False) -> None:
        self._found[_Found(path, what, hint, warning)] = None

    def problems(self) -> list[Problem]:
        """Return everything found, unknown keys included, in the order of the file; call it when all was read."""
        for table in self.tables:
            table.report_unknown_keys()
        self.tables.clear()
        if not self._found:
            return []
        lines = lines_of(self.text)
        problems = [
            Problem(
                file=self.name,
                line=nearest_line(lines, found.path),
                where=spelt(found.path),
                what=found.what,
                hint=found.hint,
                warning=found.warning,
            )
            for found in self._found
        ]
        return sorted(problems, key=lambda problem: problem.line)


class Table:
    """One table of a document; remembers which keys were asked for, so that the others can be called unknown."""

    __slots__ = ("_asked", "_values", "document", "path", "sound")

    def __init__(self, document: Document, path: Where, values: Mapping[str, object]) -> None:
        self.document = document
        self.path = path
        self.sound = True
        """No error was found in this table itself so far."""
        self._values = values
        self._asked: set[str] = set()
        document.tables.append(self)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def wrong(self, key: str | int | None, what: str, hint: str = "") -> None:
        self.sound = False
        self.document.found(self.path if key is None else (*self.path, key), what, hint)

    def warn(self, key: str | int | None, what: str, hint: str = "") -> None:
        self.document.found(self.path if key is None else (*self.path, key), what, hint, warning=True)

    def get(self, key: str, parse: Callable[[object], T], default: D) -> T | D:
        """Return the value of a key that may be left out."""
        self._asked.add(key)
        if key not in self._values:
            return default
        try:
            return parse(self._values[key])
        except Wrong as error:
            self.wrong(key, str(error), error.hint)
            return default

    def need(self, key: str, parse: Callable[[object], T], stopgap: D) -> T | D:
        """Return the value of a key that must be there."""
        if key not in self._values:
            self._asked.add(key)
            self.wrong(None, f"{key} is missing")
            return stopgap
        return self.get(key, parse, stopgap)

    def each(self, key: str, parse: Callable[[object], T], inline: Callable[[Table], T] | None = None) -> dict[int, T]:
        """Return the elements of a list by their place; those that are wrong are left out. *inline* reads elements that are tables."""
        found: dict[int, T] = {}
        for number, value in enumerate(self.get(key, listed, ())):
            path = (*self.path, key, number)
            try:
                if inline and isinstance(value, dict):
                    found[number] = inline(Table(self.document, path, value))
                else:
                    found[number] = parse(value)
            except Wrong as error:
                self.sound = False
                self.document.found(path, str(error), error.hint)
        return found

    def table(self, key: str, *, needed: bool = True) -> Table:
        """Return an inner table; an empty one that reports nothing when it is not *needed* or not a table."""
        if needed or key in self._values:
            values = self.need(key, tabled, None)
            if values is not None:
                return Table(self.document, (*self.path, key), values)
        else:
            self._asked.add(key)
        return Table(Document("", ""), (), {})

    def tables_of(self, key: str) -> list[Table]:
        """Return the tables of ``[[key]]``; none when there are none."""
        if isinstance(self._values.get(key), dict):
            self._asked.add(key)
            self.wrong(key, f"must stand under [[{key}]]", "two brackets on either side: there may be several of them")
            return []
        return list(self.each(key, _no_table, lambda table: table).values())

    def report_unknown_keys(self) -> None:
        for key in self._values:
            if key not in self._asked:
                self.wrong(key, "unknown key", did_you_mean(key, self._asked))


def _parsed(name: str, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        position = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        what = str(error)[: position.start()] if position else str(error)
        line = int(position[1]) if position and position[1] else text.count("\n") + 1
        column = f", in column {position[2]}" if position and position[2] else ""
        hint = "texts stand in quotes, dates and numbers do not, and a list ends with ]"
        problem = Problem(file=name, line=line, what=f"not TOML: {what[:1].lower()}{what[1:]}{column}", hint=hint)
    except ValueError:  # the one thing that is TOML and that Python will not read: more than 4,300 digits
        problem = Problem(file=name, what="not a config: a number is too long")
    except RecursionError:
        problem = Problem(file=name, what="not a config: lists within lists without end")
    raise ConfigError([problem])


def open_document(path: Path, *, hint: str = "") -> tuple[Document, bytes]:
    """Read a file, and return its bytes too (for digests); raises ConfigError. *hint* helps whose file isn't there."""
    try:
        data = contents.read(path)
    except FileNotFoundError:
        raise ConfigError([Problem(file=str(path), what="there is no such file", hint=hint)]) from None
    except OSError as error:
        raise ConfigError([Problem(file=str(path), what=f"cannot be read: {error.strerror}", hint=hint)]) from error
    try:
        text = data.decode("utf-8-sig")  # Windows editors put a mark in front, which TOML does not know
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(file=str(path), line=line, what="not UTF-8", hint="save the file as UTF-8 text")]) from error
    return Document(str(path), text), data


def nearest_line(lines: Mapping[Where, int], path: Where) -> int:
    """Return the line of *path*, or of the innermost thing around it; 0 for what is nowhere in the file."""
    while path and path not in lines:
        path = path[:-1]
    return lines[path] if path else 0


def spelt(path: Where) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def span_table(table: Table) -> Span:
    """Read ``{ from = .., until = .. }``."""
    first, last = table.need("from", day, date.min), table.need("until", day, date.max)
    if last < first:
        table.wrong("until", "lies before from")
    return Span(first, last)


def _no_table(value: object) -> Table:
    raise Wrong(f"must be a table, not {in_words(value)}")

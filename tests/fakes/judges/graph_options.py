"""Query options of OData, as Microsoft Graph takes them for each resource: names, values, and the properties that they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tests.fakes.judges import Illegal, graph_shapes
from tests.fakes.judges.graph_reference import EVENT_MESSAGES
from tests.fakes.judges.shapes import is_instant, is_local

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKENS = ("$deltatoken", "$skiptoken")
_VALUES = {
    "$top": re.compile(r"[1-9]\d{0,2}|1000"),
    "$skip": re.compile(r"\d+"),
    "$count": re.compile("true|false"),
    "includeHiddenFolders": re.compile("true|false"),
    "changeType": re.compile("created|updated|deleted"),
}
_TEXT = re.compile(r"'(?:[^']|'')*'")
_COMPARED = re.compile(r"([A-Za-z_][\w.]*(?:/[\w.]+)*)\s+(?:eq|ne|gt|ge|lt|le)\s")
_CALLED = re.compile(r"(?:startswith|endswith|contains)\(\s*([\w/.]+)")
_LAMBDA = re.compile(r"([\w/]+)/(?:[Aa]ny|[Aa]ll)\(\s*(\w+)\s*:")


def options(query: str, where: str) -> dict[str, str]:
    """Read a query into its options; each can be given once."""
    pairs = parse_qsl(query, keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Illegal(where, "an option is given twice")
    return found


def judge_options(given: Mapping[str, str], known: frozenset[str], resource: str, where: str) -> None:
    for name, value in given.items():
        if name not in known:
            raise Illegal(where, f"takes no {name}")
        _judge_option(name, value, resource, f"{where}, {name}")
    if "startDateTime" in known:
        _judge_window(given, "$deltatoken" in known, where)
    elif any(name in given for name in TOKENS) and len(given) > 1:
        raise Illegal(where, "a link with a token is used as it was given, with nothing beside it")


def chosen(given: Mapping[str, str]) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Say which properties an answer may have: those selected, if any are, and those expanded."""
    selected = frozenset(_last(name) for name in given["$select"].split(",")) if "$select" in given else None
    return selected, frozenset(_last(name) for name in _expanded(given.get("$expand", "")))


def _judge_window(given: Mapping[str, str], delta: bool, where: str) -> None:
    window = [name for name in ("startDateTime", "endDateTime") if name in given]
    tokens = [name for name in TOKENS if name in given]
    if tokens:
        if len(given) > 1:
            raise Illegal(where, "a link with a token is used as it was given, with nothing beside it")
    elif len(window) < 2:
        raise Illegal(where, "needs startDateTime and endDateTime" + (", or a token" if delta else ""))


def _judge_option(name: str, value: str, resource: str, where: str) -> None:
    pattern = _VALUES.get(name)
    if not value or (pattern and not pattern.fullmatch(value)):
        raise Illegal(where, f"{value!r} is no value that is taken here")
    if name in {"startDateTime", "endDateTime"} and not (is_local(value) or is_instant(value)):
        raise Illegal(where, f"{value!r} is no date and time (a plus sign must be percent-encoded)")
    if name == "$select":
        _judge_names(value.split(","), resource, where)
    elif name == "$orderby":
        _judge_names([re.sub(r" (asc|desc)$", "", part.strip()) for part in value.split(",")], resource, where)
    elif name == "$expand":
        _judge_names(_expanded(value), resource, where)
        for inner in re.findall(r"\(\$filter=(.*?)\)", value):
            _judge_filter(inner, "SingleValueLegacyExtendedProperty", where)
    elif name == "$filter":
        _judge_filter(value, resource, where)


def _judge_names(paths: list[str], resource: str, where: str) -> None:
    for path in paths:
        name, of = path.split("/")[0], resource
        if name.startswith("microsoft.graph."):
            cast = name.removeprefix("microsoft.graph.")
            name, of = _last(path), cast[0].upper() + cast[1:]
            if of not in EVENT_MESSAGES or resource != "Message":
                raise Illegal(where, f"{resource} can't be taken for {cast}")
        if name not in graph_shapes.names(of):
            raise Illegal(where, f"{of} has no {name}")


def _judge_filter(value: str, resource: str, where: str) -> None:
    """Judge quotes, brackets and the names compared; not the grammar, nor what the server can search by."""
    bare = _TEXT.sub("''", value)
    if "'" in bare.replace("''", ""):
        raise Illegal(where, f"a quote is open in {value!r}")
    if bare.count("(") != bare.count(")"):
        raise Illegal(where, f"a bracket is open in {value!r}")
    variables = {variable: collection for collection, variable in _LAMBDA.findall(bare)}
    _judge_names(list(variables.values()), resource, where)
    compared = [*_COMPARED.findall(bare), *_CALLED.findall(bare)]
    if not compared:
        raise Illegal(where, f"{value!r} compares nothing")
    _judge_names([name for name in compared if name.split("/")[0] not in variables], resource, where)


def _expanded(value: str) -> list[str]:
    """Name what is expanded, without the options in brackets."""
    bare = _TEXT.sub("''", value)
    while bare != (less := re.sub(r"\([^()]*\)", "", bare)):
        bare = less
    return [name.strip() for name in bare.split(",") if name.strip()]


def _last(path: str) -> str:
    return path.strip().rsplit("/", maxsplit=1)[-1]

#!/usr/bin/env python3
"""Print one tick as the code has it, read from the syntax tree: docs/tick.py. A test holds docs/architecture.md against it."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import beklijf

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(beklijf.__file__).parent
ROOM, OPENED = "tick/", {"tick/engine.py", "tick/take.py", "decide/decider.py"}
EVERYWHERE = ("ledger/", "model/", "tick/stages.py", "tick/outages.py", "tick/set_aside.py", "tick/collector.py", "tick/defects.py")
"""What nearly every step does: notes, looks up, counts what fails. It would hide the rest."""


class Place(NamedTuple):
    """A function or a class of ours: its file, the class that it is in, its name."""

    file: str
    owner: str
    name: str

    @property
    def node(self) -> ast.AST:
        node = defined(self.file).get(self.owner or self.name, ast.Pass())
        if not self.owner:
            return node
        inside = node.body if isinstance(node, ast.ClassDef) else []
        return next((each for each in inside if isinstance(each, ast.FunctionDef) and each.name == self.name), ast.Pass())


START = Place("tick/engine.py", "Engine", "tick")


# -- what a name stands for --------------------------------------------------------------------------------------------


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((PACKAGE / file).read_text(encoding="utf-8"))


@cache
def defined(file: str) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    return {node.name: node for node in tree(file).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@cache
def imported(file: str) -> dict[str, tuple[str, str]]:
    """Return the file that each imported name of ours is from, and what it is called there: nothing for the file itself."""
    found = {}
    for node in [node for node in ast.walk(tree(file)) if isinstance(node, ast.ImportFrom)]:
        for alias in node.names:
            inner, outer = _file(f"{node.module}.{alias.name}"), _file(str(node.module))
            if inner or outer:
                found[alias.name] = (inner, "") if inner else (outer, alias.name)
    return found


def _file(module: str) -> str:
    path = module.removeprefix("beklijf.").replace(".", "/")
    return next((name for name in (f"{path}.py", f"{path}/__init__.py") if (PACKAGE / name).is_file()), "")


def named(file: str, name: str) -> Place | None:
    """Return what *name* is in *file*, wherever it comes from."""
    if name in defined(file):
        return Place(file, "", name)
    there, original = imported(file).get(name, ("", ""))
    return named(there, original) if original else None


def called(expression: ast.AST, place: Place) -> Place | None:
    """Return the function that *expression* is in the body of *place*; None for what isn't ours, or no function."""
    found = None
    match expression:
        case ast.Name(id=name):
            found = named(place.file, name)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if imported(place.file).get(name, ("", name))[1] == "":
            found = named(imported(place.file)[name][0], attribute)
        case ast.Attribute(value=value, attr=attribute):
            owner = class_of(value, place)
            found = Place(owner.file, owner.name, attribute) if owner else None
    return found if found and isinstance(found.node, ast.FunctionDef) else None


def class_of(expression: ast.AST, place: Place) -> Place | None:
    """Return the class of ``self``, of a parameter or another name, of ``self.reader``, of ``self.reader.whereabouts``."""
    match expression:
        case ast.Name(id="self"):
            return Place(place.file, "", place.owner)
        case ast.Name(id=name):
            return _class_of_name(name, place)
        case ast.Attribute(value=value, attr=attribute):
            owner = class_of(value, place)
            return _class_of_attribute(attribute, owner) if owner else None
        case ast.BinOp(left=left):  # Inbox | None
            return class_of(left, place)
        case ast.Call(func=made):
            return class_of(made, place)
    return None


def _class_of_name(name: str, place: Place) -> Place | None:
    for node in ast.walk(place.node):
        match node:
            case ast.arg(arg=known, annotation=ast.AST() as kind) if known == name:
                return class_of(kind, place._replace(name=""))
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                pairs = {ast.unparse(target): value for target, value in zip(targets, values, strict=True)}
                if isinstance(value := pairs.get(name), ast.Attribute):
                    return class_of(value, place)
    return named(place.file, name)


def _class_of_attribute(attribute: str, owner: Place) -> Place | None:
    inside = Place(owner.file, owner.name, "__init__")
    for node in ast.walk(owner.node):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=kind) if name == attribute:
                return class_of(kind, inside)
            case ast.FunctionDef(name=name, decorator_list=[ast.Name("cached_property")], returns=ast.AST() as kind) if name == attribute:
                return class_of(kind, inside)
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value) if name == attribute:
                return class_of(value, inside)
    return None


# -- the tick ----------------------------------------------------------------------------------------------------------


def steps(place: Place) -> Iterator[tuple[str, Place]]:
    """Yield what *place* calls, or hands on to be called, in the order in which it stands there."""
    calls = [node for node in ast.walk(place.node) if isinstance(node, ast.Call)]
    found = {(each.end_lineno, each.end_col_offset): each for call in calls for each in (call.func, *call.args)}
    for _, expression in sorted(found.items()):
        if there := called(expression, place):
            yield ast.unparse(expression).removeprefix("self."), there


def lines(place: Place, seen: set[Place], indent: str = "") -> Iterator[tuple[str, str]]:
    """Yield the engine's own steps, opened, and what they call; the rest of the room only where it reaches another one."""
    for words, there in steps(place):
        if there in seen or there.file.startswith(EVERYWHERE):
            continue
        seen.add(there)
        below: list[tuple[str, str]] = []
        if there.file in OPENED:
            below += lines(there, seen, f"{indent}  ")
        elif there.file.startswith(ROOM):
            below += ((f"{indent}  {inner}", file) for inner, file in reached(there, {there}).items())
        if below or not there.file.startswith(ROOM) or place == START:
            yield indent + words, there.file
            yield from below


def reached(place: Place, seen: set[Place]) -> dict[str, str]:
    """Return what *place* calls of other rooms, by itself or through others of its own."""
    found: dict[str, str] = {}
    for words, there in steps(place):
        if there.file.startswith(ROOM) and there not in seen:
            seen.add(there)
            found |= reached(there, seen)
        elif not there.file.startswith((ROOM, *EVERYWHERE)):
            found[words.lstrip("_")] = there.file
    return found


def main() -> None:
    found = list(lines(START, {START}))
    width = max(len(words) for words, _ in found) + 4
    sys.stdout.writelines(f"{words:<{width}}{file}\n" for words, file in found)


if __name__ == "__main__":
    main()

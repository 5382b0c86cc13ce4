"""No text from outside can keep a regular expression busy: each of ours is linear in the way in which it is used.

All of them are found by the syntax tree, and judged by recheck (which redos-linter brings, with deno to run it): by automaton
where that knows the syntax, else by trying. Nothing is run on texts that would hurt.

Judging all takes minutes of CPU, and says the same each time: what was judged is in tests/golden/expressions.json, and only what
isn't there is judged (after another version of the judge: all). After a change that is meant:
BEKLIJF_GOLDEN=write python -m pytest tests/unit/test_expressions.py, and read the diff. ``make test-thorough`` judges all anew.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sysconfig
from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from beklijf.boundary import credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DAEMON = Path(__file__).parents[2] / "daemon"
JUDGE = Path(__file__).parents[1] / "judge_expressions.js"
GOLDEN = Path(__file__).parents[1] / "golden" / "expressions.json"
GOOD = {"linear", "safe"}
ANYWHERE = {"search", "findall", "finditer", "sub", "subn", "split"}
METHODS = {"match", "fullmatch"} | ANYWHERE
OTHERS = {"regex", "re2", "fnmatch"}
"""Modules that make regular expressions too, and that this test doesn't know."""


class Spelt(NamedTuple):
    """All that a verdict depends on, as JavaScript has it: how an expression is used stands in it."""

    source: str
    flags: str


@dataclass(frozen=True)
class Use:
    """A regular expression, and how it is looked for."""

    where: str
    source: str
    flags: int
    way: str

    def spelt(self) -> Spelt:
        source = self.source.replace("(?P<", "(?<").replace(r"\Z", "$").replace(r"\A", "^")
        inline = re.match(r"\(\?([ims]+)\)", source)
        source, flags = source[inline.end() if inline else 0 :], inline[1] if inline else ""
        if self.flags & re.VERBOSE:
            source = re.sub(r"(?<!\\)#.*|(?<![\\\[ ])\s+", "", source)
        if self.way not in ANYWHERE:
            assert not self.flags & re.MULTILINE, f"{self.where}: with MULTILINE, search says what is meant"
            source = f"^(?:{source})" + ("$" if self.way == "fullmatch" else "")
        names = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"))
        return Spelt(source, "".join(name for flag, name in names if self.flags & flag or name in flags))


MADE = {
    "beklijf.boundary.credentials": lambda: (*credentials._patterns("a+", "x"), credentials._cores("0123456789 abcdef")[0]),
}
"""Modules that make expressions of what a config says (never of what others wrote), with some that they make."""


def found(source: str, module: str, namespace: dict[str, object], *, makes: bool = False) -> tuple[dict[str, re.Pattern[str]], list[Use]]:
    """Return the patterns that stand under a name, and those that are used where they stand; fails on any other."""
    tree = ast.parse(source)
    named: dict[str, re.Pattern[str]] = {}
    used: list[Use] = []
    compiled = {
        id(each.value): each.targets[0].id
        for each in tree.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name) and len(each.targets) == 1
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module or ""}
            assert not names & OTHERS, f"{module}:{node.lineno}: regular expressions that nobody judges"
            assert not (isinstance(node, ast.ImportFrom) and node.module == "re"), f"{module}:{node.lineno}: say re.match"
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "re"):
            continue
        where = f"{module}:{node.lineno}"
        if node.func.attr == "compile":
            if makes and id(node) not in compiled:
                continue
            assert id(node) in compiled, f"{where}: compiled where this test can't see how it is used"
            pattern = namespace[compiled[id(node)]]
            assert isinstance(pattern, re.Pattern)
            named[compiled[id(node)]] = pattern
        elif node.func.attr in METHODS:
            given = node.args[0]
            assert isinstance(given, ast.Constant), f"{where}: a regular expression that depends on something"
            assert isinstance(given.value, str | bytes)
            flags = [flag for each in node.keywords if each.arg == "flags" for flag in ast.unparse(each.value).split(" | ")]
            taken = sum(re.RegexFlag[flag.removeprefix("re.")] for flag in flags)
            assert len(node.args) <= (3 if node.func.attr in {"sub", "subn"} else 2), f"{where}: flags by name"
            used.append(Use(where, _text(given.value), int(taken), node.func.attr))
        else:
            assert node.func.attr == "escape", f"{where}: re.{node.func.attr}"
    return named, used


def ways(source: str) -> dict[str, set[str]]:
    """Return in which ways the names in *source* are used, as patterns are; a name that is handed on may be used in any."""
    tree = ast.parse(source)
    result: defaultdict[str, set[str]] = defaultdict(set)
    as_pattern: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Name | ast.Attribute):
            result[node.value.id if isinstance(node.value, ast.Name) else node.value.attr].add(node.attr)
            as_pattern.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load) and id(node) not in as_pattern:
            result[node.id if isinstance(node, ast.Name) else node.attr].add("search")
    return result


def _text(pattern: str | bytes) -> str:
    return pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern


def all_uses() -> list[Use]:
    sources = {path: path.read_text(encoding="utf-8") for path in sorted(DAEMON.rglob("*.py"))}
    everywhere: defaultdict[str, set[str]] = defaultdict(set)
    for source in sources.values():
        for name, these in ways(source).items():
            everywhere[name] |= these
    uses: list[Use] = []
    for path, source in sources.items():
        if "re." not in source:
            continue
        module = ".".join(path.relative_to(DAEMON).with_suffix("").parts).removesuffix(".__init__")
        named, direct = found(source, module, vars(importlib.import_module(module)), makes=module in MADE)
        uses += direct
        uses += [Use(f"{module} ({n})", _text(each.pattern), each.flags, "search") for n, each in enumerate(MADE.get(module, tuple)())]
        for name, pattern in named.items():
            here = (ways(source) if name.startswith("_") else everywhere)[name]
            assert here, f"{module}.{name} is used nowhere"
            uses += [Use(f"{module}.{name}", _text(pattern.pattern), pattern.flags, way) for way in sorted(here)]
    return uses


def judged(expressions: Iterable[Spelt]) -> dict[Spelt, str]:
    """Return recheck's word on each: linear, safe (no repetition that counts), or why not."""
    spelt = sorted(set(expressions))  # many a name stands for the same
    if not spelt:
        return {}
    bundle = resources.files("redos_linter").joinpath("recheck.bundle.js")
    deno = Path(sysconfig.get_path("scripts"), "deno")
    run = subprocess.run(
        [deno, "run", "--no-remote", "--allow-read", "--allow-env", JUDGE, Path(str(bundle)).as_uri()],
        input=json.dumps(spelt),
        capture_output=True,
        text=True,
        check=False,
        env={"RECHECK_BACKEND": "pure", "NO_COLOR": "1"},
    )
    assert run.returncode == 0, run.stderr
    result: list[str] = json.loads(run.stdout)
    return dict(zip(spelt, result, strict=True))


def judge() -> str:
    """Return by what a verdict is: the judge's version, and how it is asked."""
    return f"redos-linter {metadata.version('redos-linter')}, {JUDGE.name} {sha256(JUDGE.read_bytes()).hexdigest()[:12]}"


def remembered() -> dict[Spelt, str]:
    """Return the verdicts that were written down, none of them when they are another judge's."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return {Spelt(source, flags): word for source, flags, word in golden["judged"]} if golden["by"] == judge() else {}


def written(verdicts: Mapping[Spelt, str]) -> str:
    lines = ",\n".join(json.dumps([*spelt, word]) for spelt, word in sorted(verdicts.items()))
    return f'{{"by": {json.dumps(judge())}, "judged": [\n{lines}\n]}}\n'


def verdicts(uses: list[Use], known: Mapping[Spelt, str]) -> dict[Spelt, str]:
    """Return the word on each, and on nothing else: what is known of it, or what the judge says now."""
    asked = {use.spelt() for use in uses}
    return {spelt: word for spelt, word in known.items() if spelt in asked} | judged(asked - known.keys())


def refused(uses: list[Use], verdicts: Mapping[Spelt, str]) -> dict[str, str]:
    """Return where an expression is used in a way that isn't linear, and what the judge says of it."""
    return {f"{use.where} {use.way}": word for use in uses if (word := verdicts[use.spelt()]) not in GOOD}


CANARIES = {
    r"^(a+)+$": "exponential",
    r"^(a|a)*$": "exponential",
    r"\s+$": "2nd degree polynomial",
    r"<!--.*?-->": "2nd degree polynomial",
    r"^\s*\S*\s*x$": "2nd degree polynomial",
    r"^BEGIN:A\r?\n(?:(?!TZID:|END:A).*\r?\n)*TZID:(.*)\r?\n(?:(?!END:A).*\r?\n)*END:A": "polynomial",
}
"""What is known to be none of that; judged, and never run. The last is what we once read zones with."""


def test_no_text_keeps_a_regular_expression_of_ours_busy() -> None:
    uses = all_uses()
    write = os.environ.get("BEKLIJF_GOLDEN") == "write"
    known = {} if write else remembered()
    words = verdicts(uses, known)

    assert len(uses) > 60
    assert refused(uses, words) == {}
    if write:
        GOLDEN.write_text(written(words), encoding="utf-8")
    assert write or not known or known == words, (
        "expressions came, went or changed, and those that are there are good: write them down, or they are judged at each run\n"
        "BEKLIJF_GOLDEN=write .venv/bin/python -m pytest tests/unit/test_expressions.py"
    )


@pytest.mark.thorough
def test_whatever_was_written_down_the_judge_finds_them_all_good() -> None:
    uses = all_uses()

    assert refused(uses, verdicts(uses, {})) == {}


def test_an_expression_that_was_never_judged_is_judged_whatever_is_known_of_others() -> None:
    good, bad = Use("module:1", "a", 0, "search"), Use("module:2", r"\s+$", 0, "search")
    words = verdicts([good, bad], {good.spelt(): "linear", Spelt("gone", ""): "linear"})

    assert words.keys() == {good.spelt(), bad.spelt()}
    assert refused([good, bad], words) == {"module:2 search": words[bad.spelt()]}
    assert words[bad.spelt()].startswith("2nd degree polynomial")


def test_a_known_expression_that_is_used_in_another_way_or_with_other_flags_is_another() -> None:
    known = Use("module:1", r"(a|b)*", 0, "match")

    for other in (Use("module:1", known.source, 0, "search"), Use("module:1", known.source, int(re.IGNORECASE), "match")):
        assert other.spelt() != known.spelt()


def test_what_was_refused_stays_refused_when_it_is_written_down() -> None:
    bad = Use("module:1", r"\s+$", 0, "search")

    assert refused([bad], verdicts([bad], {bad.spelt(): "2nd degree polynomial"})) == {"module:1 search": "2nd degree polynomial"}


def test_the_judge_sees_what_is_not_linear() -> None:
    canaries = [Use("canary", source, int(re.MULTILINE if "BEGIN" in source else 0), "search").spelt() for source in CANARIES]
    words = judged(canaries)

    assert [wanted in words[spelt] for wanted, spelt in zip(CANARIES.values(), canaries, strict=True)] == [True] * len(CANARIES), words


def test_the_same_expression_is_judged_by_how_it_is_used() -> None:
    match, search = (Use("canary", r"\s*x", 0, way).spelt() for way in ("match", "search"))
    words = judged([match, search])

    assert words[match] == "linear"
    assert words[search].startswith("2nd degree polynomial")


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.search(f'{x}+', text)\n",
        "import re\ndef f(x):\n    return re.compile(x)\n",
        "import re\nre.sub('a', 'b', text, 0, re.DOTALL)\n",
        "from re import match\n",
        "import fnmatch\n",
        "import re\nre.template('a')\n",
    ],
)
def test_an_expression_that_nobody_can_judge_is_not_taken(source: str) -> None:
    with pytest.raises(AssertionError):
        found(source, "canary", {})


def test_expressions_are_found_with_their_ways_and_flags() -> None:
    source = "import re\n_A = re.compile(r'a+', re.IGNORECASE)\n_A.match(x)\n_A.sub(y, x)\nhand(_A)\nre.split(b'c', z, flags=re.DOTALL)\n"

    named, used = found(source, "canary", {"_A": re.compile("a+", re.IGNORECASE)})

    assert named == {"_A": re.compile("a+", re.IGNORECASE)}
    assert ways(source)["_A"] == {"match", "sub", "search"}
    assert used == [Use("canary:6", "c", int(re.DOTALL), "split")]

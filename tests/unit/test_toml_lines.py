"""Every value of a TOML file is found on its line."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from beklijf.toml.lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beklijf.toml.lines import Path

NASTY = '''# [training] in a comment
include = ["a", # ]
  "b",
]

[organisation] # the [organisation]
name = "with = and # and [x] and \\" inside"
"quoted.key" = 1
coordinator.name = 'Marieke "M" Smit'
text = """
[[training]]
id = "not one" """
closed = [
  2026-12-24,
  { from = 2026-12-28, until = 2027-01-01 },
  [2027-02-01 10:00:00, 2027-02-02],
]
[[training]]
id = \'\'\'
[[training]]\'\'\'
  [[training.mentorship]]
  mentee = "a"
  [[training.mentorship]]
  mentee = "b"
[[training]]
[[training.mentorship]]
mentee = "c"
meets = { day = "tue",
  at = 10:00:00 }
[training.place]
room = ""
'''


def test_tables_keys_and_elements_stand_where_they_are_written() -> None:
    lines = lines_of(NASTY)

    assert [lines["include", 0], lines["include", 1]] == [2, 3]
    assert lines["organisation",] == 6
    assert lines["organisation", "name"] == 7
    assert lines["organisation", "quoted.key"] == 8
    assert lines["organisation", "coordinator", "name"] == 9
    assert lines["organisation", "text"] == 10
    assert lines["organisation", "closed"] == 13
    assert lines["organisation", "closed", 0] == 14
    assert lines["organisation", "closed", 1, "until"] == 15
    assert lines["organisation", "closed", 2, 1] == 16
    assert lines["training", 0] == 18
    assert lines["training", 0, "id"] == 19
    assert lines["training", 0, "mentorship", 0] == 21
    assert lines["training", 0, "mentorship", 1, "mentee"] == 24
    assert lines["training", 1, "mentorship", 0, "mentee"] == 27
    assert lines["training", 1, "mentorship", 0, "meets", "at"] == 29
    assert lines["training", 1, "place", "room"] == 31


def paths_of(value: object, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths_of(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths_of(inner, (*path, number))


keys = st.text(alphabet="ab.\"' #[]=é", max_size=4)
scalars = st.integers() | st.booleans() | st.dates() | st.text(alphabet="a\"'\\\n#[]{}=,", max_size=8) | st.floats(allow_nan=False)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=20)


@given(st.dictionaries(keys, values, max_size=5), st.booleans())
def test_no_value_of_any_file_is_without_a_line(tables: dict[str, object], multiline: bool) -> None:
    text = tomli_w.dumps(tables, multiline_strings=multiline)

    lines = lines_of(text)

    assert set(paths_of(tomllib.loads(text))) == set(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())

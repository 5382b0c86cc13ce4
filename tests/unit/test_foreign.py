"""Words from outside: what acts on a terminal, a log or a mail is taken out; what people are called stays legible."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.boundary.foreign import line, lines, one_line

ACTING = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    "\ud800",
    "\udfff",
]


@pytest.mark.parametrize("sign", ACTING, ids=lambda sign: f"{ord(sign):04x}")
def test_what_acts_is_taken_out(sign: str) -> None:
    assert one_line(f"a{sign}b") == "a b"
    assert line(f"  a{sign}b") == "  a b"
    assert lines(f"a{sign}b") == ("a b" if sign not in "\n\t" else f"a{sign}b")


def test_a_terminal_is_told_nothing_by_a_sequence_of_its_own() -> None:
    assert one_line("\x1b]0;owned\x07\x1b[2Jempty\r\nerror: all is well") == "]0;owned [2Jempty error: all is well"


@pytest.mark.parametrize(
    "name",
    [
        "Mehmet Yıldız",  # noqa: RUF001  # a Turkish name
        "Fatima el Amrani-Çelik",
        "José Núñez (Zoë)",
        "עברית שם",
        "محمد\u200f ‎(M.)",
        "नेहा क्\u200dष",
        "可恵 王",
        "👩‍👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿 🇳🇱 ❤️",
        "‘s-Gravenhage – œ … €",  # noqa: RUF001  # as people type it
        "soft\u00adhyphen",
    ],
)
def test_names_and_emoji_come_through(name: str) -> None:
    assert one_line(name) == line(name) == lines(name) == name


def test_a_text_keeps_its_lines_and_loses_the_other_sort_of_line_end() -> None:
    assert lines("one\r\ntwo\n\tthree\rfour") == "one\ntwo\n\tthree four"


@given(st.text(st.characters()))
def test_nothing_that_acts_is_ever_left(text: str) -> None:
    for kept, made in (("", one_line(text)), ("", line(text)), ("\n\t", lines(text))):
        assert not {char for char in made if unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"}} - set(kept)
        made.encode()

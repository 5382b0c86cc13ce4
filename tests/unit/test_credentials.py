"""Secrets that were used are found in what servers say, whichever way they spell them; everything else is left legible."""

from __future__ import annotations

import json
import quopri
from base64 import b64encode, urlsafe_b64encode
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient import imap_utf7  # type: ignore[import-untyped]  # it has no types

from beklijf.boundary.credentials import MASK, Secret, quoted, remember

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USER = "dienst@voorbeeld.example"
PASSWORDS = ("tulpen-in-Haarlem", "één&twee = 3/4+5", 'rare"wacht\\woord%', "kort", "日本語のパスワード", "🔑 en slot")


def _imap(text: str) -> str:
    return bytes(imap_utf7.encode(text)).decode()


def _hex(data: bytes, sep: str = "") -> str:
    return sep.join(f"{byte:02X}" for byte in data)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda p: p,
    "base64": lambda p: b64encode(p.encode()).decode(),
    "base64 without padding": lambda p: b64encode(p.encode()).decode().rstrip("="),
    "base64 for URLs": lambda p: urlsafe_b64encode(f"{USER}:{p}".encode()).decode(),
    "base64 in a URL": lambda p: quote(b64encode(p.encode()).decode(), safe=""),
    "base64, folded": lambda p: "\r\n ".join(_cut(b64encode(f"\0{USER}\0{p}".encode()).decode(), 11)),
    "AUTH PLAIN": lambda p: b64encode(f"\0{USER}\0{p}".encode()).decode(),
    "AUTH PLAIN for another": lambda p: b64encode(f"baas\0{USER}\0{p}".encode()).decode(),
    "XOAUTH2": lambda p: b64encode(f"user={USER}\1auth=Bearer {p}\1\1".encode()).decode(),
    "Basic": lambda p: "Basic " + b64encode(f"{USER}:{p}".encode()).decode(),
    "base64 of UTF-16": lambda p: b64encode(p.encode("utf-16-le")).decode(),
    "in capitals": lambda p: b64encode(f"\0{USER}\0{p}".encode()).decode().upper(),
    "URL": lambda p: quote(p, safe=""),
    "URL of a form": quote_plus,
    "URL in small letters": lambda p: quote(p, safe="/").lower(),
    "quoted-printable": lambda p: quopri.encodestring(p.encode(), quotetabs=True).decode(),
    "quoted-printable, folded": lambda p: "=\r\n".join(f"={byte:02X}" for byte in p.encode()) if p.isascii() else p,
    "MIME header": lambda p: quopri.encodestring(p.encode(), quotetabs=True, header=True).decode(),
    "hex": lambda p: _hex(p.encode()),
    "hex of a dump": lambda p: _hex(p.encode(), " "),
    "hex with colons": lambda p: _hex(p.encode(), ":").lower(),
    "UTF-7": lambda p: p.encode("utf-7").decode(),
    "UTF-7 of IMAP": _imap,
    "HTML": escape,
    "HTML in numbers": lambda p: "".join(f"&#{ord(char)};" for char in p),
    "JSON": lambda p: json.dumps(p)[1:-1],
    "bytes of Python": lambda p: repr(p.encode())[2:-1],
    "quoted string": lambda p: p.replace("\\", "\\\\").replace('"', '\\"'),
    "read as latin-1": lambda p: p.encode().decode("latin-1"),
    "read as ASCII": lambda p: p.encode().decode("ascii", "replace"),
    "question marks": lambda p: p.encode("ascii", "replace").decode(),
}


def _cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _used(tmp_path: Path, password: str) -> None:
    (tmp_path / "password").write_text(f"{password}\n", encoding="utf-8")
    assert Secret("file", str(tmp_path / "password")).reveal(user=USER) == password


@pytest.mark.parametrize("spelt", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("password", PASSWORDS)
def test_a_secret_is_masked_however_a_server_spells_it(password: str, spelt: Callable[[str], str], tmp_path: Path) -> None:
    _used(tmp_path, password)

    said = quoted(f"500 5.5.1 Command unrecognized: {spelt(password)} (#4.3.0)")

    left = said.replace("500 5.5.1 Command unrecognized: ", "").replace(" (#4.3.0)", "")
    assert MASK in left
    assert left.replace(MASK, "").replace("Basic", "").strip(" %3D=\r\n") == ""


def test_base64_of_the_user_is_masked_and_the_user_is_not(tmp_path: Path) -> None:
    _used(tmp_path, "tulpen-in-Haarlem")

    assert quoted(f"334 {b64encode(USER.encode()).decode()} is {USER}?") == f"334 *** is {USER}?"


def test_of_a_login_that_a_server_cuts_off_nothing_is_left(tmp_path: Path) -> None:
    _used(tmp_path, "tulpen-in-Haarlem-en-rozen-in-Boskoop")
    whole = b64encode(f"\0{USER}\0tulpen-in-Haarlem-en-rozen-in-Boskoop".encode()).decode()

    assert quoted(f"500 what is {whole[:60]}...") == "500 what is ***..."


def test_what_is_no_secret_is_left_as_it_is(tmp_path: Path) -> None:
    _used(tmp_path, "tulpen-in-Haarlem")
    said = "535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6 for dienst@voorbeeld.example at Haarlem, tulpen (id 7465737420)"

    assert quoted(said) == said


def test_a_token_is_masked_after_it_was_renewed_and_so_is_the_one_before() -> None:
    for token in ("eyJ-first-token", "eyJ-second-token", "eyJ-third-token"):
        remember("token of a test", token)

    assert quoted("eyJ-second-token and eyJ-third-token") == "*** and ***"


def test_a_very_short_secret_is_masked_too(tmp_path: Path) -> None:
    _used(tmp_path, "zq")

    triple, alone = (b64encode(each.encode()).decode() for each in (f"\0{USER}\0zq", "zq"))

    assert quoted(f"no: {triple}, zq, {alone}") == "no: ***, ***, ***"


def test_a_quotation_is_one_line_and_not_too_long() -> None:
    said = quoted(b"535-no\r\n535 \x1b[31mway\xff" + b"!" * 1000)

    assert said.startswith("535-no 535 [31mway\ufffd!!!")
    assert len(said) == 300


def test_of_a_long_answer_the_beginning_is_all_that_is_looked_at() -> None:
    remember("token of a test", "eyJ0eXAiOiJKV1QiLCJub25jZSI6" * 80)
    begin = "eyJ0eXAiOiJKV1QiLCJub25jZSI6" * 79 + "%20" * 10_000

    assert quoted(begin + "%20" * 100_000) == quoted(begin)


def test_where_each_person_has_a_token_the_last_ones_are_masked() -> None:
    for number in range(200):
        remember(f"token of person {number}", f"een-lang-token-{number:04}")
    for number in (199, 180):
        assert quoted(f"401 een-lang-token-{number:04} is not for you") == "401 *** is not for you"
        remember("token of person 180", "een-lang-token-0180")


@given(
    secret=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=3, max_size=20), before=st.binary(max_size=7), after=st.binary()
)
def test_any_secret_is_found_in_base64_of_anything_that_holds_it(secret: str, before: bytes, after: bytes) -> None:
    remember("a test", secret)
    coded = b64encode(before + secret.encode() + after).decode()

    assert coded not in quoted(f"<<{coded}>>")

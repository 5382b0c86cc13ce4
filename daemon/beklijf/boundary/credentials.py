"""Secrets as references, resolved on first use: a literal password never gets this far. And what was resolved, to mask it.

A server that dislikes a command repeats it in its answer, password and all, as it read it: in base64 (AUTH), in the escapes of
URLs, of MIME, of JSON. So every secret that was used is remembered here, and `masked` finds it in any of these spellings.
"""

from __future__ import annotations

import os
import re
import string
import unicodedata
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from html.entities import codepoint2name
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from beklijf.boundary import contents
from beklijf.boundary.foreign import one_line
from beklijf.model.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNTIME_CREDENTIALS = Path("/run/credentials/beklijf.service")
"""Where systemd keeps the unit's credentials, for a command that runs outside the unit as the same account."""

LONGEST = 300
"""Characters of a server's words that go into an error of ours."""

_FAR_ENOUGH = 20_000
"""Characters that are looked at for a quotation: what is cut off in the end must not be half a password."""

MASK = "***"

_TELLING = 3
"""Bytes of a secret, or of a user's name, from which on a piece of base64 or hex says that it is this one."""

_CUT = 8
"""Letters of base64 by which a secret is known that a server cut off."""

_LONG = 200
"""Letters; what is longer is a token or a key, which nobody spells in hex or UTF-16, or escapes without need."""

_SIGNS = ("%", "=", r"\\x")
_FOLD = "(?:=\r?\n)?"
_BASE64_FOLD = "(?:=?\r?\n[ \t]?)?"
_LETTER = "(?:[a-z0-9+/_-]|%2B|%2F|=2B|=2F)"
_LETTERS = frozenset(string.ascii_letters + string.digits + "+/_-")

_MOST = 50
"""Of what secrets are for; where each person has a token, those of the last ones are all that an answer can repeat."""

_used: dict[str, tuple[tuple[str, str], ...]] = {}
"""By what they are for: the last two secrets (a token is renewed, a password changed), each with the user it is said with."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A reference to a secret: ``{ file = ".." }``, ``{ env = ".." }`` or ``{ credential = ".." }``."""

    kind: Literal["file", "env", "credential"]
    name: str

    def reveal(self, *, user: str = "") -> str:
        """Return the secret without a trailing line break; raises ConfigError that names the reference, never the value.

        *user* is whose it is: base64 of both is what goes over the wire.
        """
        try:
            value = os.environ[self.name] if self.kind == "env" else contents.read(self._path()).decode().rstrip("\r\n")
        except (OSError, KeyError, UnicodeDecodeError) as error:
            reason = "is not set" if self.kind == "env" else getattr(error, "strerror", None) or "is not UTF-8 text"
            hint = {
                "env": f"set the environment variable {self.name}",
                "file": "make it readable for the account that runs beklijf, and for nobody else",
                "credential": f"add LoadCredential={self.name}:/path to the unit (systemctl edit beklijf), and restart it",
            }[self.kind]
            raise ConfigError([Problem(what=f"secret {self.kind} {self.name}: {reason}", hint=hint)]) from error
        remember(f"{self.kind} {self.name} {user}", value, user=user)
        return value

    def _path(self) -> Path:
        if self.kind == "file":
            return Path(self.name)
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        return (Path(folder) if folder else RUNTIME_CREDENTIALS) / self.name


def remember(purpose: str, secret: str, *, user: str = "") -> None:
    """Let `masked` know a secret that goes to a server: a password, or a token that was got for one."""
    known = _used.pop(purpose, ())
    if secret and (secret, user) not in known:
        known = (*known[-1:], (secret, user))
    if known:
        _used[purpose] = known  # the last used comes last
    if len(_used) > _MOST:
        del _used[next(iter(_used))]


def quoted(said: str | bytes) -> str:
    """Return what a server or a library said as one line that is not too long, without our secrets, which some servers repeat."""
    text = said[:_FAR_ENOUGH].decode("utf-8", "replace") if isinstance(said, bytes) else said[:_FAR_ENOUGH]
    return one_line(masked(text))[:LONGEST]


def masked(text: str) -> str:
    """Return *text* without any secret that was used, whichever way it is spelt there."""
    for known in list(_used.values()):
        for secret, user in known:
            for pattern in _patterns(secret, user):
                text = pattern.sub(MASK, text)
            text = _without_base64(text, secret, user)
    return text


# -- spellings ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _patterns(secret: str, user: str) -> tuple[re.Pattern[str], ...]:
    """Return what finds *secret* letter by letter, as hex, and in the base64 of a login that is too short to be told otherwise."""
    found = []
    for form in dict.fromkeys((secret, unicodedata.normalize("NFC", secret), unicodedata.normalize("NFD", secret))):
        found.append(_FOLD.join(f"(?:{'|'.join(dict.fromkeys(_spellings(char)))})" for char in form))
        found += sorted(map(re.escape, _misread(form)), key=len, reverse=True)
        if len(form) <= _LONG:
            found += _wholly_escaped(form)
            found += ["[\\s:-]?".join(f"{byte:02x}" for byte in data) for data in _encoded(form) if len(data) >= _TELLING]
    logins = (secret, f"\0{user}\0{secret}", f"{user}\0{user}\0{secret}", f"{user}:{secret}", user)
    words = {b64encode(each.encode(errors="surrogatepass")).decode().rstrip("=") for each in logins if each and len(each) <= _LONG}
    found += [f"(?<![A-Za-z0-9+/_-]){_of_base64(word)}(?![A-Za-z0-9+/_-])={{0,2}}" for word in sorted(words, key=len, reverse=True)]
    return tuple(re.compile(each, re.IGNORECASE) for each in found)


def _spellings(char: str) -> Iterator[str]:
    """Yield one letter in the escapes of URLs, quoted-printable, HTML, JSON, Python and quoted strings, and as itself."""
    code, data = ord(char), char.encode(errors="surrogatepass")
    if not (char.isascii() and char.isalnum()):
        for sign in _SIGNS:
            yield (_FOLD if sign == "=" else "").join(f"{sign}{byte:02x}" for byte in data)
        yield "".join(rf"\\u{unit:04x}" for unit in _utf_16(char))
        yield f"&#0*{code};"
        yield f"&#x0*{code:x};"
        if code in codepoint2name:
            yield f"&{codepoint2name[code]};"
        if char == " ":
            yield from (r"\+", "_")
        if char == "&":
            yield "&-"  # in the UTF-7 of IMAP
        yield rf"\\{re.escape(char)}"
    yield re.escape(char)


def _wholly_escaped(secret: str) -> Iterator[str]:
    """Yield *secret* where the letters are escaped too that needn't be."""
    for sign in _SIGNS:
        yield (_FOLD if sign == "=" else "").join(f"{sign}{byte:02x}" for byte in secret.encode(errors="surrogatepass"))
    yield "".join(rf"\\u{unit:04x}" for unit in _utf_16(secret))
    yield "".join(f"&#0*{ord(char)};" for char in secret)
    yield "".join(f"&#x0*{ord(char):x};" for char in secret)


def _misread(secret: str) -> Iterator[str]:
    """Yield *secret* as UTF-7, and as it looks where a server, or we, took it for another charset than it was in."""
    yield secret.encode("utf-7", "surrogatepass").decode()
    yield _imap_utf_7(secret)
    if not secret.isascii():
        data = secret.encode(errors="surrogatepass")
        for charset in ("latin-1", "cp1252", "ascii"):
            yield data.decode(charset, "replace")
        yield data.decode("ascii", "replace").replace("\ufffd", "?")
        yield from ("".join(char if char.isascii() else sign for char in secret) for sign in ("?", "\ufffd"))


def _imap_utf_7(text: str) -> str:
    """Return *text* as IMAP spells names of folders (RFC 3501 section 5.1.3)."""

    def shifted(match: re.Match[str]) -> str:
        if match[0] == "&":
            return "&-"
        return f"&{b64encode(match[0].encode('utf-16-be', 'surrogatepass')).decode().rstrip('=').replace('/', ',')}-"

    return re.sub(r"&|[^\x20-\x7e]+", shifted, text)


def _encoded(text: str) -> Iterator[bytes]:
    """Yield the bytes that *text* may be on its way: UTF-8, what Windows makes of it, and one byte a letter."""
    yield text.encode("utf-8", "surrogatepass")
    if len(text) <= _LONG:
        yield text.encode("utf-16-le", "surrogatepass")
        yield text.encode("utf-16-be", "surrogatepass")
        if not text.isascii():
            yield text.encode("latin-1", "ignore")


def _utf_16(text: str) -> Iterator[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(data[start : start + 2]) for start in range(0, len(data), 2))


# -- base64 ------------------------------------------------------------------------------------------------------------


def _without_base64(text: str, secret: str, user: str) -> str:
    """Return *text* without any word of base64 that has the secret, or the user's name, somewhere in it."""
    for pattern in (*_cores(secret), *_cores(user)):
        at = 0
        while match := pattern.search(text, at):
            start, end = match.span()
            while start and text[start - 1] in _LETTERS:
                start -= 1
            text, at = text[:start] + MASK + text[end:], start + len(MASK)
    return text


@lru_cache(maxsize=256)
def _cores(secret: str) -> tuple[re.Pattern[str], ...]:
    """Return what is found in the base64 of anything that holds *secret*: three patterns, for where it begins in a group of three.

    Its first letters tell, so that one that a server cut off is found too; from there on to the end of the word.
    """
    found = []
    for data in dict.fromkeys(_encoded(secret)):
        for shift in range(3) if len(data) >= _TELLING else ():
            coded = b64encode(bytes(shift) + data + bytes(3)).decode()
            # each letter stands for six bits: these are made of the secret's alone
            core = coded[-(-8 * shift // 6) : 8 * (shift + len(data)) // 6]
            found.append(f"{_of_base64(core[:_CUT])}(?:{_BASE64_FOLD}{_LETTER}){{0,{max(0, len(core) - _CUT)}}}{_LETTER}*(?:=|%3D)*")
    return tuple(re.compile(each, re.IGNORECASE) for each in found)


def _of_base64(word: str) -> str:
    """Return a pattern of base64 in its alphabets, escaped for a URL or not, folded or not."""
    signs = {"+": r"(?:[+-]|%2B|=2B)", "/": r"(?:[/_,]|%2F|=2F)"}
    return _BASE64_FOLD.join(signs.get(char, char) for char in word)

"""Answers as broken servers, proxies and lines give them, and mails that went through bad hands.

Servers break the form here and never lie about the content: whoever reads a well-formed answer that says something else has
been told so. What must not be believed is 404 and 410 (that something is gone) where nothing is: those are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

STATUS: tuple[int, ...] = (
    100,
    204,
    299,
    300,
    301,
    304,
    400,
    401,
    402,
    403,
    405,
    408,
    409,
    412,
    413,
    415,
    418,
    422,
    423,
    429,
    431,
    451,
    499,
)
STATUS += (500, 501, 502, 503, 504, 505, 507, 508, 511, 599, 999)
TYPES = ("", "text/plain", "application/octet-stream", "a/b/c; charset=nope", "text/xml")
ELSEWHERE = ("/", "//elsewhere.example/", "https://elsewhere.example/x", "http://127.0.0.1:9/", "::", "")
RETRY = ("-1", "0", "soon", "1e400", "9" * 20, "Thu, 01 Jan 2099 00:00:00 GMT", "Fri, 31 Feb 2026 25:00:00 GMT", "", "0x1F")
CODES: tuple[bytes, ...] = (
    b"220",
    b"250",
    b"354",
    b"421",
    b"450",
    b"451",
    b"452",
    b"454",
    b"500",
    b"501",
    b"503",
    b"504",
    b"521",
    b"530",
    b"535",
)
CODES += (b"550", b"552", b"553", b"554", b"556", b"999", b"25", b"abc", b"")
TAGGED = (rb"\1 NO", rb"\1 BAD", rb"* BYE", rb"x9 OK", rb"\1 WHAT")
CHARSETS = (b"charset=utf-7", b"charset=nope", b'charset="', b"charset=utf-16")
NUMBERS = (b"0", b"-1", b"99999999", b"19700101T000000", b"1e9")
HEADERS = (b"From", b"Subject", b"Message-ID", b"Content-Type", b"Date", b"Reply-To", b"Auto-Submitted")


@dataclass(frozen=True, slots=True)
class Wire:
    """What goes out instead of an answer."""

    data: bytes
    drip: bool = False
    """Byte by byte, with pauses, until the other side has had enough."""
    close: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of HTTP."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def wire(self, *, length: int | None = None) -> bytes:
        told = [(name, value) for name, value in self.headers if name.lower() not in {"content-length", "transfer-encoding", "connection"}]
        told.append(("Content-Length", str(len(self.body) if length is None else length)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in told)
        return f"HTTP/1.1 {self.status} Said\r\n{lines}\r\n".encode("latin-1", "replace") + self.body

    def of_type(self, kind: str) -> Answer:
        return Answer(self.status, (*((n, v) for n, v in self.headers if n.lower() != "content-type"), ("Content-Type", kind)), self.body)

    def saying(self, status: int, *headers: tuple[str, str], body: bytes = b"") -> Answer:
        return Answer(status, (*self.headers, *headers), body)

    def of(self, body: bytes) -> Answer:
        return Answer(self.status, self.headers, body)


def _some(data: bytes, dice: Random) -> int:
    return dice.randrange(len(data) + 1)


def _broken(data: bytes, dice: Random, marks: bytes) -> bytes:
    """Replace some of the *marks* in *data* by others of them."""
    found = [n for n, byte in enumerate(data) if byte in marks]
    changed = bytearray(data)
    for place in dice.sample(found, min(len(found), dice.choice((1, 1, 2, 8)))):
        changed[place] = dice.choice(marks)
    return bytes(changed)


# -- HTTP --------------------------------------------------------------------------------------------------------------


def _many_headers(answer: Answer, dice: Random) -> Wire:
    more = [(f"X-More-{n}", "x" * dice.randrange(80)) for n in range(dice.choice((5, 90, 150)))]
    return Wire(answer.saying(answer.status, *more, ("X-Long", "y" * dice.choice((1, 9_000, 70_000))), body=answer.body).wire())


HTTP: Mapping[str, Callable[[Answer, Random], Wire]] = {
    "cut off": lambda answer, dice: Wire(answer.wire()[: _some(answer.wire(), dice)]),
    "closed": lambda _answer, _dice: Wire(b""),
    "body cut short": lambda answer, dice: Wire(answer.of(answer.body[: _some(answer.body[1:], dice)]).wire()),
    "no body": lambda answer, _dice: Wire(answer.of(b"").wire()),
    "a web page": lambda answer, _dice: Wire(answer.of_type("text/html").saying(200, body=b"<html><br>Log in, please").wire()),
    "another status": lambda answer, dice: Wire(answer.saying(dice.choice(STATUS), body=dice.choice((b"", answer.body, b"no"))).wire()),
    "broken markup": lambda answer, dice: Wire(answer.of(_broken(answer.body, dice, b'<>&"{}[]:,')).wire()),
    "noise": lambda answer, dice: Wire(answer.of(dice.randbytes(_some(answer.body, dice))).wire()),
    "many headers": _many_headers,
    "another type": lambda answer, dice: Wire(answer.of_type(dice.choice(TYPES)).wire()),
    "another length": lambda answer, dice: Wire(answer.wire(length=dice.choice((0, len(answer.body) // 2, len(answer.body) + 7, 10**12)))),
    "in drops": lambda answer, _dice: Wire(answer.wire(), drip=True),
    "noise before": lambda answer, dice: Wire(dice.choice((b"\r\n" * 20, b"220 post ESMTP\r\n", dice.randbytes(200))) + answer.wire()),
    "twice": lambda answer, _dice: Wire(answer.wire() * 2, close=False),
    "elsewhere": lambda answer, dice: Wire(answer.saying(dice.choice((301, 302, 307, 308)), ("Location", dice.choice(ELSEWHERE))).wire()),
    "go on, go on": lambda answer, dice: Wire(b"HTTP/1.1 100 Continue\r\n\r\n" * dice.choice((1, 3, 60)) + answer.wire()),
    "later": lambda answer, dice: Wire(answer.saying(dice.choice((429, 503)), ("Retry-After", dice.choice(RETRY))).wire()),
    "encoded": lambda answer, dice: Wire(
        answer.saying(answer.status, ("Content-Encoding", dice.choice(("gzip", "deflate", "br", "x"))), body=answer.body).wire()
    ),
}


# -- SMTP and IMAP -----------------------------------------------------------------------------------------------------


def _first_line_broken(data: bytes, dice: Random) -> Wire:
    first, end, rest = data.partition(b"\n")
    return Wire(_broken(first, dice, b' -()[]{}"*<>:') + end + rest, close=False)


def _longer_line(data: bytes, dice: Random) -> Wire:
    first, end, rest = data.partition(b"\r\n")
    return Wire(first + b" " + b"z" * dice.choice((1_000, 30_000)) + end + rest, close=False)


LINES: dict[str, Callable[[bytes, Random], Wire]] = {
    "cut off": lambda data, dice: Wire(data[: _some(data, dice)]),
    "closed": lambda _data, _dice: Wire(b""),
    "in drops": lambda data, _dice: Wire(data, drip=True),
    "first line broken": _first_line_broken,
    "longer line": _longer_line,
    "twice": lambda data, _dice: Wire(data + data, close=False),
    "noise": lambda _data, dice: Wire(dice.randbytes(dice.randrange(300)) + b"\r\n", close=dice.choice((True, False))),
}

SMTP: dict[str, Callable[[bytes, Random], Wire]] = LINES | {
    "another code": lambda data, dice: Wire(
        b"".join(dice.choice(CODES) + line[3:] for line in data.splitlines(keepends=True)), close=False
    ),
    "closing": lambda _data, _dice: Wire(b"421 closing\r\n"),
    "more lines": lambda data, dice: Wire((data[:3] + b"-more\r\n") * dice.choice((1, 40)) + data, close=False),
}

IMAP: dict[str, Callable[[bytes, Random], Wire]] = LINES | {
    "another word": lambda data, dice: Wire(
        re.sub(rb"^(\S+) (OK|NO|BAD)", dice.choice(TAGGED), data, flags=re.MULTILINE), close=dice.choice((True, False))
    ),
    "closing": lambda _data, _dice: Wire(b"* BYE closing\r\n"),
    "more lines": lambda data, dice: Wire(b"* 3 NOISE (x)\r\n" * dice.choice((1, 40)) + data, close=False),
}


# -- mails -------------------------------------------------------------------------------------------------------------

Spoil: TypeAlias = Callable[[bytes, bytes, Random], bytes]
"""Makes of a mail, and of another one, what bad hands make of it."""


def _lines_of(other: bytes, dice: Random) -> list[bytes]:
    lines = other.splitlines(keepends=True) or [b"\n"]
    start = dice.randrange(len(lines))
    return lines[start : start + dice.choice((1, 5, 40))]


def _with_lines(mail: bytes, more: list[bytes], dice: Random) -> bytes:
    lines = mail.splitlines(keepends=True)
    at = dice.randrange(len(lines) + 1)
    return b"".join([*lines[:at], *more, *lines[at:]])


def _without_lines(mail: bytes, _other: bytes, dice: Random) -> bytes:
    lines = mail.splitlines(keepends=True)
    at = dice.randrange(len(lines) + 1)
    return b"".join([*lines[:at], *lines[at + dice.choice((1, 1, 3, 20)) :]])


def _other_number(mail: bytes, _other: bytes, dice: Random) -> bytes:
    start, end = dice.choice([found.span() for found in re.finditer(rb"\d+", mail)] or [(0, 0)])
    return mail[:start] + dice.choice(NUMBERS) + mail[end:]


def _one_more_header(mail: bytes, _other: bytes, dice: Random) -> bytes:
    value = dice.choice((b"", b"<", b'"', b"=?utf-8?b?", b"x" * 2_000, b"a@b, c@d;", dice.randbytes(40)))
    return dice.choice(HEADERS) + b": " + value + b"\r\n" + mail


MAIL: Mapping[str, Spoil] = {
    "cut off": lambda mail, _other, dice: mail[: _some(mail, dice)],
    "bytes": lambda mail, _other, dice: _broken(mail, dice, bytes(range(256))),
    "marks": lambda mail, _other, dice: _broken(mail, dice, b'<>@:;,"()[]=?\\\r\n\0 '),
    "lines twice": lambda mail, _other, dice: _with_lines(mail, _lines_of(mail, dice)[:1] * dice.choice((1, 2, 50)), dice),
    "lines of another": lambda mail, other, dice: _with_lines(mail, _lines_of(other, dice), dice),
    "lines gone": _without_lines,
    "line ends": lambda mail, _other, dice: mail.replace(*dice.choice(((b"\r\n", b"\n"), (b"\n", b"\r\n"), (b"\r\n", b"\r")))),
    "charset": lambda mail, _other, dice: re.sub(rb"charset=[^\s;]+", dice.choice(CHARSETS), mail),
    "number": _other_number,
    "coding": lambda mail, _other, dice: mail.replace(
        *dice.choice(((b"quoted-printable", b"base64"), (b"base64", b"7bit"), (b"8bit", b"x")))
    ),
    "one more header": _one_more_header,
    "in a mail": lambda mail, _other, _dice: (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n" + mail + b"\r\n--b--\r\n"
    ),
}


def garbled_mail(mail: bytes, other: bytes, dice: Random) -> bytes:
    """Return a mail that went through bad hands, one or several of them."""
    for _ in range(dice.choice((1, 1, 2, 4, 9))):
        mail = dice.choice(list(MAIL.values()))(mail, other, dice)
    return mail

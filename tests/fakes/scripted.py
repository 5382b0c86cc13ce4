"""A server on loopback that follows a script: what it says at each command, and where it misbehaves.

It knows no protocol. A `Talk` says by which word of a line an answer is found; what has no answer of its own gets the healthy one.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Drip:
    """Say it in drops, one each twentieth of a second, over and over."""

    text: bytes


@dataclass(frozen=True)
class Flood:
    """Say it over and over, as fast as it goes, for as long as anybody listens."""

    text: bytes


@dataclass(frozen=True)
class Think:
    seconds: float


@dataclass(frozen=True)
class Word:
    name: str


HANG = Word("hang")
"""Say nothing, read nothing, and stay."""
CUT = Word("cut")
TLS = Word("tls")
"""Go on over TLS."""

Act: TypeAlias = "bytes | Drip | Flood | Think | Word"
Answer: TypeAlias = "tuple[Act, ...]"


class Left(Exception):
    """The conversation is over."""


@dataclass
class Line:
    """One connection, as its server sees it."""

    sock: socket.socket
    script: Script
    heard: list[bytes] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    ended: Event = field(default_factory=Event)
    """The client has closed it, or we have."""
    _buffer: bytes = b""

    def readline(self) -> bytes:
        while b"\n" not in self._buffer:
            if not (more := self.sock.recv(65536)):
                raise Left
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        self.heard.append(line.rstrip(b"\r"))
        return self.heard[-1]

    @property
    def words(self) -> list[str]:
        """What commands were given, without what the clients of a protocol spell as they like."""
        return [heard.split(b" ")[0].decode("latin-1").upper() for heard in self.heard]

    def act(self, answer: Answer, **values: bytes) -> None:
        for each in answer:
            match each:
                case bytes():
                    self.say(each, values)
                case Drip(text):
                    while not self.script.over.wait(0.05):
                        self.sock.sendall(text[:1])
                        text = text[1:] + text[:1]  # round and round
                case Flood(text):
                    while not self.script.over.is_set():
                        self.sock.sendall(text * max(1, 8192 // len(text)))
                case Think(seconds):
                    self.script.over.wait(seconds)
                case Word("tls"):
                    assert self.script.tls is not None
                    self.sock = self.script.tls.wrap_socket(self.sock, server_side=True)
                case Word("hang"):
                    self._hang()
                case _:
                    raise Left

    def say(self, text: bytes, values: Mapping[str, bytes]) -> None:
        for name, value in values.items():
            text = text.replace(name.upper().encode(), value)
        self.sock.sendall(text)

    def _hang(self) -> None:
        """Read nothing until the client has left, which a look at what waits to be read doesn't tell while there is something."""
        self.script.hanging.set()
        watch = select.poll()
        watch.register(self.sock, select.POLLRDHUP)
        while not self.script.over.is_set():
            if watch.poll(50):
                break
        raise Left


@dataclass
class Script:
    """A running server; *answers* may be changed between two conversations."""

    talk: Callable[[Line], None]
    tls: ssl.SSLContext | None
    implicit: bool
    answers: dict[str, Answer] = field(default_factory=dict)
    healthy: Mapping[str, Answer] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    hanging: Event = field(default_factory=Event)
    port: int = 0

    def answer(self, word: str) -> Answer:
        said = {**self.healthy, **self.answers}
        return said[word] if word in said else said["else"]

    def serve(self, listening: socket.socket) -> None:
        threads: list[Thread] = []
        with suppress(OSError):
            while True:
                sock, _ = listening.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # no piece waits for the echo of the one before
                line = Line(sock, self)
                self.lines.append(line)
                threads.append(Thread(target=self._converse, args=(line,)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def _converse(self, line: Line) -> None:
        try:
            if self.implicit:
                line.act(self.answers.get("handshake", (TLS,)))
            self.talk(line)
        except (OSError, Left):
            pass
        finally:
            line.sock.close()
            line.ended.set()

    def all_left(self, within: float = 10) -> bool:
        """Tell whether every conversation is over, though we haven't ended any."""
        ends = time.monotonic() + within
        return all(line.ended.wait(max(0, ends - time.monotonic())) for line in self.lines)


@contextmanager
def following(
    talk: Callable[[Line], None], *, tls: ssl.SSLContext | None, implicit: bool, healthy: Mapping[str, Answer]
) -> Iterator[Script]:
    script = Script(talk, tls, implicit, healthy=healthy)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        script.port = listening.getsockname()[1]
        thread = Thread(target=script.serve, args=(listening,))
        thread.start()
        try:
            yield script
        finally:
            script.over.set()
            listening.shutdown(socket.SHUT_RDWR)
            for line in script.lines:
                with suppress(OSError):
                    line.sock.shutdown(socket.SHUT_RDWR)
            thread.join()


# -- the protocols -----------------------------------------------------------------------------------------------------

SMTP_HEALTHY: Mapping[str, Answer] = {
    "greeting": (b"220 post.example ESMTP\r\n",),
    "EHLO": (b"250-post.example\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",),
    "STARTTLS": (b"220 go ahead\r\n", TLS),
    "AUTH": (b"235 2.7.0 welcome\r\n",),
    "NOOP": (b"250 OK\r\n",),
    "RSET": (b"250 OK\r\n",),
    "MAIL": (b"250 OK\r\n",),
    "RCPT": (b"250 OK\r\n",),
    "DATA": (b"354 go ahead\r\n",),
    "content": (),
    ".": (b"250 2.0.0 taken\r\n",),
    "QUIT": (b"221 bye\r\n",),
}


def smtp(line: Line) -> None:
    """Talk SMTP: an answer a command, ``content`` after its first line, and ``.`` after the whole of it."""
    script = line.script
    line.act(script.answer("greeting"))
    while True:
        word = line.readline().split(b" ")[0].decode("latin-1").upper()
        line.act(script.answer(word))
        if word == "DATA" and script.answer(word)[0] == b"354 go ahead\r\n":
            line.readline()
            line.act(script.answer("content"))
            while line.readline() != b".":
                pass
            line.act(script.answer("."))
        if word == "QUIT":
            raise Left


IMAP_MAILS = {uid: b"From: sanne@voorbeeld.example\r\nSubject: Re: %d\r\n\r\nHoi\r\n" % uid for uid in (1, 2, 3)}
IMAP_CAPABILITIES = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN MOVE UIDPLUS\r\n"

IMAP_HEALTHY: Mapping[str, Answer] = {
    "greeting": (b"* OK ready\r\n",),
    "CAPABILITY": (IMAP_CAPABILITIES + b"TAG OK done\r\n",),
    "STARTTLS": (b"TAG OK done\r\n", TLS),
    "AUTHENTICATE": (b"+ \r\n", Word("listen"), IMAP_CAPABILITIES + b"TAG OK done\r\n"),
    "EXAMINE": (b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 4]\r\nTAG OK [READ-ONLY]\r\n",),
    "SELECT": (b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 4]\r\nTAG OK [READ-WRITE]\r\n",),
    "SEARCH": (b"* SEARCH 1 2 3\r\nTAG OK done\r\n",),
    "FETCH": (Word("envelopes"), b"TAG OK done\r\n"),
    "BODY": (Word("content"), b"TAG OK done\r\n"),
    "LIST": (b'* LIST () "/" beklijf\r\nTAG OK done\r\n',),
    "LOGOUT": (b"* BYE\r\nTAG OK done\r\n",),
    "else": (b"TAG OK done\r\n",),
}


def imap(line: Line) -> None:
    """Talk IMAP about three mails: an answer a command, ``BODY`` where a FETCH asks for the content; TAG is the command's tag."""
    line.act(line.script.answer("greeting"))
    while True:
        tag, _, command = line.readline().partition(b" ")
        words = command.upper().split(b" ")
        word = (words[1] if words[0] == b"UID" else words[0]).decode("latin-1")
        if word == "FETCH" and b"BODY.PEEK[]" in command:
            word = "BODY"
        line.commands.append(word)
        uids = [int(uid) for uid in words[2].split(b",")] if word in {"FETCH", "BODY"} else []
        for each in line.script.answer(word):
            match each:
                case Word("listen"):
                    line.readline()
                case Word("envelopes"):
                    for uid in uids:
                        header = IMAP_MAILS[uid].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                        known = b'UID %d RFC822.SIZE %d INTERNALDATE "01-Jan-2090 12:00:00 +0000"' % (uid, len(IMAP_MAILS[uid]))
                        line.act((b"* %d FETCH (%b BODY[HEADER.FIELDS (FROM)]<0> {%d}\r\n%b)\r\n" % (uid, known, len(header), header),))
                case Word("content"):
                    for uid in uids:
                        line.act((b"* %d FETCH (UID %d BODY[]<0> {%d}\r\n%b)\r\n" % (uid, uid, len(IMAP_MAILS[uid]), IMAP_MAILS[uid]),))
                case _:
                    line.act((each,), tag=tag)
        if word == "LOGOUT":
            raise Left

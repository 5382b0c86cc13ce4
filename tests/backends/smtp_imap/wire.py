"""A line to an IMAP server that can be cut, and what only IMAP can do wrong."""

from __future__ import annotations

import asyncio
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from tests.backends.inbox_contract import NOON, SINCE, answers, everything, mail, same

from beklijf.backends.smtp_imap.inbox import ImapInbox
from beklijf.model.mailbox import LARGEST, News

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from imapclient import IMAPClient  # type: ignore[import-untyped]  # has annotations, but doesn't say so (no py.typed)

    from beklijf.contracts.settings import InboxSettings


class Wire:
    """Stands between the backend and a server: takes TLS from the one, and passes on lines to the other."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None, beyond: ssl.SSLContext | None = None) -> None:
        self.commands: list[str] = []
        """What was asked, each as ``UID FETCH 1:2 (..)``."""
        self.instead: list[tuple[str, bytes | None]] = []
        """What is answered instead of passing on a command that matches: text (TAG is its tag), b"" nothing, None hang up."""
        self.spoil: list[tuple[bytes, bytes]] = []
        """What is replaced in each line of the server: a pattern, and what comes for it."""
        self.spoiled = 0
        self.port = 0
        self._to, self._tls, self._beyond = port, tls, beyond
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever)

    @property
    def words(self) -> list[str]:
        """What was asked, without the arguments."""
        return [command.partition(" ")[0] if not command.startswith("UID") else " ".join(command.split()[:2]) for command in self.commands]

    def start(self) -> None:
        self._thread.start()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, limit=2**24)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(timeout=5)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        self.cut(ending=True)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self, *, ending: bool = False) -> None:
        """Drop all connections, as a server does with idle ones."""

        async def cut() -> None:
            if ending:
                self._server.close()
            for writer in self._writers:
                writer.transport.abort()
            await asyncio.gather(*self._tasks)

        asyncio.run_coroutine_threadsafe(cut(), self._loop).result(timeout=10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._to, ssl=self._beyond, limit=2**24)
        self._writers += [writer, to_server]
        answers = asyncio.create_task(self._pass_back(from_server, writer))
        with suppress(OSError):
            while line := await reader.readline():
                reply = self._reply(line)
                if reply is None:
                    break
                if reply is line:
                    to_server.write(self._onward(line))
                    await to_server.drain()
                else:
                    writer.write(reply)
                    await writer.drain()
        writer.transport.abort()
        to_server.transport.abort()
        await answers
        self._tasks.discard(task)

    def _reply(self, line: bytes) -> bytes | None:
        """Return the line itself when it is to be passed on, and else what is answered."""
        tag, _, command = line.decode("latin-1").rstrip().partition(" ")
        if command:
            self.commands.append(command)
        for pattern, said in self.instead:
            if command and re.match(pattern, command):
                return said and said.replace(b"TAG", tag.encode())
        return line

    def _onward(self, line: bytes) -> bytes:
        """Return what the server gets of a line that is passed on."""
        return line

    async def _pass_back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while line := await reader.readline():
                for pattern, spoiled in self.spoil:
                    line, times = re.subn(pattern, spoiled, line)
                    self.spoiled += times
                writer.write(line)
                await writer.drain()
        writer.transport.abort()


@dataclass
class Mailbox:
    """An account on a real server: by another connection, and by the one that is listened to."""

    settings: InboxSettings
    wire: Wire
    open: Callable[[], IMAPClient]

    def put(self, *mails: bytes, at: datetime = NOON, filed: bool = False, flags: str = "") -> None:
        folder = self.settings.filed if filed else self.settings.folder
        with self.open() as client:
            flagged = [rb"\Deleted"] if "T" in flags else []
            client.multiappend(folder, [{"msg": content, "flags": flagged, "date": at} for content in mails])

    def inside(self) -> list[bytes]:
        return self.contents(self.settings.folder)

    def filed(self) -> list[bytes]:
        return self.contents(self.settings.filed)

    def unread(self) -> int:
        with self.open() as client:
            client.select_folder(self.settings.folder, readonly=True)
            return len(client.search("UNSEEN"))

    def contents(self, folder: str) -> list[bytes]:
        with self.open() as client:
            if not client.folder_exists(folder):
                return []
            client.select_folder(folder, readonly=True)
            found = client.fetch(client.search(), ["BODY.PEEK[]"])
            return [found[uid][b"BODY[]"] or b"" for uid in sorted(found)]

    def flags(self) -> list[tuple[bytes, ...]]:
        with self.open() as client:
            client.select_folder(self.settings.folder, readonly=True)
            return list(client.get_flags(client.search()).values())

    def clear(self) -> None:
        with self.open() as client:
            for _, _, name in client.list_folders():
                if name != "INBOX":
                    client.delete_folder(name)
            client.select_folder("INBOX")
            client.delete_messages(client.search(), silent=True)
            client.expunge()


@contextmanager
def listening(port: int, *, tls: ssl.SSLContext | None, beyond: ssl.SSLContext | None = None) -> Iterator[Wire]:
    wire = Wire(port, tls=tls, beyond=beyond)
    wire.start()
    try:
        yield wire
    finally:
        wire.stop()


@contextmanager
def reading(settings: InboxSettings, *, timeout: float = 60) -> Iterator[ImapInbox]:
    inbox = ImapInbox(replace(settings, deadline=timedelta(seconds=timeout)))
    try:
        yield inbox
    finally:
        inbox.close()


def subjects(news: News) -> list[str]:
    return [found[1].decode() if (found := re.search(rb"^Subject: (.*?)\r$", one.content, re.MULTILINE)) else "" for one in news.mails]


class WireContract:
    """What is shown by listening to the line, for every server; subclasses give ``account``."""

    @pytest.fixture
    def imap(self, account: Mailbox) -> Iterator[ImapInbox]:
        with reading(account.settings) as inbox:
            yield inbox

    def test_however_many_unrelated_mails_there_are_a_quiet_call_costs_one_command(self, imap: ImapInbox, account: Mailbox) -> None:
        account.put(*(mail(f"old offer {n}") for n in range(500)), at=SINCE - timedelta(days=30))
        account.put(*(mail(f"offer {n}") for n in range(500)))
        news = imap.news("", answers, since=SINCE)
        account.wire.commands.clear()

        quiet = [imap.news(news.mark, answers, since=SINCE) for _ in range(3)]
        quiet_commands = account.wire.commands.copy()
        account.put(mail("Re: found"))
        account.wire.commands.clear()
        found = imap.news(news.mark, answers, since=SINCE)

        assert quiet == [News(mark=news.mark)] * 3
        assert quiet_commands == ['EXAMINE "INBOX"'] * 3
        assert subjects(found) == ["Re: found"]
        assert account.wire.words == ["EXAMINE", "UID SEARCH", "UID FETCH", "UID FETCH"]

    def test_only_the_wanted_are_downloaded_and_by_commands_that_leave_no_trace(self, imap: ImapInbox, account: Mailbox) -> None:
        account.put(mail("offer"), mail("Re: a"), mail("offer"))

        imap.news("", answers, since=SINCE)

        fetches = [command for command in account.wire.commands if command.startswith("UID FETCH")]
        assert len(fetches) == 2
        assert re.fullmatch(rf"UID FETCH \d+ \(?BODY\.PEEK\[\]<0\.{LARGEST}>\)?", fetches[1])
        assert "PEEK[HEADER.FIELDS (FROM SUBJECT CONTENT-TYPE)]" in fetches[0]
        assert "SELECT" not in account.wire.words

    def test_a_mailbox_made_anew_begins_with_since_and_old_numbers_mean_nothing(self, account: Mailbox) -> None:
        settings = replace(account.settings, folder="Antwoorden")
        box = replace(account, settings=settings)
        with account.open() as client:
            client.create_folder("Antwoorden")
        with reading(settings) as imap:
            box.put(mail("Re: first life"))
            before = imap.news("", everything, since=SINCE)
            imap.close()
            with account.open() as client:
                client.delete_folder("Antwoorden")
                client.create_folder("Antwoorden")
            box.put(mail("Re: long ago"), at=NOON - timedelta(days=90))
            box.put(mail("Re: second life"))

            after = imap.news(before.mark, everything, since=SINCE)
            imap.file([one.id for one in before.mails])

        assert subjects(before) == ["Re: first life"]
        assert subjects(after) == ["Re: second life"]
        assert len(box.inside()) == 2

    @pytest.mark.parametrize("filed", ["Verwérkt & klaar", "日本", 'met "aanhaling"', "10% af"])
    def test_a_folder_may_have_any_name(self, account: Mailbox, filed: str) -> None:
        box = replace(account, settings=replace(account.settings, filed=filed))
        with reading(box.settings) as imap:
            box.put(mail("Re: a"), mail("Re: b"))
            ids = [one.id for one in imap.news("", everything, since=SINCE).mails]

            before = imap.check()
            imap.file(ids[:1])
            after = imap.check()
            imap.file(ids)
            forgotten = imap.forget(NOON + timedelta(minutes=1))

        assert before.endswith(f"handled mail goes to {filed}, which will be made")
        assert after.endswith(f"handled mail goes to {filed}")
        assert forgotten == 2
        assert box.inside() == []

    @pytest.mark.parametrize("lacking", ["MOVE", "UIDPLUS", "MOVE|UIDPLUS"])
    def test_what_others_flagged_as_deleted_stays_whatever_the_server_can_do(self, account: Mailbox, lacking: str) -> None:
        account.wire.spoil.append((rf"\b({lacking})\b".encode(), b"X-NONE"))
        account.put(mail("Re: a"), mail("Re: b"))
        account.put(mail("I may want this back"), flags="T")
        with reading(account.settings) as imap:
            first, second = imap.news("", everything, since=SINCE).mails

            imap.file([first.id])
            imap.file([first.id, second.id])
            again = imap.news("", everything, since=SINCE)

        assert [same(content) for content in account.filed()] == [mail("Re: a"), mail("Re: b")]
        assert again.mails == ()
        left = account.inside()
        assert mail("I may want this back") in left
        assert len(left) == (3 if lacking == "MOVE|UIDPLUS" else 1)
        assert not any(word == "EXPUNGE" for word in account.wire.words)

    def test_without_uidplus_old_filed_mail_goes_all_the_same(self, account: Mailbox) -> None:
        account.wire.spoil.append((rb"\bUIDPLUS\b", b"X-NONE"))
        with reading(account.settings) as imap:
            account.put(mail("Re: a"), at=NOON - timedelta(days=1))
            account.put(mail("Re: b"), at=NOON)
            imap.file([one.id for one in imap.news("", everything, since=SINCE).mails])

            forgotten = imap.forget(NOON)

        assert forgotten == 1
        assert [same(content) for content in account.filed()] == [mail("Re: b")]

    def test_a_server_that_does_not_say_which_number_comes_next_costs_a_search(self, imap: ImapInbox, account: Mailbox) -> None:
        account.wire.spoil.append((rb"UIDNEXT \d+", b"X-NONE"))
        empty = imap.news("", everything, since=SINCE)
        account.put(mail("Re: old"), at=SINCE - timedelta(days=30))
        account.put(mail("Re: a"))
        first = imap.news("", everything, since=SINCE)
        account.wire.commands.clear()
        second = imap.news(first.mark, everything, since=SINCE)
        quiet = account.wire.words
        account.put(mail("Re: b"))
        third = imap.news(second.mark, everything, since=SINCE)

        assert empty.mails == ()
        assert subjects(first) == ["Re: a"]
        assert second == News(mark=first.mark)
        assert quiet == ["EXAMINE", "UID SEARCH"]
        assert subjects(third) == ["Re: b"]

    def test_a_connection_that_was_dropped_while_idle_is_made_anew_without_a_word(self, imap: ImapInbox, account: Mailbox) -> None:
        account.put(mail("Re: a"))
        first = imap.news("", everything, since=SINCE)

        for work in (
            lambda: imap.news(first.mark, everything, since=SINCE),
            lambda: imap.file([first.mails[0].id]),
            lambda: imap.forget(NOON - timedelta(days=1)),
        ):
            account.wire.cut()
            work()

        assert len(account.filed()) == 1
        assert account.wire.words.count("AUTHENTICATE") == 4

"""One contract for every mailbox, and what only IMAP can do wrong: against a real server, over a line that can be listened to and cut."""

from __future__ import annotations

import asyncio
import mailbox
import os
import re
import socket
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import TYPE_CHECKING, Protocol

import pytest
from imapclient import IMAPClient  # type: ignore[import-untyped]  # has annotations, but doesn't say so (no py.typed)
from tests.contract.test_mailers import PASSWORD, certificates, password
from tests.fakes.settings import said_to, with_maker

from beklijf.backends.folder.inbox import FolderInbox
from beklijf.backends.folder.settings import InboxInFolder
from beklijf.backends.registry import INBOXES, open_inbox
from beklijf.backends.smtp_imap.inbox import ImapInbox
from beklijf.backends.smtp_imap.settings import InboxByImap
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import InboxSettings
from beklijf.model.errors import ConfigError, Down, Transient
from beklijf.model.mailbox import AT_ONCE, LARGEST, News

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.contract.test_mailers import Certificates

    from beklijf.contracts.inbox import Inbox
    from beklijf.model.mailbox import Envelope

__all__ = ["certificates", "password"]  # fixtures

NOON = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
"""A day that is over: Dovecot lets no mail have come in later than now."""
SINCE = NOON - timedelta(days=30)


def mail(subject: str = "Re: Gesprek", *, sender: str = "Sanne <Sanne@Voorbeeld.example>", body: str = "Ja, graag.") -> bytes:
    return f"From: {sender}\r\nTo: mentor@voorbeeld.example\r\nSubject: {subject}\r\n\r\n{body}\r\n".encode()


def parts(*inside: str, kind: str = "mixed") -> bytes:
    """Return a mail in parts, each given with its headers."""
    body = "".join(f"--grens\r\n{part}\r\n" for part in inside)
    head = f"From: karim@voorbeeld.example\r\nSubject: Accepted\r\nMIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary=grens"
    return f"{head}\r\n\r\n{body}--grens--\r\n".encode()


TEXT = "Content-Type: text/plain\r\n\r\nhallo"
REPLY = "Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR"


@dataclass
class Watching:
    """Wants everything or nothing, and remembers what it was asked about."""

    verdict: bool = False
    seen: list[Envelope] = field(default_factory=list)

    def __call__(self, envelope: Envelope) -> bool:
        self.seen.append(envelope)
        return self.verdict


def everything(_: Envelope) -> bool:
    return True


def nothing(_: Envelope) -> bool:
    return False


def answers(envelope: Envelope) -> bool:
    return envelope.subject.startswith("Re: ")


def over(word: str) -> Callable[[Envelope], bool]:
    """Want everything, and fail over what has *word* in its subject."""

    def wanted(envelope: Envelope) -> bool:
        if word in envelope.subject:
            raise LookupError(word)
        return True

    return wanted


def subject(content: bytes) -> str:
    return next(line for line in content.decode().splitlines() if line.startswith("Subject: ")).removeprefix("Subject: ")


def taken(inbox: Inbox, wanted: Callable[[Envelope], bool] = everything) -> list[News]:
    """Return one piece of news after the other until there is no more, as ticks do."""
    found = [inbox.news("", wanted, since=SINCE)]
    while found[-1].more:
        found.append(inbox.news(found[-1].mark, wanted, since=SINCE))
        assert len(found) < 100
    return found


def same(content: bytes) -> bytes:
    """Return a mail with the line ends of the wire: files have those of the machine."""
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Box(Protocol):
    """What others do with the mailbox: the world that writes, and the person who looks into it."""

    settings: InboxSettings

    def put(self, *mails: bytes, at: datetime = NOON, filed: bool = False, flags: str = "") -> None: ...

    def inside(self) -> list[bytes]: ...

    def filed(self) -> list[bytes]: ...

    def unread(self) -> int: ...


# -- what every mailbox does -------------------------------------------------------------------------------------------

HOSTILE = {
    "nothing at all": b"\r\n",
    "no header": b"\r\nno header\r\n",
    "no sender": b"Subject: Re: ?\r\n\r\n",
    "bytes that are no text": (
        b'From: \xff\xfe\x00 <\xe9\xe9@\x00>\r\nSubject: \x80\x81 =?x?q?=zz?=\r\nContent-Type: \xff/\xfe;="\r\n\r\n\xff\x00'
    ),
    "words in a charset that doesn't exist": b"From: =?nope?b?!!!?= <a@b.example>\r\nSubject: =?rot13?q?a?= =?utf-8?b?AAA=A=?=\r\n\r\nx",
    "a sender of many lines": b"From: a\r\n b\r\n c <a\r\n @b>, (((\r\n\r\nx",
    "a header without end": b"From: " + b"x" * 100_000 + b"\r\nSubject: " + b"(" * 50_000 + b"\r\n\r\n",
    "a boundary that isn't there": b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\n--x--\r\n",
    "quotes that never end": b'Content-Type: text/plain; name="x\r\nSubject: "\\\r\nContent-Disposition: attachment; filename="\r\n\r\n--',
    "parts in parts in parts": b"".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n".encode() for n in range(90)),
    "a thousand parts": parts(*["Content-Type: text/plain\r\n\r\nx"] * 1000),
    "mails in mails": b"".join(b"Content-Type: message/rfc822\r\n\r\n" for _ in range(60)),
}


class InboxContract:
    """Subclasses give ``box``; ``inbox`` is the backend under test on it."""

    @pytest.fixture
    def inbox(self, box: Box) -> Iterator[Inbox]:
        inbox = open_inbox(box.settings)
        yield inbox
        inbox.close()

    def test_what_came_in_is_handed_over_oldest_first_as_it_is(self, inbox: Inbox, box: Box) -> None:
        first, second = mail("1"), mail("2", body="é" * 500)
        box.put(first, at=NOON)
        box.put(second, at=NOON + timedelta(hours=1))

        news = inbox.news("", everything, since=SINCE)

        assert [same(one.content) for one in news.mails] == [first, second]
        assert [one.at for one in news.mails] == [NOON, NOON + timedelta(hours=1)]
        assert not any(one.cut for one in news.mails)
        assert len({one.id for one in news.mails}) == 2
        assert not news.more

    def test_where_nothing_came_in_nobody_is_asked_and_the_mark_stays(self, inbox: Inbox, box: Box) -> None:
        box.put(mail(), mail())
        mark = inbox.news("", nothing, since=SINCE).mark
        asked = Watching()

        news = inbox.news(mark, asked, since=SINCE)

        assert news == News(mark=mark)
        assert asked.seen == []

    def test_an_empty_mailbox_has_no_news_and_then_what_comes(self, inbox: Inbox, box: Box) -> None:
        empty = inbox.news("", everything, since=SINCE)
        box.put(mail())

        news = inbox.news(empty.mark, everything, since=SINCE)

        assert empty.mails == ()
        assert len(news.mails) == 1

    def test_what_came_after_the_mark_is_new_whatever_its_date(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("first"), at=NOON)
        mark = inbox.news("", everything, since=SINCE).mark
        box.put(mail("moved here from an old folder"), at=NOON - timedelta(days=90))

        news = inbox.news(mark, everything, since=SINCE)

        assert [b"old folder" in one.content for one in news.mails] == [True]

    def test_a_mail_is_told_of_once(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("a"), mail("b"))
        first = inbox.news("", everything, since=SINCE)
        box.put(mail("c"))

        second = inbox.news(first.mark, everything, since=SINCE)
        third = inbox.news(second.mark, everything, since=SINCE)

        assert (len(first.mails), len(second.mails), len(third.mails)) == (2, 1, 0)

    @pytest.mark.parametrize("mark", ["", "abc", "1:1", "7:x:9", "9" * 12])
    def test_without_a_mark_of_this_mailbox_it_begins_with_what_came_since_to_the_minute(self, inbox: Inbox, box: Box, mark: str) -> None:
        box.put(mail("long ago"), at=NOON - timedelta(days=90))
        box.put(mail("just before"), at=NOON - timedelta(minutes=1))
        box.put(mail("just then"), at=NOON)

        news = inbox.news(mark, everything, since=NOON)

        assert [b"just then" in one.content for one in news.mails] == [True]
        assert inbox.news(news.mark, everything, since=NOON) == News(mark=news.mark)

    def test_only_what_is_wanted_is_handed_over(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("Re: a"), mail("Newsletter"), mail("Re: b"))

        news = inbox.news("", answers, since=SINCE)

        assert [b"Subject: Re: " in one.content for one in news.mails] == [True, True]

    def test_the_envelope_says_who_what_and_how_large(self, inbox: Inbox, box: Box) -> None:
        watching = Watching()
        content = mail("=?utf-8?q?Re=3A_Gespr=C3=A9k?=\r\n =?utf-8?q?_morgen?=", sender='"De Vries, Sanne" <Sanne@Voorbeeld.EXAMPLE>')
        box.put(content)

        inbox.news("", watching, since=SINCE)

        (envelope,) = watching.seen
        assert (envelope.sender, envelope.subject) == ("sanne@voorbeeld.example", "Re: Gesprék morgen")
        assert (envelope.content_type, envelope.calendar) == ("text/plain", False)
        assert envelope.size in {len(content), len(content.replace(b"\r\n", b"\n"))}

    @pytest.mark.parametrize(
        ("content", "kind", "calendar"),
        [
            (parts(TEXT, REPLY, kind="alternative"), "multipart/alternative", True),
            (b"Content-Type: TEXT/Calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR", "text/calendar", True),
            (parts(TEXT, "Content-Type: application/ics; name=x\r\n\r\nx"), "multipart/mixed", True),
            (
                parts("Content-Type: application/octet-stream\r\nContent-Disposition: attachment;\r\n filename=Invite.ICS\r\n\r\nx"),
                "multipart/mixed",
                True,
            ),
            (parts("Content-Type: application/octet-stream; name*=utf-8''r%C3%A9ponse.ics\r\n\r\nx"), "multipart/mixed", True),
            (parts('Content-Type: application/octet-stream; name="=?utf-8?q?afspraak=2Eics?="\r\n\r\nx'), "multipart/mixed", True),
            (parts(TEXT, "Content-Type: message/delivery-status\r\n\r\nx", kind="report"), "multipart/report", False),
            (parts(TEXT, "Content-Type: text/html\r\n\r\n<p>invite.ics"), "multipart/mixed", False),
            (b"Content-Type: text/plain\r\n\r\ntext/calendar invite.ics", "text/plain", False),
        ],
    )
    def test_the_envelope_says_whether_there_is_a_calendar_in_it(
        self, inbox: Inbox, box: Box, content: bytes, kind: str, *, calendar: bool
    ) -> None:
        watching = Watching()
        box.put(content)

        inbox.news("", watching, since=SINCE)

        assert [(envelope.content_type, envelope.calendar) for envelope in watching.seen] == [(kind, calendar)]

    def test_reading_marks_nothing_as_seen(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("Re: a"), mail("b"))

        inbox.check()
        inbox.news("", answers, since=SINCE)

        assert box.unread() == 2

    def test_what_somebody_marked_as_deleted_is_no_news(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("gone"), flags="T")
        box.put(mail("there"))

        assert [b"there" in one.content for one in inbox.news("", everything, since=SINCE).mails] == [True]

    def test_a_large_mail_is_cut_and_says_so(self, inbox: Inbox, box: Box) -> None:
        head = mail(body="")
        whole, large = head + b"x" * (LARGEST - len(head)), head + b"y" * LARGEST
        box.put(whole.replace(b"\r\n", b"\n") if isinstance(inbox, FolderInbox) else whole)
        box.put(large)

        news = inbox.news("", everything, since=SINCE)

        assert [one.cut for one in sorted(news.mails, key=lambda one: one.cut)] == [False, True]
        assert all(len(one.content) <= LARGEST for one in news.mails)
        assert max(len(one.content) for one in news.mails) == LARGEST

    def test_many_mails_come_in_pieces_and_none_twice_or_never(self, inbox: Inbox, box: Box) -> None:
        box.put(*(mail(f"Re: {n}") for n in range(2 * AT_ONCE + 10)))

        found = taken(inbox, answers)

        assert [len(news.mails) for news in found] == [AT_ONCE, AT_ONCE, 10]
        assert len({one.content for news in found for one in news.mails}) == 2 * AT_ONCE + 10

    def test_a_call_takes_in_no_more_than_fits_in_memory(self, inbox: Inbox, box: Box) -> None:
        for n in range(25):
            box.put(mail(f"Re: {n}", body="x" * LARGEST), at=NOON + timedelta(seconds=n))

        found = taken(inbox)

        assert [len(news.mails) for news in found] == [20, 5]

    def test_many_unrelated_mails_are_looked_at_in_pieces_up_to_the_answer_behind_them(self, inbox: Inbox, box: Box) -> None:
        box.put(*(mail(f"offer {n}") for n in range(1100)), at=NOON)
        box.put(mail("Re: at last"), at=NOON + timedelta(hours=1))
        looked: list[int] = []

        def wanted(envelope: Envelope) -> bool:
            looked[-1] += 1
            return answers(envelope)

        news = News(mark="", more=True)
        while news.more:
            looked.append(0)
            news = inbox.news(news.mark, wanted, since=SINCE)

        assert looked == [500, 500, 101]
        assert len(news.mails) == 1

    def test_no_mail_stops_the_reading_of_the_others(self, inbox: Inbox, box: Box) -> None:
        for n, content in enumerate(HOSTILE.values()):
            box.put(content, at=NOON + timedelta(minutes=n))
        box.put(mail("Re: a good one"), at=NOON + timedelta(hours=2))
        watching = Watching(verdict=True)

        news = taken(inbox, watching)

        mails = [one for piece in news for one in piece.mails]
        assert b"Re: a good one" in mails[-1].content
        assert len(mails) == len(watching.seen) == len(HOSTILE) + 1
        assert all(envelope.sender == "" or re.fullmatch(r"\S+@\S+", envelope.sender) for envelope in watching.seen)
        assert all("\n" not in envelope.subject for envelope in watching.seen)
        inbox.file([one.id for one in mails])
        assert box.inside() == []

    def test_a_mail_over_which_reading_fails_is_told_of_and_hides_no_other(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("Re: eerst"), mail("Re: raar"), mail("Re: laatst"))

        news = taken(inbox, over("raar"))

        assert sorted(subject(each.content) for one in news for each in one.mails) == ["Re: eerst", "Re: laatst"]
        [failed] = [each for one in news for each in one.failed]
        assert isinstance(failed.error, LookupError)
        assert failed.at == NOON
        assert inbox.news(news[-1].mark, everything, since=SINCE).mails == (), "the mark is past it"

    def test_a_mail_that_failed_can_be_asked_for_again(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("Re: eerst"), mail("Re: raar"), mail("Re: ook raar"))
        failed = {each.id for one in taken(inbox, over("raar")) for each in one.failed}

        still = inbox.again([*failed], over("ook"), since=SINCE)
        unwanted = inbox.again([*failed], nothing, since=SINCE)

        assert ([subject(each.content) for each in still.mails], len(still.failed)) == (["Re: raar"], 1)
        assert {still.mails[0].id, still.failed[0].id} == failed
        assert (unwanted.mails, unwanted.failed) == ((), ())
        assert inbox.again(["what no mailbox calls a mail"], everything, since=SINCE).mails == ()

    def test_handled_mail_is_filed_as_it_was_and_the_rest_stays(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("Re: a"), mail("b"))
        (one,) = inbox.news("", answers, since=SINCE).mails

        inbox.file([one.id])

        assert [same(content) for content in box.filed()] == [mail("Re: a")]
        assert [same(content) for content in box.inside()] == [mail("b")]

    def test_filing_twice_is_fine_and_so_is_what_is_gone_or_never_was(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("Re: a"), mail("Re: b"))
        ids = [one.id for one in inbox.news("", everything, since=SINCE).mails]

        inbox.file(ids[:1])
        inbox.file(ids)
        inbox.file([*ids, "", "1:1", "abc", "../../etc/passwd"])
        inbox.file([])

        assert len(box.filed()) == 2
        assert box.inside() == []

    def test_filing_is_no_news(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("a"), mail("b"))
        news = inbox.news("", everything, since=SINCE)

        inbox.file([news.mails[0].id])

        assert inbox.news(news.mark, everything, since=SINCE) == News(mark=news.mark)

    def test_only_what_was_filed_and_is_old_is_forgotten(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("Re: old"), at=NOON - timedelta(days=2))
        box.put(mail("Re: a minute too old"), at=NOON - timedelta(minutes=1))
        box.put(mail("Re: in time"), at=NOON)
        box.put(mail("old, but nobody filed it"), at=NOON - timedelta(days=2))
        inbox.file([one.id for one in inbox.news("", answers, since=SINCE).mails])

        forgotten = inbox.forget(NOON)
        again = inbox.forget(NOON)

        assert (forgotten, again) == (2, 0)
        assert [same(content) for content in box.filed()] == [mail("Re: in time")]
        assert [same(content) for content in box.inside()] == [mail("old, but nobody filed it")]

    def test_where_nothing_was_ever_filed_there_is_nothing_to_forget(self, inbox: Inbox, box: Box) -> None:
        box.put(mail(), at=NOON)

        assert inbox.forget(NOON + timedelta(days=1)) == 0
        assert len(box.inside()) == 1

    def test_a_check_is_one_line_that_says_how_many_mails_there_are_and_where_they_go(self, inbox: Inbox, box: Box) -> None:
        box.put(mail(), mail())

        said = inbox.check()

        assert len(said.splitlines()) == 1
        assert "2 mails" in said
        assert "handled mail goes to" in said
        assert box.settings.filed in said
        assert len(box.inside()) == 2

    def test_a_mailbox_that_was_closed_can_be_used_again(self, inbox: Inbox, box: Box) -> None:
        box.put(mail())
        mark = inbox.news("", everything, since=SINCE).mark

        inbox.close()
        inbox.close()

        assert inbox.news(mark, everything, since=SINCE) == News(mark=mark)

    def test_a_mark_outlives_the_process(self, inbox: Inbox, box: Box) -> None:
        box.put(mail("a"))
        news = inbox.news("", everything, since=SINCE)
        inbox.close()
        box.put(mail("b"))
        another = open_inbox(box.settings)

        after = another.news(news.mark, everything, since=SINCE)
        another.file([news.mails[0].id])
        another.close()

        assert [same(one.content) for one in after.mails] == [mail("b")]
        assert [same(content) for content in box.filed()] == [mail("a")]


# -- a folder ----------------------------------------------------------------------------------------------------------


@dataclass
class Maildir:
    """A Maildir as Python's own library sees it."""

    settings: InboxSettings
    count: int = 0

    @property
    def path(self) -> Path:
        return said_to(InboxInFolder, self.settings).path

    def put(self, *mails: bytes, at: datetime = NOON, filed: bool = False, flags: str = "") -> None:
        folder = self.path / (".beklijf" if filed else ".")
        for name in ("new", "cur", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        where = folder / ("cur" if flags else "new")
        for content in mails:
            self.count += 1
            file = where / (f"{self.count:06}.mail" + (f":2,{flags}" if flags else ""))
            file.write_bytes(content)
            os.utime(file, (at.timestamp(), at.timestamp()))

    def inside(self) -> list[bytes]:
        return self._contents(self.path)

    def filed(self) -> list[bytes]:
        return self._contents(self.path / ".beklijf")

    def unread(self) -> int:
        return len(list((self.path / "new").iterdir()))

    def _contents(self, path: Path) -> list[bytes]:
        if not path.exists():
            return []
        box = mailbox.Maildir(str(path), create=False)
        return [box.get_bytes(key) for key in box.keys()]  # noqa: SIM118  # iterating a mailbox gives messages


@pytest.fixture
def maildir(tmp_path: Path) -> Maildir:
    return Maildir(InboxSettings(maker=InboxInFolder(path=tmp_path / "var" / "inbox"), address="mentor@voorbeeld.example"))


class TestFolder(InboxContract):
    @pytest.fixture
    def box(self, maildir: Maildir) -> Box:
        return maildir


def inbox_at(maildir: Maildir) -> FolderInbox:
    return FolderInbox(maildir.settings)


def test_a_folder_is_made_for_its_owner_alone_so_that_mails_can_be_dropped_in(maildir: Maildir) -> None:
    said = inbox_at(maildir).check()
    made_by_check = maildir.path.parent.exists()

    inbox_at(maildir).news("", everything, since=SINCE)

    assert said == f"Maildir {maildir.path}: will be made; handled mail goes to .beklijf"
    assert not made_by_check
    assert {folder.name for folder in maildir.path.iterdir()} == {"new", "cur", "tmp"}
    assert maildir.path.stat().st_mode & 0o077 == 0


def test_a_mail_that_somebody_reads_is_not_told_of_again(maildir: Maildir) -> None:
    inbox = inbox_at(maildir)
    maildir.put(mail())
    first = inbox.news("", everything, since=SINCE)
    (file,) = (maildir.path / "new").iterdir()
    file.rename(maildir.path / "cur" / f"{file.name}:2,S")

    second = inbox.news(first.mark, everything, since=SINCE)
    inbox.file([first.mails[0].id])

    assert second == News(mark=first.mark)
    (filed,) = (maildir.path / ".beklijf" / "cur").iterdir()
    assert filed.name.endswith(":2,S")


def test_the_same_name_again_is_another_mail_and_overwrites_none(maildir: Maildir) -> None:
    inbox = inbox_at(maildir)
    mark = ""
    for n in range(3):
        (maildir.path / "new").mkdir(parents=True, exist_ok=True)
        file = maildir.path / "new" / "answer.eml"
        file.write_bytes(mail(f"Re: {n}"))
        os.utime(file, (NOON.timestamp() + n, NOON.timestamp() + n))
        news = inbox.news(mark, everything, since=SINCE)
        inbox.file([one.id for one in news.mails])
        mark = news.mark

    assert sorted(same(content) for content in maildir.filed()) == [mail(f"Re: {n}") for n in range(3)]


def test_what_is_no_file_is_no_mail(maildir: Maildir, tmp_path: Path) -> None:
    maildir.put(mail("Re: a"))
    new = maildir.path / "new"
    (tmp_path / "secret").write_bytes(mail("Re: secret"))
    (new / "link").symlink_to(tmp_path / "secret")
    (new / "folder").mkdir()
    os.mkfifo(new / "pipe")  # opening it would wait for ever
    (new / ".hidden").write_bytes(mail("half a mail"))

    assert len(inbox_at(maildir).news("", everything, since=SINCE).mails) == 1


def test_a_path_that_is_no_folder_is_down(maildir: Maildir) -> None:
    maildir.path.parent.mkdir()
    maildir.path.write_text("a file")

    with pytest.raises(Down, match="inbox") as reading:
        inbox_at(maildir).news("", everything, since=SINCE)
    with pytest.raises(Down, match="is not a folder"):
        inbox_at(maildir).check()

    assert reading.value.hint


def test_ten_thousand_mails_cost_a_quiet_call_no_more_than_their_names(maildir: Maildir) -> None:
    maildir.put(*(mail(f"offer {n}") for n in range(10_000)), at=SINCE - timedelta(days=1))
    inbox = inbox_at(maildir)
    mark = inbox.news("", nothing, since=SINCE).mark
    for file in (maildir.path / "new").iterdir():
        os.utime(file, (1, file.stat().st_mtime))  # what is read gets another time of access

    began = time.process_time()
    news = inbox.news(mark, everything, since=SINCE)
    took = time.process_time() - began

    assert news == News(mark=mark)
    assert {file.stat().st_atime for file in (maildir.path / "new").iterdir()} == {1}
    assert took < 2


# -- a line to a server that can be listened to, cut and spoiled -------------------------------------------------------


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


@pytest.fixture(scope="module")
def pymap(certificates: Certificates) -> Iterator[int]:
    """Run an IMAP server of its own code, in memory; it takes STARTTLS, and from loopback also plain text."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    pem = str(certificates.ca.with_name("server0.pem"))
    command = [sys.executable, "-c", "from pymap.main import main; main()", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--cert", pem, "--key", pem, "--no-service", "admin", "--no-service", "managesieve"]
    log = certificates.ca.with_name("pymap.log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "dict", "--demo-user", "beklijf", "--demo-password", PASSWORD], stdout=out, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def listening(port: int, *, tls: ssl.SSLContext | None, beyond: ssl.SSLContext | None = None) -> Iterator[Wire]:
    wire = Wire(port, tls=tls, beyond=beyond)
    wire.start()
    try:
        yield wire
    finally:
        wire.stop()


@pytest.fixture
def account(pymap: int, certificates: Certificates, password: Secret) -> Iterator[Mailbox]:
    def log_in() -> IMAPClient:
        client = IMAPClient("127.0.0.1", pymap, ssl=False, timeout=60)
        client.plain_login("beklijf", PASSWORD)
        return client

    with listening(pymap, tls=certificates.server) as wire:
        settings = InboxSettings(
            maker=InboxByImap(host="127.0.0.1", port=wire.port, security="tls", user="beklijf", password=password, ca=certificates.ca),
            address="mentor@voorbeeld.example",
        )
        made = Mailbox(settings, wire, log_in)
        made.clear()
        yield made


class TestImap(InboxContract):
    @pytest.fixture
    def box(self, account: Mailbox) -> Box:
        return account


# -- IMAP --------------------------------------------------------------------------------------------------------------


@contextmanager
def reading(settings: InboxSettings, *, timeout: float = 10) -> Iterator[ImapInbox]:
    inbox = ImapInbox(replace(settings, deadline=timedelta(seconds=timeout)))
    try:
        yield inbox
    finally:
        inbox.close()


@pytest.fixture
def imap(account: Mailbox) -> Iterator[ImapInbox]:
    with reading(account.settings) as inbox:
        yield inbox


def subjects(news: News) -> list[str]:
    return [found[1].decode() if (found := re.search(rb"^Subject: (.*?)\r$", one.content, re.MULTILINE)) else "" for one in news.mails]


class WireContract:
    """What is shown by listening to the line, for every server; subclasses give ``account``."""

    @pytest.fixture
    def imap(self, account: Mailbox) -> Iterator[ImapInbox]:
        with reading(account.settings) as inbox:
            yield inbox

    def test_ten_thousand_unrelated_mails_cost_a_quiet_call_one_command(self, imap: ImapInbox, account: Mailbox) -> None:
        account.put(*(mail(f"old offer {n}") for n in range(9_500)), at=SINCE - timedelta(days=30))
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


class TestWire(WireContract):
    pass


def test_starttls_reads_as_well(account: Mailbox, pymap: int) -> None:
    account.put(mail("Re: a"))
    with reading(with_maker(account.settings, security="starttls", port=pymap)) as imap:
        news = imap.news("", everything, since=SINCE)
        imap.file([one.id for one in news.mails])

    assert len(account.filed()) == 1


def test_a_check_names_host_account_folder_and_where_handled_mail_goes(imap: ImapInbox, account: Mailbox) -> None:
    account.put(mail())

    said = imap.check()

    assert said == (f"imap beklijf 127.0.0.1:{account.wire.port}: INBOX has 1 mails; handled mail goes to beklijf, which will be made")
    assert not {"SELECT", "CREATE", "STORE"} & set(account.wire.words)


def test_opening_costs_nothing_and_neither_does_filing_nothing(account: Mailbox) -> None:
    inbox = open_inbox(account.settings)

    inbox.file([])
    inbox.close()

    assert account.wire.commands == []
    assert INBOXES["imap"].kind.opens == f"{ImapInbox.__module__}:{ImapInbox.__qualname__}"


def test_where_all_folders_are_beneath_the_inbox_so_is_ours(account: Mailbox) -> None:
    account.wire.spoil.append((rb"\bCHILDREN\b", b"NAMESPACE"))
    account.wire.instead += [
        ('CREATE "beklijf"', b"TAG NO Invalid mailbox name.\r\n"),
        ("NAMESPACE", b'* NAMESPACE (("INBOX." ".")) NIL NIL\r\nTAG OK done\r\n'),
    ]
    account.put(mail("Re: a"), mail("Re: b"))
    with reading(account.settings) as imap:
        ids = [one.id for one in imap.news("", everything, since=SINCE).mails]
        imap.file(ids[:1])
        imap.file(ids)
        forgotten = imap.forget(NOON + timedelta(days=1))

    assert forgotten == 2
    assert account.inside() == []
    assert [command for command in account.wire.commands if command.startswith("CREATE")] == ['CREATE "beklijf"', 'CREATE "INBOX.beklijf"']


def test_a_folder_that_the_server_will_not_make_is_down_with_its_words(account: Mailbox) -> None:
    account.wire.instead.append(("CREATE", b"TAG NO [ALERT] You may\x07 not.\r\n"))
    account.put(mail("Re: a"))
    with reading(account.settings) as imap:
        ids = [one.id for one in imap.news("", everything, since=SINCE).mails]
        with pytest.raises(Down, match=r"beklijf: create failed: \[ALERT\] You may not") as caught:
            imap.file(ids)

    assert "filed" in caught.value.hint
    assert len(account.inside()) == 1


def trouble(settings: InboxSettings, *, timeout: float = 10) -> Exception:
    with reading(settings, timeout=timeout) as imap, pytest.raises((Down, Transient)) as caught:
        imap.news("", everything, since=SINCE)
    return caught.value


def test_an_unknown_authority_or_another_host_gets_no_login(account: Mailbox, pymap: int, certificates: Certificates) -> None:
    unknown = trouble(with_maker(account.settings, ca=None))
    with listening(pymap, tls=certificates.stranger) as wire:
        stranger = trouble(with_maker(account.settings, port=wire.port))
        asked = wire.commands

    for error in (unknown, stranger):
        assert isinstance(error, Down)
        assert "certificate that can't be trusted" in str(error)
        assert "[inbox] ca" in error.hint
    assert asked == account.wire.commands == []


def test_starttls_that_is_not_offered_is_down_before_any_login(account: Mailbox, pymap: int) -> None:
    with listening(pymap, tls=None) as wire:
        wire.spoil.append((rb" STARTTLS", b""))
        error = trouble(with_maker(account.settings, port=wire.port, security="starttls"))
        asked = wire.words

    assert isinstance(error, Down)
    assert "STARTTLS" in str(error)
    assert "993" in error.hint
    assert not {"AUTHENTICATE", "LOGIN"} & set(asked)


def test_what_speaks_no_tls_is_down(account: Mailbox, pymap: int) -> None:
    error = trouble(with_maker(account.settings, port=pymap))

    assert isinstance(error, Down)
    assert "no TLS" in str(error)


def test_a_missing_authority_file_is_down_and_named(account: Mailbox, tmp_path: Path) -> None:
    error = trouble(with_maker(account.settings, ca=tmp_path / "none.pem"))

    assert isinstance(error, Down)
    assert "none.pem" in str(error)


def test_a_wrong_password_is_down_and_not_repeated(account: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("zomer2026", encoding="utf-8")

    error = trouble(with_maker(account.settings, password=Secret("file", str(tmp_path / "wrong"))))

    assert isinstance(error, Down)
    assert "refused the login" in str(error)
    assert "[inbox] user and password" in error.hint
    assert "zomer2026" not in str(error)


def test_a_password_that_is_not_there_is_the_configs_trouble(account: Mailbox, tmp_path: Path) -> None:
    settings = with_maker(account.settings, password=Secret("file", str(tmp_path / "none")))

    with reading(settings) as imap, pytest.raises(ConfigError, match="none"):
        imap.news("", everything, since=SINCE)


@pytest.mark.parametrize(
    ("offered", "asked"),
    [(b"AUTH=LOGIN", "AUTHENTICATE LOGIN"), (b"X-NONE", 'LOGIN beklijf "')],
)
def test_other_ways_to_log_in_are_taken_where_plain_is_not_offered(account: Mailbox, offered: bytes, asked: str) -> None:
    account.wire.spoil.append((rb"AUTH=PLAIN AUTH=LOGIN", offered))
    account.wire.instead.append(("LOGIN ", b"TAG NO [AUTHENTICATIONFAILED] 'zomer' is wrong\r\n"))
    with reading(account.settings) as imap:
        if offered == b"AUTH=LOGIN":
            imap.news("", everything, since=SINCE)
        else:
            with pytest.raises(Down, match="only ASCII"):
                imap.news("", everything, since=SINCE)

    assert any(command.startswith(asked) for command in account.wire.commands) == (offered == b"AUTH=LOGIN")


def test_a_plain_login_is_never_repeated_in_an_error(account: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "ascii").write_text("zomer2026", encoding="utf-8")
    account.wire.spoil.append((rb"AUTH=PLAIN AUTH=LOGIN", b"X-NONE"))
    account.wire.instead.append(("LOGIN ", b"TAG BAD zomer2026 is wrong for beklijf\r\n"))

    error = trouble(with_maker(account.settings, password=Secret("file", str(tmp_path / "ascii"))))

    assert isinstance(error, Down)
    assert "*** is wrong for beklijf" in str(error)


def test_a_login_that_a_server_repeats_in_base64_is_not_in_the_error(account: Mailbox, tmp_path: Path) -> None:
    (tmp_path / "ascii").write_text("zomer2026", encoding="utf-8")
    account.wire.spoil.append((rb"AUTH=PLAIN AUTH=LOGIN", b"X-NONE"))
    account.wire.instead.append(("LOGIN ", b"TAG BAD what is " + b64encode(b"\0beklijf\0zomer2026") + b"\r\n"))

    error = trouble(with_maker(account.settings, password=Secret("file", str(tmp_path / "ascii"))))

    assert "what is ***" in str(error)


def test_a_server_that_forbids_passwords_is_down(account: Mailbox) -> None:
    account.wire.spoil.append((rb"AUTH=PLAIN AUTH=LOGIN", b"LOGINDISABLED"))

    error = trouble(account.settings)

    assert isinstance(error, Down)
    assert "LOGIN" not in account.wire.words


def test_a_folder_that_is_not_there_is_down_and_the_others_are_named(account: Mailbox) -> None:
    with account.open() as client:
        client.create_folder("Antwoorden")

    error = trouble(replace(account.settings, folder="Antworden"))

    assert isinstance(error, Down)
    assert "Antworden" in str(error)
    assert "Antwoorden, INBOX" in error.hint


@pytest.mark.parametrize("when", ["AUTHENTICATE", "EXAMINE", "UID SEARCH", "UID FETCH"])
@pytest.mark.parametrize(
    "said", [b"TAG NO [UNAVAILABLE] come back later\r\n", b"TAG NO [INUSE] locked\x1b[2J\r\n", b"* BYE restarting\r\n", None, b""]
)
def test_what_may_pass_is_transient_and_the_next_call_is_as_if_nothing_was(account: Mailbox, when: str, said: bytes | None) -> None:
    account.put(mail("Re: a"))
    account.wire.instead.append((when, said))
    with reading(account.settings, timeout=10 if said is None or said.startswith(b"TAG") else 0.5) as imap:
        if when == "UID FETCH" and not (said or b"").startswith(b"TAG"):
            # it could be that mail: it is passed by, with what is known of it (see below)
            assert subjects(imap.news("", everything, since=SINCE)) in ([], [""])
        else:
            with pytest.raises(Transient) as caught:
                imap.news("", everything, since=SINCE)
            assert len(str(caught.value).splitlines()) == 1
            assert str(caught.value).isprintable()
        account.wire.instead.clear()

        news = imap.news("", everything, since=SINCE)

    assert subjects(news) == ["Re: a"]


def test_a_server_that_is_not_there_is_transient(account: Mailbox) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        error = trouble(with_maker(account.settings, port=probe.getsockname()[1]))

    assert isinstance(error, Transient)
    assert "[inbox] host" in error.hint


def test_a_folder_that_may_only_be_read_is_down_where_mail_must_be_moved(account: Mailbox) -> None:
    account.put(mail("Re: a"))
    with reading(account.settings) as imap:
        ids = [one.id for one in imap.news("", everything, since=SINCE).mails]
        account.wire.spoil.append((rb"\[READ-WRITE\]", b"[READ-ONLY]"))
        with pytest.raises(Down, match="can only be read"):
            imap.file(ids)


# -- one mail that nobody can make sense of ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"((((((",
        b"NIL",
        b"7",
        b"()",
        b'("text" "plain" x"y)',
        b"(" * 3000 + b")" * 3000,
        b"(((NIL NIL) 7 (7)) {3)",
        b'("text" "pl\r\nain")',
        b"(" + b"(x)" * 400_000 + b")",
        b'("text" "plain") NIL',
        b"",
    ],
    ids=["unclosed", "nil", "number", "empty", "quotes", "deep", "odd", "line break", "endless", "one too many", "missing"],
)
def test_an_answer_about_one_mail_that_makes_no_sense_hides_no_other(account: Mailbox, garbage: bytes) -> None:
    odd = mail("Re: 2").replace(b"Subject", b"Content-Type: text/x-odd\r\nSubject")
    account.put(mail("Re: 0"), mail("Re: 1"), odd, mail("Re: 3"), mail("Re: 4"))
    account.wire.spoil.append((rb'(?<=BODYSTRUCTURE )\("text" "x-odd"[^)]*\)', garbage))
    with reading(account.settings) as imap:
        news = imap.news("", answers, since=SINCE)

    assert account.wire.spoiled
    assert subjects(news) == [f"Re: {n}" for n in range(5)]
    assert not news.more


@pytest.mark.parametrize("said", [None, b"* BYE internal error\r\n", b"TAG NO I can't parse this mail\r\n", b"TAG BAD what?\r\n"])
def test_a_mail_over_which_the_server_stumbles_is_passed_by_and_told_of(account: Mailbox, said: bytes | None) -> None:
    account.put(*(mail(f"Re: {n}") for n in range(5)))
    account.wire.instead.append((rf"UID FETCH (\S+,)?{_uids(account)[2]}[, ]", said))
    with reading(account.settings) as imap:
        news = [imap.news("", answers, since=SINCE)]
        while news[-1].more:
            news.append(imap.news(news[-1].mark, answers, since=SINCE))

    assert [subject for one in news for subject in subjects(one)] == ["Re: 0", "Re: 1", "Re: 3", "Re: 4"]
    assert [each.id.partition(":")[2] for one in news for each in one.failed] == [str(_uids(account)[2])]
    assert len(news) == 2


def test_a_mail_that_the_server_cannot_hand_over_comes_as_its_headers(account: Mailbox) -> None:
    account.put(mail("Re: 0"), mail("Re: 1", body="the body"), mail("Re: 2"))
    bad = _uids(account)[1]
    account.wire.instead.append((rf"UID FETCH {bad} .*BODY.PEEK\[\]", b"TAG NO [UNKNOWN-CTE] I can't\r\n"))
    with reading(account.settings) as imap:
        news = imap.news("", answers, since=SINCE)

    assert subjects(news) == ["Re: 0", "Re: 1", "Re: 2"]
    assert [one.cut for one in news.mails] == [False, True, False]
    assert b"the body" not in news.mails[1].content


def _uids(account: Mailbox) -> Sequence[int]:
    with account.open() as client:
        client.select_folder("INBOX", readonly=True)
        found: Sequence[int] = client.search()
        return found

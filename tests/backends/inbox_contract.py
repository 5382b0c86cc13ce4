"""What every inbox does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pytest

from beklijf.backends.folder.inbox import FolderInbox
from beklijf.backends.registry import open_inbox
from beklijf.model.mailbox import AT_ONCE, LARGEST, News

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from beklijf.contracts.inbox import Inbox
    from beklijf.contracts.settings import InboxSettings
    from beklijf.model.mailbox import Envelope

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


CLASSES = [
    (parts(TEXT, REPLY, kind="alternative"), "text/calendar", True),
    (b"Content-Type: TEXT/Calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR", "text/calendar", True),
    (parts(TEXT, "Content-Type: application/ics; name=x\r\n\r\nx"), "", True),
    (parts("Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=Invite.ICS\r\n\r\nx"), "", True),
    (parts('Content-Type: application/octet-stream; name="=?utf-8?q?afspraak=2Eics?="\r\n\r\nx'), "", True),
    (parts(TEXT, "Content-Type: message/delivery-status\r\n\r\nx", kind="report"), "multipart/report", False),
    (parts(TEXT, "Content-Type: text/html\r\n\r\n<p>invite.ics"), "", False),
    (b"From: a@b.example\r\nContent-Type: text/plain\r\n\r\ntext/calendar invite.ics", "", False),
]
"""What Exchange tells of a mail: its class, where others tell its Content-Type."""

"""One contract for every mailbox, and what only IMAP can do wrong: against a real server, over a line that can be listened to and cut."""

from __future__ import annotations

import mailbox
import os
import socket
import time
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from imapclient import IMAPClient  # type: ignore[import-untyped]  # has annotations, but doesn't say so (no py.typed)
from tests.backends.inbox_contract import NOON, SINCE, Box, InboxContract, answers, everything, mail, nothing, same
from tests.backends.smtp_imap.wire import Mailbox, WireContract, listening, reading, subjects
from tests.fakes.settings import said_to, with_maker
from tests.imap_server import PASSWORD

from beklijf.backends.folder.inbox import FolderInbox
from beklijf.backends.folder.settings import InboxInFolder
from beklijf.backends.registry import INBOXES, open_inbox
from beklijf.backends.smtp_imap.inbox import ImapInbox
from beklijf.backends.smtp_imap.settings import InboxByImap
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import InboxSettings
from beklijf.model.errors import ConfigError, Down, Transient
from beklijf.model.mailbox import News

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.certificates import Certificates


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


@pytest.fixture
def imap(account: Mailbox) -> Iterator[ImapInbox]:
    with reading(account.settings) as inbox:
        yield inbox


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


def trouble(settings: InboxSettings, *, timeout: float = 60) -> Exception:
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
    with reading(account.settings, timeout=60 if said is None or said.startswith(b"TAG") else 1) as imap:
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

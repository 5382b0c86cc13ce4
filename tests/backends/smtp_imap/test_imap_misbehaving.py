"""What an IMAP server can do wrong: each a real conversation, over in time, with the right error or with what can be known."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import pytest
from tests.backends.inbox_contract import everything
from tests.backends.smtp_imap.wire import reading, subjects
from tests.fakes.scripted import CUT, HANG, IMAP_HEALTHY, IMAP_MAILS, TLS, Answer, Drip, Flood, Script, Think, following, imap
from tests.fakes.settings import with_maker

from beklijf.backends.smtp_imap import imap_wire
from beklijf.backends.smtp_imap.inbox import SEARCHES
from beklijf.backends.smtp_imap.settings import InboxByImap
from beklijf.contracts.settings import InboxSettings
from beklijf.model.errors import BackendError, Down, Transient
from beklijf.model.mailbox import LARGEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.certificates import Certificates

    from beklijf.backends.smtp_imap.inbox import ImapInbox
    from beklijf.boundary.credentials import Secret
    from beklijf.model.mailbox import News


SHORT = 1.0
"""Of one operation: what a server that is well needs is a twentieth of it, since the tests run beside each other."""
LONG = 30
"""Seconds that no call may take: there are several operations in one, and a server that nobody leaves goes on for ever."""
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
MUCH = "more than was asked for"
LATE = "not done within"
UNREADABLE = "an answer that can't be read"
BEYOND = b"* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 99999999999]\r\nTAG OK done\r\n"
HUGE = b'* LIST () "/" {4294967295}\r\nbek'
NO_MOVE = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN UIDPLUS\r\n"
NO_UIDPLUS = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"
WHOLE = ["Re: 1", "Re: 2", "Re: 3"]


@pytest.fixture
def open_script(certificates: Certificates) -> Iterator[Callable[..., Script]]:
    with ExitStack() as stack:

        def start(*, implicit: bool = True) -> Script:
            return stack.enter_context(following(imap, tls=certificates.server, implicit=implicit, healthy=IMAP_HEALTHY))

        yield start


@pytest.fixture
def script(open_script: Callable[..., Script]) -> Script:
    return open_script()


@pytest.fixture
def settings(certificates: Certificates, password: Secret, script: Script) -> InboxSettings:
    return InboxSettings(
        maker=InboxByImap(host="127.0.0.1", port=script.port, security="tls", user="beklijf", password=password, ca=certificates.ca),
        address="mentor@voorbeeld.example",
    )


def read(inbox: ImapInbox) -> News:
    return inbox.news("", everything, since=SINCE)


# -- where nothing can be read any more --------------------------------------------------------------------------------


def able(capabilities: bytes) -> dict[str, Answer]:
    """Return the answers of a server that can do less."""
    said = capabilities + b"TAG OK done\r\n"
    return {"CAPABILITY": (said,), "AUTHENTICATE": (*IMAP_HEALTHY["AUTHENTICATE"][:-1], said)}


@dataclass(frozen=True)
class Case:
    what: str
    says: dict[str, Answer]
    means: type[BackendError]
    words: str = ""
    """Part of the error."""
    does: Literal["news", "file", "forget"] = "news"


def at_each(what: str, word: str, does: Literal["news", "file", "forget"] = "news", also: dict[str, Answer] | None = None) -> list[Case]:
    """Return what can go wrong with any command whose answer all depends on."""
    also = also or {}
    return [
        Case(f"no answer to {what}", also | {word: (HANG,)}, Transient, LATE, does),
        Case(f"an answer to {what} in drops", also | {word: (Drip(b"* OK hm\r\n"),)}, Transient, LATE, does),
        Case(f"an answer to {what} without end", also | {word: (Flood(b"* 5 EXISTS\r\n"),)}, Transient, "", does),
        Case(f"a goodbye at {what}", also | {word: (b"* BYE restarting\r\n", CUT)}, Transient, "", does),
        Case(f"cut off at {what}", also | {word: (b"* OK ha", CUT)}, Transient, "", does),
        Case(f"the answer to something else at {what}", also | {word: (b"ZZZ9 OK done\r\n",)}, Transient, "", does),
    ]


CASES = [
    Case("no handshake", {"handshake": (HANG,)}, Transient, LATE),
    Case("no greeting", {"greeting": (HANG,)}, Transient, LATE),
    Case("a greeting in drops", {"greeting": (Drip(b"* OK "),)}, Transient, LATE),
    Case("greetings without end", {"greeting": (b"* OK ready\r\n", Flood(b"* OK ready\r\n"))}, Transient),
    Case("a greeting of one line without end", {"greeting": (Flood(b"* OK "),)}, Transient, "1000000 bytes"),
    Case("a goodbye for a greeting", {"greeting": (b"* BYE too many connections\r\n",)}, Transient, "too many connections"),
    Case("another protocol's greeting", {"greeting": (b"HTTP/1.1 400 Bad Request\r\n",)}, Transient, "Bad Request"),
    *at_each("CAPABILITY", "CAPABILITY"),
    Case("capabilities that are no text", {"CAPABILITY": (b"* CAPABILITY IMAP4rev1 \xff\xfe\r\nTAG OK done\r\n",)}, Transient, UNREADABLE),
    *at_each("AUTHENTICATE", "AUTHENTICATE"),
    Case("challenges without end", {"AUTHENTICATE": (Flood(b"+ \r\n"),)}, Transient),
    Case("a challenge that is no base64", {"AUTHENTICATE": (b"+ a\r\n",)}, Transient, UNREADABLE),
    Case("a no to the login", {"AUTHENTICATE": (b"TAG NO wrong\r\n",)}, Down, "refused the login"),
    *at_each("EXAMINE", "EXAMINE"),
    Case("a no to EXAMINE", {"EXAMINE": (b"TAG NO not now\r\n",)}, Down, "can't be opened"),
    Case("a folder without numbers that last", {"EXAMINE": (b"* 3 EXISTS\r\nTAG OK done\r\n",)}, Down, "no UIDVALIDITY"),
    Case(
        "a number of too many digits", {"EXAMINE": (b"* OK [UIDVALIDITY " + b"7" * 5000 + b"]\r\nTAG OK done\r\n",)}, Transient, UNREADABLE
    ),
    Case(
        "a number that can't be",
        {"EXAMINE": (BEYOND,)},
        Transient,
        "99999999999",
    ),
    *at_each("SEARCH", "SEARCH"),
    Case("a search that finds no numbers", {"SEARCH": (b"* SEARCH one two\r\nTAG OK done\r\n",)}, Transient, UNREADABLE),
    Case("a search that finds too much", {"SEARCH": (b"* SEARCH", Flood(b" 4294967295"))}, Transient, "1000000 bytes"),
    Case("a BAD to SEARCH", {"SEARCH": (b"TAG BAD what?\r\n",)}, Down, "what?"),
    *at_each("LIST", "LIST", "file"),
    Case("an announced name of 4 GB", {"LIST": (HUGE,)}, Transient, "4294967295 bytes are announced", "file"),
    Case("a name of too many digits", {"LIST": (b'* LIST () "/" {' + b"9" * 5000 + b"}\r\n",)}, Transient, "bytes are announced", "file"),
    *at_each("MOVE", "MOVE", "file"),
    Case("a no to MOVE", {"MOVE": (b"TAG NO [OVERQUOTA] full\r\n",)}, Down, "full", "file"),
    *at_each("COPY", "COPY", "file", able(NO_MOVE)),
    *at_each("STORE", "STORE", "file", able(NO_MOVE)),
    *at_each("UID EXPUNGE", "EXPUNGE", "file", able(NO_MOVE)),
    *at_each("CREATE", "CREATE", "file", {"LIST": (b"TAG OK done\r\n",)}),
    *at_each("FETCH of old mail", "FETCH", "forget"),
    *at_each("EXPUNGE", "EXPUNGE", "forget", able(NO_UIDPLUS)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_whatever_a_server_does_a_call_ends_in_time_and_the_next_one_is_as_if_nothing_was(
    script: Script, settings: InboxSettings, case: Case
) -> None:
    script.answers = dict(case.says)
    do: dict[str, Callable[[ImapInbox], object]] = {
        "news": read,
        "file": lambda inbox: inbox.file(["7:1", "7:2"]),
        "forget": lambda inbox: inbox.forget(LATER),
    }
    with reading(settings, timeout=SHORT) as inbox:
        began = time.monotonic()
        with pytest.raises(BackendError) as caught:
            do[case.does](inbox)
        took = time.monotonic() - began

        assert type(caught.value) is case.means
        assert case.words in str(caught.value)
        assert str(caught.value).isprintable()
        assert took < LONG
        assert script.all_left()
        assert "LOGOUT" not in [word for line in script.lines for word in line.commands]
        script.answers = {}

        assert subjects(read(inbox)) == WHOLE


# -- where one mail is the trouble -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Odd:
    what: str
    says: dict[str, Answer]
    brings: list[str]
    """The subjects that arrive, in one call or more: what is not known of a mail doesn't keep it away."""
    cut: bool = False
    """They come as their headers."""


FOUR_GB = b"* 1 FETCH (UID 1 BODY[]<0> {4294967295}\r\nFrom:"
LARGE = b"* 1 FETCH (UID 1 BODY[]<0> {%d}\r\n" % (LARGEST + 1) + b"x" * (LARGEST + 1) + b")\r\nTAG OK done\r\n"
OTHERS = b"* 9 FETCH (UID 9 BODY[]<0> {3}\r\nabc)\r\nTAG OK done\r\n"
ZONE = b'* 1 FETCH (UID 1 INTERNALDATE "29-Nov-2026 12:00:00 +9999" RFC822.SIZE 99999999999999999999)\r\nTAG OK done\r\n'

ODD = [
    Odd("no answer about any mail", {"FETCH": (HANG,)}, WHOLE),
    Odd("answers about mails in drops", {"FETCH": (Drip(b"* 1 FETCH (UID 1)\r\n"),)}, WHOLE),
    Odd("answers about mails without end", {"FETCH": (Flood(b"* 1 FETCH (UID 1)\r\n"),)}, WHOLE),
    Odd("news of how many there are without end", {"FETCH": (Flood(b"* 5 EXISTS\r\n"),)}, WHOLE),
    Odd("a goodbye at each mail", {"FETCH": (b"* BYE\r\n", CUT)}, WHOLE),
    Odd("a no to each mail", {"FETCH": (b"TAG NO can't\r\n",)}, WHOLE),
    Odd("answers about other mails", {"FETCH": (OTHERS,)}, []),
    Odd("a header that is announced as 4 GB", {"FETCH": (FOUR_GB,)}, WHOLE),
    Odd("a day that can't be", {"FETCH": (ZONE,)}, ["Re: 1"]),
    Odd("no content", {"BODY": (HANG,)}, WHOLE, cut=True),
    Odd("content in drops", {"BODY": (Drip(b"* OK\r\n"),)}, WHOLE, cut=True),
    Odd("content that is announced as 4 GB", {"BODY": (FOUR_GB,)}, WHOLE, cut=True),
    Odd("more content than was asked for", {"BODY": (LARGE,)}, WHOLE, cut=True),
    Odd("less content than was announced", {"BODY": (b"* 1 FETCH (UID 1 BODY[]<0> {500}\r\nFrom:", CUT)}, WHOLE, cut=True),
    Odd("content that is none", {"BODY": (b"* 1 FETCH (UID 1 BODY[]<0> NIL)\r\n" + b"TAG OK done\r\n",)}, ["Re: 1"], cut=True),
    Odd("content of another mail", {"BODY": (OTHERS,)}, []),
    Odd("a no to the content", {"BODY": (b"TAG NO can't\r\n",)}, WHOLE, cut=True),
    Odd("a goodbye at the content", {"BODY": (b"* BYE\r\n", CUT)}, WHOLE, cut=True),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: odd.what)
def test_what_cannot_be_had_of_a_mail_is_left_and_the_reading_comes_to_an_end(script: Script, settings: InboxSettings, odd: Odd) -> None:
    script.answers = dict(odd.says)
    found: list[News] = []
    with reading(settings, timeout=SHORT) as inbox:
        while not found or found[-1].more:
            began = time.monotonic()
            found.append(inbox.news(found[-1].mark if found else "7:1", everything, since=SINCE))
            assert time.monotonic() - began < LONG
            assert len(found) < 5, "it goes round in circles"

    assert [subject for news in found for subject in subjects(news)] == odd.brings
    assert all(mail.cut for news in found for mail in news.mails) or not odd.cut


# -- what is asked -----------------------------------------------------------------------------------------------------


def opened_with(numbers: bytes) -> dict[str, Answer]:
    return {"EXAMINE": (numbers + b"* OK [UIDVALIDITY 7]\r\n* OK [UIDNEXT 4294967296]\r\nTAG OK [READ-ONLY]\r\n",)}


def searches(script: Script) -> int:
    return sum(line.commands.count("SEARCH") for line in script.lines)


def test_few_mails_with_high_numbers_cost_one_search(script: Script, settings: InboxSettings) -> None:
    script.answers = opened_with(b"* 3 EXISTS\r\n")
    with reading(settings) as inbox:
        news = read(inbox)

    assert subjects(news) == WHOLE
    assert searches(script) == 1
    assert (news.mark, news.more) == ("7:4294967296", False)


def test_as_many_mails_as_there_can_be_cost_so_many_searches_a_call_and_the_next_goes_on(script: Script, settings: InboxSettings) -> None:
    script.answers = opened_with(b"* 4294967295 EXISTS\r\n") | {"SEARCH": (b"* SEARCH\r\nTAG OK done\r\n",)}
    with reading(settings) as inbox:
        first = read(inbox)
        second = inbox.news(first.mark, everything, since=SINCE)

    assert searches(script) == 2 * SEARCHES
    assert (first.more, second.more) == (True, True)
    assert int(first.mark.partition(":")[2]) < int(second.mark.partition(":")[2])


def test_numbers_that_were_not_asked_for_are_not_looked_at_and_not_moved(script: Script, settings: InboxSettings) -> None:
    script.answers["SEARCH"] = (b"* SEARCH 0 1 2 3 3 4 77 4294967295\r\nTAG OK done\r\n",)
    with reading(settings) as inbox:
        news = read(inbox)
        inbox.file(["7:2"])

    assert subjects(news) == WHOLE
    assert [heard.split()[1:4] for heard in script.lines[-1].heard if b" MOVE " in heard] == [[b"UID", b"MOVE", b"2"]]


def test_a_mark_beyond_the_next_number_begins_anew_and_not_never(settings: InboxSettings) -> None:
    with reading(settings) as inbox:
        news = inbox.news("7:4294967296", everything, since=SINCE)

    assert subjects(news) == WHOLE


def test_a_slow_server_is_left_with_what_it_gave_and_goes_on_there(script: Script, settings: InboxSettings) -> None:
    script.answers["BODY"] = (Think(0.6 * SHORT), *IMAP_HEALTHY["BODY"])
    with reading(settings, timeout=SHORT) as inbox:
        first = read(inbox)
        second = inbox.news(first.mark, everything, since=SINCE)

    assert first.more
    assert 0 < len(first.mails) < 3
    assert [*subjects(first), *subjects(second)] == WHOLE


@pytest.mark.parametrize("answer", [(HANG,), (Drip(b"* OK\r\n"),), (Flood(b"* OK\r\n"),), (CUT,)], ids=["hang", "drip", "flood", "cut"])
def test_nobody_waits_for_a_goodbye(script: Script, settings: InboxSettings, answer: Answer) -> None:
    script.answers["LOGOUT"] = answer
    with reading(settings, timeout=SHORT) as inbox:
        read(inbox)
        began = time.monotonic()

        inbox.close()

    assert time.monotonic() - began < LONG
    assert script.all_left()


def test_what_is_said_in_clear_after_starttls_is_not_heard(open_script: Callable[..., Script], settings: InboxSettings) -> None:
    script = open_script(implicit=False)
    offered = b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\nTAG OK done\r\n"
    script.answers = {"CAPABILITY": (offered,), "STARTTLS": (b"TAG OK done\r\n* CAPABILITY IMAP4rev1 AUTH=LOGIN\r\n", TLS)}
    with reading(with_maker(settings, port=script.port, security="starttls")) as inbox:
        assert subjects(read(inbox)) == WHOLE

    assert [heard.split()[2] for heard in script.lines[0].heard if b"AUTHENTICATE" in heard] == [b"PLAIN"]


@pytest.mark.parametrize("word", ["greeting", "AUTHENTICATE", "EXAMINE", "SEARCH"])
@pytest.mark.parametrize("text", [b"* 5 EXISTS\r\n", b"* OK " + b"x" * 9000 + b"\r\n"], ids=["lines", "bytes"])
def test_what_nobody_asked_for_is_not_taken_in_for_long(script: Script, settings: InboxSettings, word: str, text: bytes) -> None:
    script.answers[word] = (b"* OK ready\r\n", Flood(text))
    with reading(settings, timeout=60) as inbox, pytest.raises(Transient, match=MUCH):
        read(inbox)


def test_a_folder_may_say_as_much_as_a_call_can_ask_for() -> None:
    folder, command = imap_wire.a_folder(), imap_wire.a_command()

    assert folder.take(20 * LARGEST + 500 * 20_000, 1_000)
    assert command.take(100 * 20_000, 300)
    assert imap_wire.a_command().take(50_000 * len(b" 4294967295"), 2)
    assert not command.take(4 * LARGEST)


def test_the_mails_of_the_script_are_small() -> None:
    assert all(len(mail) < LARGEST for mail in IMAP_MAILS.values())

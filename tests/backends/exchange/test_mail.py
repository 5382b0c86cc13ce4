"""Mail and inbox on an Exchange Server through EWS: the contracts of all mailers and inboxes, and each error."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.backends.inbox_contract import CLASSES, NOON, SINCE, InboxContract, Watching, answers, everything, mail, nothing
from tests.backends.mailer_contract import SENDER, MailerContract, letter
from tests.fakes.company import Company, Entry, Guest
from tests.fakes.ews.mail_folders import MailFolders
from tests.fakes.ews.server import Drop, EwsServer, Status, running
from tests.fakes.ews.soap import Fault, Refusal

from beklijf.backends.exchange.inbox import ExchangeInbox
from beklijf.backends.exchange.mailer import ExchangeMailer
from beklijf.backends.exchange.settings import ExchangeLogin, InboxByExchange, MailByExchange
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import InboxSettings, MailSettings
from beklijf.model.errors import BackendError, Down, Refused, Transient, Unanswered
from beklijf.model.mailbox import LARGEST, News
from beklijf.replies import reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.backends.inbox_contract import Box
    from tests.fakes.ews.server import Mood

    from beklijf.contracts.inbox import Inbox

MAILBOX = SENDER.email
SANNE = "sanne@voorbeeld.example"


@pytest.fixture
def company() -> Company:
    made = Company()
    made.hire(MAILBOX)
    made.hire(SANNE)
    return made


@pytest.fixture
def server(company: Company) -> Iterator[EwsServer]:
    made = EwsServer(company)
    made.operations = MailFolders(company)
    with running(made):
        yield made
    assert made.illegal == []


def folders(server: EwsServer) -> MailFolders:
    assert isinstance(server.operations, MailFolders)
    return server.operations


@pytest.fixture(params=["impersonation", "delegate"])
def login(server: EwsServer, tmp_path: Path, request: pytest.FixtureRequest) -> ExchangeLogin:
    path = tmp_path / "password"
    path.write_text("mentorpw\n", encoding="utf-8")
    return ExchangeLogin(url=server.url, user=MAILBOX, password=Secret("file", str(path)), auth="basic", access=request.param)


# -- sending -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def mailer(login: ExchangeLogin) -> Iterator[ExchangeMailer]:
    made = ExchangeMailer(MailSettings(maker=MailByExchange(login=login), sender=SENDER), clock=lambda: 0.0, sleep=lambda _: None)
    yield made
    made.close()


@pytest.fixture
def arrived(company: Company) -> Callable[[], list[bytes]]:
    return lambda: [raw for _, _, raw in company.sent]


class TestMailer(MailerContract):
    """The contract of every mailer."""


@pytest.mark.parametrize(
    ("mood", "means"),
    [
        (Fault("ErrorServerBusy", back_off=7000), Transient),
        (Refusal("ErrorSendAsDenied"), Down),
        (Refusal("ErrorAccessDenied"), Down),
        (Fault("ErrorNonExistentMailbox"), Down),
        (Refusal("ErrorSubmissionQuotaExceeded"), Transient),
        (Refusal("ErrorInvalidRecipients"), Refused),
        (Refusal("ErrorMessageSizeExceeded"), Refused),
        (Refusal("ErrorQuotaExceeded"), Down),
        (Status(503), Transient),
        (Status(500), Transient),
        (Status(502), Unanswered),
    ],
    ids=str,
)
def test_what_exchange_says_means_what_the_table_says(
    server: EwsServer, mailer: ExchangeMailer, company: Company, mood: Mood, means: type[BackendError]
) -> None:
    server.mood.append(mood)

    with pytest.raises(means) as caught:
        mailer.send(letter(), recipient=SANNE)

    assert type(caught.value) is means
    assert company.sent == []
    if isinstance(caught.value, Transient):
        assert ("may have arrived" in str(caught.value)) == (means is Unanswered)
        assert caught.value.retry_after == (7 if isinstance(mood, Fault) else None)


def test_a_refused_address_leaves_the_mailer_fit_for_the_next(server: EwsServer, mailer: ExchangeMailer, company: Company) -> None:
    folders(server).refused["weg@voorbeeld.example"] = "ErrorInvalidRecipients"

    with pytest.raises(Refused):
        mailer.send(letter("weg@voorbeeld.example"), recipient="weg@voorbeeld.example")
    mailer.send(letter(), recipient=SANNE)

    assert [receiver for _, receiver, _ in company.sent] == [SANNE]


def test_an_answer_that_is_lost_is_passing_and_said_to_be_ambiguous(server: EwsServer, mailer: ExchangeMailer, company: Company) -> None:
    server.mood.append(Drop(after=True))

    with pytest.raises(Unanswered, match="may have arrived"):
        mailer.send(letter(), recipient=SANNE)

    assert len(company.sent) == 1


@pytest.mark.parametrize("host", ["127.0.0.1:9", "nowhere.invalid"], ids=["nobody listens", "no such name"])
def test_a_server_that_is_not_there_got_no_message(login: ExchangeLogin, host: str) -> None:
    mailer = ExchangeMailer(MailSettings(maker=MailByExchange(login=replace(login, url=f"http://{host}/EWS/Exchange.asmx")), sender=SENDER))

    with pytest.raises(Transient) as caught:
        mailer.send(letter(), recipient=SANNE)

    assert type(caught.value) is Transient


def test_a_message_whose_headers_name_somebody_else_is_sent_to_nobody(server: EwsServer, mailer: ExchangeMailer) -> None:
    with pytest.raises(Refused, match="names sanne@"):
        mailer.send(letter(), recipient="karim@voorbeeld.example")

    assert server.requests == []


def test_a_check_says_that_it_did_not_prove_sending(server: EwsServer, mailer: ExchangeMailer) -> None:
    assert "the first mail will show" in mailer.check()
    assert server.requests == ["GetFolder"]


# -- the inbox ---------------------------------------------------------------------------------------------------------


class Mailbox:
    """A mailbox of the company, as others fill it and look into it."""

    def __init__(self, server: EwsServer, settings: InboxSettings) -> None:
        self.server, self.company, self.settings = server, server.company, settings

    def put(self, *mails: bytes, at: datetime = NOON, filed: bool = False, flags: str = "") -> None:
        self.company.now = at
        for raw in mails:
            self.company.deliver(MAILBOX, raw, folder=self.settings.filed if filed else "deleted" if "T" in flags else "inbox")

    def inside(self) -> list[bytes]:
        return self._in("inbox")

    def filed(self) -> list[bytes]:
        return self._in(self.settings.filed)

    def unread(self) -> int:
        assert set(self.server.requests) <= {"GetFolder", "FindFolder", "SyncFolderItems", "GetItem"}
        return len(self.inside())

    def _in(self, folder: str) -> list[bytes]:
        return [each.raw for each in self.company.messages.values() if (each.mailbox, each.folder) == (MAILBOX, folder)]


@pytest.fixture
def box(server: EwsServer, login: ExchangeLogin) -> Mailbox:
    return Mailbox(server, InboxSettings(maker=InboxByExchange(login=login), address=MAILBOX))


@pytest.fixture
def inbox(box: Mailbox) -> Iterator[ExchangeInbox]:
    made = ExchangeInbox(box.settings)
    yield made
    made.close()


class TestInbox(InboxContract):
    """The contract of every inbox."""

    @pytest.fixture
    def login(self, server: EwsServer, tmp_path: Path) -> ExchangeLogin:
        path = tmp_path / "password"
        path.write_text("mentorpw\n", encoding="utf-8")
        return ExchangeLogin(url=server.url, user=MAILBOX, password=Secret("file", str(path)), auth="basic")

    @pytest.fixture
    def box(self, server: EwsServer, login: ExchangeLogin) -> Box:
        return Mailbox(server, InboxSettings(maker=InboxByExchange(login=login), address=MAILBOX))

    def test_the_envelope_says_who_what_and_how_large(self, inbox: Inbox, box: Box) -> None:
        watching = Watching()
        content = mail("=?utf-8?q?Re=3A_Gespr=C3=A9k?=", sender='"De Vries, Sanne" <Sanne@Voorbeeld.EXAMPLE>')
        box.put(content)

        inbox.news("", watching, since=SINCE)

        (envelope,) = watching.seen
        assert (envelope.sender, envelope.subject, envelope.size) == (SANNE, "Re: Gesprék", len(content))

    @pytest.mark.parametrize(("content", "kind", "calendar"), CLASSES)
    def test_the_envelope_says_whether_there_is_a_calendar_in_it(
        self, inbox: Inbox, box: Box, content: bytes, kind: str, *, calendar: bool
    ) -> None:
        watching = Watching()
        box.put(content)

        inbox.news("", watching, since=SINCE)

        assert [(envelope.content_type, envelope.calendar) for envelope in watching.seen] == [(kind, calendar)]

    def test_no_mail_stops_the_reading_of_the_others(self, inbox: Inbox, box: Box) -> None:
        """Exchange has taken what is hostile apart already; what is left of it is a mail without this or that, or without content."""
        assert isinstance(box, Mailbox)
        box.put(b"\r\n", b"Subject: Re: ?\r\n\r\n", mail("Re: broken"), mail("Re: a good one"))
        folders(box.server).unreadable.add(list(box.company.messages)[2])

        news = inbox.news("", everything, since=SINCE)

        assert [one.cut for one in news.mails] == [False, False, True, False]


def test_a_mail_that_is_far_too_large_is_not_fetched(box: Mailbox, inbox: ExchangeInbox) -> None:
    box.put(mail("Re: photos", body="x" * 31 * LARGEST))

    (one,) = inbox.news("", everything, since=SINCE).mails

    assert (one.cut, len(one.content) < 200) == (True, True)
    assert box.server.requests == ["SyncFolderItems", "GetItem"]


def test_a_meeting_response_is_read_as_the_answer_that_it_is(inbox: ExchangeInbox, company: Company) -> None:
    start = NOON.astimezone(ZoneInfo("Europe/Amsterdam"))
    entry = Entry(uid="u1@beklijf", mailbox=MAILBOX, organizer=Guest("", MAILBOX), start=start, guests=[Guest("Sanne", SANNE)])
    company.add(entry, send="all")
    [copy] = [each for each in company.entries.values() if each.original == entry.id]
    company.respond(copy, "DECLINED")
    watching = Watching(verdict=True)

    (one,) = inbox.news("", watching, since=SINCE).mails

    assert [(each.calendar, each.content_type) for each in watching.seen] == [(True, "text/calendar")]
    [said] = reader.read(one.content, known={"u1@beklijf"}).itip
    assert (said.method, said.uid, said.attendee, said.partstat) == ("REPLY", "u1@beklijf", SANNE, "DECLINED")


def test_a_thousand_unrelated_mails_cost_one_request_a_quiet_tick(box: Mailbox, inbox: ExchangeInbox) -> None:
    box.put(*(mail(f"offer {n}") for n in range(1000)))
    news = News(mark="", more=True)
    while news.more:
        news = inbox.news(news.mark, answers, since=SINCE)
    box.server.requests.clear()

    assert inbox.news(news.mark, everything, since=SINCE) == News(mark=news.mark)
    assert box.server.requests == ["SyncFolderItems"]
    assert len(news.mark) < 1000


def test_old_mails_are_not_even_asked_for_their_envelope(box: Mailbox, inbox: ExchangeInbox) -> None:
    box.put(*(mail() for _ in range(250)), at=SINCE - timedelta(days=1))

    assert inbox.news("", everything, since=SINCE).mails == ()
    assert box.server.requests == ["SyncFolderItems"] * 3


def test_a_place_that_the_server_forgot_begins_anew_from_since(box: Mailbox, inbox: ExchangeInbox) -> None:
    box.put(mail("Re: old"), at=SINCE - timedelta(days=1))
    box.put(mail("Re: new"))
    mark = inbox.news("", nothing, since=SINCE).mark
    box.server.mood.append(Refusal("ErrorInvalidSyncStateData"))

    news = inbox.news(mark, everything, since=SINCE)

    assert [b"Re: new" in one.content for one in news.mails] == [True]


@pytest.mark.parametrize(
    ("mood", "means"),
    [
        (Refusal("ErrorAccessDenied"), Down),
        (Fault("ErrorServerBusy", back_off=7000), Transient),
        (Status(401), Down),
        (Drop(after=False), Transient),
    ],
    ids=str,
)
def test_a_no_to_the_mailbox_is_down_and_what_may_pass_is_passing(
    box: Mailbox, inbox: ExchangeInbox, mood: Mood, means: type[BackendError]
) -> None:
    box.server.mood.append(mood)

    with pytest.raises(means):
        inbox.news("", everything, since=SINCE)


def test_a_folder_of_another_name_is_read_and_one_below_the_inbox_is_filed_into(company: Company, login: ExchangeLogin) -> None:
    company.mailboxes[MAILBOX].mail_folders["m1"] = "Mentor"
    company.deliver(MAILBOX, mail("Re: a"), folder="m1")
    inbox = ExchangeInbox(InboxSettings(maker=InboxByExchange(login=login), address=MAILBOX, folder="Mentor", filed="INBOX/Beklijf/Filed"))

    inbox.file([one.id for one in inbox.news("", everything, since=SINCE).mails])
    inbox.close()

    [one] = company.messages.values()
    assert one.folder == "inbox/beklijf/filed"


def test_a_folder_that_is_not_there_is_down(login: ExchangeLogin) -> None:
    inbox = ExchangeInbox(InboxSettings(maker=InboxByExchange(login=login), address=MAILBOX, folder="Nowhere"))

    with pytest.raises(Down, match="Nowhere"):
        inbox.check()
    inbox.close()

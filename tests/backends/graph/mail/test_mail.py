"""Mail and inbox in Exchange Online through Microsoft Graph: the contracts of all mailers and inboxes, and each error."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.backends.graph.mail.mailbox import MAILBOX, SANNE, Mailbox
from tests.backends.inbox_contract import (
    CLASSES,
    NOON,
    SINCE,
    InboxContract,
    Watching,
    answers,
    everything,
    mail,
    nothing,
)
from tests.backends.mailer_contract import SENDER, MailerContract, letter
from tests.fakes.company import Company, Entry, Guest
from tests.fakes.graph import Graph, Mood
from tests.fakes.graph.shapes import Wrong

from beklijf.backends.graph.inbox import GraphInbox
from beklijf.backends.graph.mailer import GraphMailer
from beklijf.backends.graph.settings import InboxByGraph, MailByGraph
from beklijf.contracts.settings import InboxSettings, MailSettings
from beklijf.model.errors import BackendError, Down, Refused, Transient, Unanswered
from beklijf.model.mailbox import LARGEST, News
from beklijf.replies import reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.backends.inbox_contract import Box
    from tests.fakes.tokens import TokenServer

    from beklijf.contracts.inbox import Inbox


# -- sending -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def mailer(graph: Graph, desk: TokenServer) -> Iterator[GraphMailer]:
    settings = MailSettings(maker=MailByGraph(login=desk.graph(graph.url)), sender=SENDER, per_minute=30)
    made = GraphMailer(settings, clock=lambda: 0.0, sleep=lambda _: None)
    yield made
    made.close()


@pytest.fixture
def arrived(company: Company) -> Callable[[], list[bytes]]:
    return lambda: [raw for _, _, raw in company.sent]


class TestMailer(MailerContract):
    """The contract of every mailer."""


@pytest.mark.parametrize(
    ("mood", "means", "hint"),
    [
        (Mood(429, "ApplicationThrottled", {"Retry-After": "7"}), Transient, ""),
        (Mood(503, "ErrorServerBusy"), Transient, ""),
        (Mood(500, "ErrorInternalServerError"), Transient, ""),
        (Mood(504, "UnknownError"), Unanswered, ""),
        (Mood(403, "ErrorAccessDenied"), Down, "Mail.Send"),
        (Mood(403, "ErrorSendAsDenied"), Down, "From"),
        (Mood(404, "ErrorInvalidUser"), Down, "mailbox"),
        (Mood(403, "Authorization_RequestDenied"), Down, "right"),
        (Mood(400, "ErrorExceededMessageLimit"), Transient, "limit"),
        (Mood(400, "ErrorInvalidRecipients"), Refused, ""),
        (Mood(413, "ErrorMessageSizeExceeded"), Refused, ""),
        (Mood(507, "ErrorQuotaExceeded"), Down, "room"),
    ],
    ids=lambda value: value.code if isinstance(value, Mood) else None,
)
def test_what_graph_says_means_what_the_table_says(
    graph: Graph, mailer: GraphMailer, company: Company, mood: Mood, means: type[BackendError], hint: str
) -> None:
    graph.moods.append(mood)

    with pytest.raises(means) as caught:
        mailer.send(letter(), recipient=SANNE)

    assert type(caught.value) is means
    assert mood.code in str(caught.value)
    assert hint in caught.value.hint
    assert company.sent == []
    if "Retry-After" in mood.headers:
        assert isinstance(caught.value, Transient)
        assert caught.value.retry_after == 7


def test_a_refused_address_leaves_the_mailer_fit_for_the_next(graph: Graph, mailer: GraphMailer, company: Company) -> None:
    graph.mails.refused["weg@voorbeeld.example"] = Wrong(400, "ErrorInvalidRecipients")

    with pytest.raises(Refused):
        mailer.send(letter("weg@voorbeeld.example"), recipient="weg@voorbeeld.example")
    mailer.send(letter(), recipient=SANNE)

    assert [receiver for _, receiver, _ in company.sent] == [SANNE]


def test_an_answer_that_is_lost_is_passing_and_said_to_be_ambiguous(graph: Graph, mailer: GraphMailer, company: Company) -> None:
    graph.moods.append(Mood(drop="after"))

    with pytest.raises(Unanswered, match="may have arrived"):
        mailer.send(letter(), recipient=SANNE)

    assert len(company.sent) == 1


def test_a_server_that_is_not_there_got_no_message(desk: TokenServer) -> None:
    mailer = GraphMailer(MailSettings(maker=MailByGraph(login=desk.graph("http://127.0.0.1:9/v1.0")), sender=SENDER))

    with pytest.raises(Transient) as caught:
        mailer.send(letter(), recipient=SANNE)

    assert type(caught.value) is Transient


def test_a_token_that_does_not_come_is_no_message_that_may_have_arrived(graph: Graph, mailer: GraphMailer, desk: TokenServer) -> None:
    desk.mood = [(503, {}, "")]
    handed_over: list[str] = []

    with pytest.raises(Transient) as caught:
        mailer.send(letter(), recipient=SANNE, handing_over=lambda: handed_over.append("yes"))

    assert type(caught.value) is Transient
    assert (handed_over, graph.requests) == ([], [])


def test_a_message_whose_headers_name_somebody_else_is_sent_to_nobody(graph: Graph, mailer: GraphMailer) -> None:
    with pytest.raises(Refused, match="names sanne@"):
        mailer.send(letter(), recipient="karim@voorbeeld.example")
    more = letter()
    more["Bcc"] = "karim@voorbeeld.example"
    with pytest.raises(Refused, match="karim"):
        mailer.send(more, recipient=SANNE)

    assert graph.requests == []


def test_a_check_asks_only_what_the_right_to_send_answers(graph: Graph, mailer: GraphMailer) -> None:
    said = mailer.check()

    assert graph.requests == [f"POST /users/{MAILBOX}/messages/none/send"]
    assert "no mail was sent" in said


@pytest.mark.parametrize(("status", "code"), [(403, "ErrorAccessDenied"), (404, "ErrorInvalidUser")])
def test_a_check_without_the_right_to_send_or_without_a_mailbox_is_down(graph: Graph, mailer: GraphMailer, status: int, code: str) -> None:
    graph.moods.append(Mood(status, code))

    with pytest.raises(Down, match=code) as caught:
        mailer.check()

    assert MAILBOX in caught.value.hint


def test_messages_go_out_at_an_even_pace(graph: Graph, desk: TokenServer) -> None:
    now, slept = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        slept.append(seconds)

    settings = MailSettings(maker=MailByGraph(login=desk.graph(graph.url)), sender=SENDER, per_minute=30)
    mailer = GraphMailer(settings, clock=lambda: now, sleep=sleep)
    for row in ("1", "2"):
        mailer.send(letter(row=row), recipient=SANNE)
    mailer.close()

    assert slept == [2.0]


# -- the inbox ---------------------------------------------------------------------------------------------------------


class TestInbox(InboxContract):
    """The contract of every inbox."""

    @pytest.fixture
    def box(self, company: Company, graph: Graph, desk: TokenServer) -> Box:
        return Mailbox(company, graph, InboxSettings(maker=InboxByGraph(login=desk.graph(graph.url)), address=MAILBOX))

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


def test_a_mail_that_exchange_can_make_nothing_of_is_known_by_its_envelope(box: Mailbox, inbox: GraphInbox) -> None:
    box.put(mail("Re: broken"))
    box.graph.mails.unreadable |= set(box.company.messages)

    (one,) = inbox.news("", everything, since=SINCE).mails

    assert one.cut
    assert reader.read(one.content, cut=one.cut).sender == SANNE


def test_a_mail_that_is_far_too_large_is_not_fetched(box: Mailbox, inbox: GraphInbox) -> None:
    box.put(mail("Re: photos", body="x" * 31 * LARGEST))

    (one,) = inbox.news("", everything, since=SINCE).mails

    assert (one.cut, len(one.content) < 200) == (True, True)
    assert not [each for each in box.graph.parts if each.endswith("$value")]


def test_a_meeting_response_is_read_as_the_answer_that_it_is(inbox: GraphInbox, company: Company) -> None:
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


def test_a_thousand_unrelated_mails_cost_one_request_a_quiet_tick_and_none_is_read(box: Mailbox, inbox: GraphInbox) -> None:
    box.put(*(mail(f"offer {n}") for n in range(1000)))
    news = News(mark="", more=True)
    while news.more:
        news = inbox.news(news.mark, answers, since=SINCE)
    assert not [each for each in box.graph.parts if each.endswith("$value")]
    box.graph.requests.clear()

    assert inbox.news(news.mark, everything, since=SINCE) == News(mark=news.mark)
    assert len(box.graph.requests) == 1
    assert len(news.mark) < 1000


def test_old_mails_are_not_even_asked_for_their_envelope(box: Mailbox, inbox: GraphInbox) -> None:
    box.put(*(mail() for _ in range(250)), at=SINCE - timedelta(days=1))

    assert inbox.news("", everything, since=SINCE).mails == ()
    assert [each.partition("/")[0] for each in box.graph.requests] == ["GET "] * 3


def test_what_somebody_reads_or_marks_is_no_news(box: Mailbox, inbox: GraphInbox, company: Company) -> None:
    box.put(mail("a"))
    box.graph.mails.tells_updates = True
    news = inbox.news("", everything, since=SINCE)
    [one] = company.messages.values()
    company.move_message(one, "inbox")  # noted as a change of it

    assert inbox.news(news.mark, everything, since=SINCE).mails == ()


def test_a_place_that_the_server_forgot_begins_anew_from_since(box: Mailbox, inbox: GraphInbox) -> None:
    box.put(mail("Re: old"), at=SINCE - timedelta(days=1))
    box.put(mail("Re: new"))
    mark = inbox.news("", nothing, since=SINCE).mark
    box.graph.mails.links.clear()

    news = inbox.news(mark, everything, since=SINCE)

    assert [b"Re: new" in one.content for one in news.mails] == [True]


@pytest.mark.parametrize(
    ("mood", "means"),
    [
        (Mood(403, "ErrorAccessDenied"), Down),
        (Mood(404, "ErrorInvalidUser"), Down),
        (Mood(429, "ApplicationThrottled", {"Retry-After": "7"}), Transient),
        (Mood(drop="before"), Transient),
    ],
)
def test_a_no_to_the_mailbox_is_down_and_what_may_pass_is_passing(
    box: Mailbox, inbox: GraphInbox, mood: Mood, means: type[BackendError]
) -> None:
    box.graph.moods.append(mood)

    with pytest.raises(means):
        inbox.news("", everything, since=SINCE)


def test_a_folder_of_another_name_is_read_and_one_below_the_inbox_is_filed_into(company: Company, graph: Graph, desk: TokenServer) -> None:
    company.mailboxes[MAILBOX].mail_folders["m1"] = "Mentor"
    company.deliver(MAILBOX, mail("Re: a"), folder="m1")
    inbox = GraphInbox(
        InboxSettings(maker=InboxByGraph(login=desk.graph(graph.url)), address=MAILBOX, folder="Mentor", filed="INBOX/Beklijf/Filed")
    )

    inbox.file([one.id for one in inbox.news("", everything, since=SINCE).mails])
    inbox.file(["AAkMailm99999="])
    inbox.close()

    [one] = company.messages.values()
    folders = company.mailboxes[MAILBOX].mail_folders
    assert (folders[one.folder], folders[one.folder.rpartition("/")[0]], one.folder.partition("/")[0]) == ("Filed", "Beklijf", "inbox")


def test_a_folder_that_is_not_there_is_down(graph: Graph, desk: TokenServer) -> None:
    inbox = GraphInbox(InboxSettings(maker=InboxByGraph(login=desk.graph(graph.url)), address=MAILBOX, folder="Nowhere"))

    with pytest.raises(Down, match="Nowhere"):
        inbox.check()
    inbox.close()

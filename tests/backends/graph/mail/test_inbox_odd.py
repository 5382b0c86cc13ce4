"""What Microsoft Graph should never say of mail, and may: one mail stops none of the others, and no list goes on for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.backends.inbox_contract import NOON, SINCE, everything, mail

from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.backends.graph.mail.mailbox import Mailbox
    from tests.fakes.graph import Graph

    from beklijf.backends.graph.inbox import GraphInbox


def envelopes(graph: Graph, change: Callable[[dict[str, Any]], Any]) -> None:
    """Let the first envelope of each batch be told otherwise."""

    def garbled(_: str, body: Any) -> Any:  # noqa: ANN401  # JSON is anything
        found = [
            part
            for part in (body.get("responses", ()) if isinstance(body, dict) else ())
            if isinstance(part["body"], dict) and "subject" in part["body"]
        ]
        for part in found[:1]:
            change(part)
        return body

    graph.garbled = garbled


ODD: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a sender that is a text": lambda part: part["body"].update({"from": "Sanne"}),
    "a sender without a form": lambda part: part["body"].update({"from": {"emailAddress": [1]}}),
    "a subject that is an object": lambda part: part["body"].update(subject={"text": "Re"}),
    "properties that are a text": lambda part: part["body"].update(singleValueExtendedProperties="IPM.Note"),
    "properties of nothing": lambda part: part["body"].update(singleValueExtendedProperties=[None, {}]),
    "a size without an end": lambda part: part["body"].update(singleValueExtendedProperties=[{"id": "Integer 0xe08", "value": "9" * 5000}]),
    "a size in other digits": lambda part: part["body"].update(singleValueExtendedProperties=[{"id": "Integer 0xe08", "value": "٣"}]),
    "a negative size": lambda part: part["body"].update(singleValueExtendedProperties=[{"id": "Integer 0xe08", "value": "-5"}]),
    "a time that can't be": lambda part: part["body"].update(receivedDateTime="9999-12-31T23:59:59-23:59"),
    "a time that is a number": lambda part: part["body"].update(receivedDateTime=5),
    "an envelope that is a list": lambda part: part.update(body=[1]),
    "no envelope": lambda part: part.update(body=None),
}


@pytest.mark.parametrize("name", ODD)
def test_a_mail_of_which_is_said_what_cant_be_stops_no_other(box: Mailbox, inbox: GraphInbox, name: str) -> None:
    box.put(mail("Re: one"), mail("Re: two"))
    envelopes(box.graph, ODD[name])

    news = inbox.news("", everything, since=SINCE)

    assert len(news.mails) == 2
    box.graph.garbled = None
    assert inbox.news(news.mark, everything, since=SINCE).mails == ()


LISTS: dict[str, Any] = {
    "nothing": {"value": None},
    "mails without ids": {"value": [{"receivedDateTime": "2026-12-01T09:00:00Z"}]},
    "mails of nothing": {"value": [None]},
    "no way on": {"value": []},
    "an empty object": {},
    "a list": [],
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_that_cant_be_read_may_pass_and_loses_no_mail(box: Mailbox, inbox: GraphInbox, name: str) -> None:
    box.put(mail("Re: one"))
    box.graph.garbled = lambda asked, body: LISTS[name] if "delta" in asked else body

    with pytest.raises(Transient):
        inbox.news("", everything, since=SINCE)

    box.graph.garbled = None
    assert len(inbox.news("", everything, since=SINCE).mails) == 1


def test_a_page_that_leads_to_itself_is_the_last_one(box: Mailbox, inbox: GraphInbox) -> None:
    box.put(mail("Re: one"))
    mark = inbox.news("", everything, since=SINCE).mark

    def turning(asked: str, body: Any) -> Any:  # noqa: ANN401  # JSON is anything
        return {"value": [], "@odata.nextLink": box.graph.url + asked.partition(" ")[2]} if "delta" in asked else body

    box.graph.garbled = turning
    before = len(box.graph.requests)

    assert not inbox.news(mark, everything, since=SINCE).more
    assert len(box.graph.requests) - before == 2  # the fake's link is another one the first time


@pytest.mark.parametrize("stuck", ["page", "link"])
def test_folders_and_filed_mails_without_an_end_are_given_up(box: Mailbox, inbox: GraphInbox, stuck: str) -> None:
    numbers = iter(range(10_000))

    def turning(asked: str, _: object) -> Any:  # noqa: ANN401  # as above
        link = f"{box.graph.url}{asked.partition(' ')[2]}?$skip={next(numbers) if stuck == 'page' else 0}"
        return {"value": [{"id": "a"}] if stuck == "page" else [], "@odata.nextLink": link}

    box.graph.garbled = turning

    with pytest.raises(Transient, match="a list without an end"):
        inbox.forget(NOON)

    assert len(box.graph.requests) <= 3

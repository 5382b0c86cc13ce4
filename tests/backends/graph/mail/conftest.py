"""A mailbox in Exchange Online, and the inbox that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.backends.graph.mail.mailbox import MAILBOX, SANNE, Mailbox
from tests.fakes.company import Company

from beklijf.backends.graph.inbox import GraphInbox
from beklijf.backends.graph.settings import InboxByGraph
from beklijf.contracts.settings import InboxSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.graph import Graph
    from tests.fakes.tokens import TokenServer


@pytest.fixture
def company() -> Company:
    made = Company()
    made.hire(MAILBOX)
    made.hire(SANNE)
    return made


@pytest.fixture
def box(company: Company, graph: Graph, desk: TokenServer) -> Mailbox:
    return Mailbox(company, graph, InboxSettings(maker=InboxByGraph(login=desk.graph(graph.url)), address=MAILBOX))


@pytest.fixture
def inbox(box: Mailbox) -> Iterator[GraphInbox]:
    made = GraphInbox(box.settings)
    yield made
    made.close()

"""The three makers whose servers we stand in for, each opened on a company, with what a config says to reach it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tests.fakes.ews import items as ews_items
from tests.fakes.ews.mail_folders import MailFolders
from tests.fakes.ews.server import Drop, EwsServer
from tests.fakes.ews.server import running as ews_running
from tests.fakes.google import Mood as GoogleMood
from tests.fakes.google import google_server
from tests.fakes.graph import Mood as GraphMood
from tests.fakes.graph import serving as graph_serving
from tests.fakes.tokens import CLIENT, TENANT, Pair, token_server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from tests.fakes.company import Company

ORGANIZER = "mentor@voorbeeld.example"


@dataclass(frozen=True)
class Maker:
    """A server of one maker."""

    company: Company
    calendar: str
    """What the config says of it."""
    core: Callable[[str, str], str]
    """What the company calls an event, by mailbox and href."""
    requests: list[str]
    illegal: list[str]
    notes_proposals: bool
    """Another time that somebody proposes stands in the organizer's copy, not in a mail alone."""
    moods: list[Any]
    """What is done instead of the next requests, in the server's own words; None: as asked."""
    broken: Callable[[bool], object]
    """Return the mood in which the connection breaks: before the work is done, or after it."""
    keep: Callable[[], Callable[[], None]]
    """Return what puts back, as often as it is called, what the server and its company are now."""
    parts: list[Any] = field(default_factory=list)
    """The moods of what stands in batches."""
    onto: Callable[[str], object] = lambda _: None
    """Let the server name itself by another address (``http://host:port``), at which something stands before it."""


class Making(Protocol):
    def __call__(self, folder: Path, company: Company, pair: Pair, stack: ExitStack) -> Maker:
        """Run a server until *stack* closes; *folder* is the config's, for secrets."""
        ...


def keeping(things: Sequence[object], *, beside: Sequence[object] = ()) -> Callable[[], None]:
    """Return what puts the state of *things* back; they, and what is *beside* them, are known to each other as before."""
    known = {id(each): each for each in (*things, *beside)}
    then = deepcopy([_state(each) for each in things], dict(known))

    def put_back() -> None:
        for each, values in zip(things, deepcopy(then, dict(known)), strict=True):
            for name, value in values.items():
                setattr(each, name, value)

    return put_back


def _state(thing: object) -> dict[str, object]:
    found: Any = thing.__getstate__()  # as pickle has it: a dict, or one and another of slots
    plain, slots = found if isinstance(found, tuple) else (found, None)
    return {**(plain or {}), **(slots or {})}


def google(folder: Path, company: Company, pair: Pair, stack: ExitStack) -> Maker:
    tokens = stack.enter_context(token_server(folder, pair))
    server = stack.enter_context(google_server(company, tokens))
    tokens.users |= company.mailboxes.keys()
    tokens.google(server.url)
    login = f'google = {{ key = {{ file = "{folder / "key.json"}" }}, url = "{server.url}" }}'
    return Maker(
        company,
        f'kind = "google"\n{login}',
        server.service.core,
        server.requests,
        server.illegal,
        notes_proposals=False,
        moods=server.moods,
        broken=lambda after: GoogleMood(dropped="after" if after else "before"),
        keep=lambda: keeping([company, server.service, server.service.shelves], beside=[tokens]),
    )


def graph(folder: Path, company: Company, pair: Pair, stack: ExitStack) -> Maker:
    tokens = stack.enter_context(token_server(folder, pair))
    server = stack.enter_context(graph_serving(company, lambda token: token in tokens.issued))
    tokens.graph(server.url)
    who = f'tenant = "{TENANT}", client = "{CLIENT}", secret = {{ file = "{folder / "secret"}" }}'
    login = f'graph = {{ {who}, url = "{server.url}", authority = "{tokens.url}" }}'
    return Maker(
        company,
        f'kind = "graph"\n{login}',
        lambda _, href: href,
        server.requests,
        server.illegal,
        notes_proposals=True,
        moods=server.moods,
        broken=lambda after: GraphMood(drop="after" if after else "before"),
        keep=lambda: keeping([company, server.calendars, server.calendars.views, server.switches, server.mails]),
        parts=server.part_moods,
        onto=server.known_at,
    )


def exchange(folder: Path, company: Company, pair: Pair, stack: ExitStack) -> Maker:
    del pair
    made = EwsServer(company)
    made.operations = MailFolders(company)
    server = stack.enter_context(ews_running(made))
    (folder / "password").write_text(server.password, encoding="utf-8")
    who = f'user = "{ORGANIZER}", password = {{ file = "{folder / "password"}" }}, auth = "basic"'
    login = f'exchange = {{ url = "{server.url}", {who} }}'
    return Maker(
        company,
        f'kind = "exchange"\n{login}',
        lambda _, href: ews_items.parts_of(href)[1],
        server.requests,
        server.illegal,
        notes_proposals=True,
        moods=server.mood,
        broken=lambda after: Drop(after=after),
        keep=lambda: keeping([company, made.operations]),
    )


MAKERS: dict[str, Making] = {"exchange": exchange, "graph": graph, "google": google}

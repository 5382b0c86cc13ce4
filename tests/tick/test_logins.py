"""A login that was refused is not tried again in that tick, by whatever else has the same: each try may be one of the last."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.mailroom import Listening
from tests.tick.moods import Mood, MoodyMailer, moody
from tests.town import SANNE, Town, folder_town

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.google.settings import CalendarByGoogle, GoogleLogin
from beklijf.backends.graph.settings import CalendarByGraph, GraphLogin, InboxByGraph, MailByGraph
from beklijf.backends.smtp_imap.settings import InboxByImap, MailBySmtp
from beklijf.boundary.credentials import Secret
from beklijf.contracts.maker import OfMaker
from beklijf.model.errors import Down
from beklijf.tick.stages import STAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

GRAPH = GraphLogin(tenant="t", client="c")
GOOGLE = GoogleLogin(key=Secret("file", "/etc/key"))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = folder_town(tmp_path)
    made.words = Listening()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    made.start()
    yield made
    made.stop()


@dataclass
class Logins(Mood):
    """A mood that remembers where it was met."""

    met: list[str] = field(default_factory=list)

    def meet(self, place: str, what: str = "") -> None:
        self.met.append(place)
        super().meet(place, what)


def refused() -> Exception:
    return Down("mail.example: the login was refused", login=True)


def test_after_the_calendar_refused_the_login_neither_mail_nor_inbox_try_it_in_that_tick(town: Town) -> None:
    mood = Logins("calendar", refused)
    moody(town, mood)
    town.engine.stages.accounts = dict.fromkeys(STAGES, ("mail.example", "mentor"))

    town.tick(timedelta())
    assert mood.met == ["calendar"]
    assert [*town.engine.outages.now()] == ["calendar"]

    town.tick(timedelta(minutes=1))
    assert "mail" in mood.met, "the calendar rests now, and nobody knows that others would be refused"
    assert {str(mail["To"].addresses[0].addr_spec) for mail in town.mails()} >= {SANNE, "servicedesk@voorbeeld.example"}


def test_others_have_their_own_login_and_are_tried(town: Town) -> None:
    mood = Logins("calendar", refused)
    moody(town, mood)
    town.engine.stages.accounts = dict.fromkeys(STAGES, ("cal.example", "mentor")) | {"mail": ("mail.example", "mentor"), "inbox": None}

    town.tick(timedelta())

    assert {"inbox", "mail"} <= set(mood.met)


def test_a_mail_server_that_refuses_the_login_is_asked_once_however_many_letters_there_are(town: Town) -> None:
    mood = Mood("mail", refused)
    moody(town, mood)
    assert isinstance(town.engine.mailer, MoodyMailer)

    town.tick(timedelta())

    assert mood.calls == 1
    assert len(town.engine.outbox.open_mails()) > 1


def caldav(url: str, user: str) -> CalendarByCaldav:
    return CalendarByCaldav(url=url, user=user, password=Secret("file", "/etc/password"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (caldav("https://mail.example/dav/", "Mentor"), MailBySmtp(host="MAIL.example", user="mentor"), True),
        (caldav("https://mail.example/dav/", "mentor"), InboxByImap(host="mail.example", user="mentor"), True),
        (caldav("https://mail.example:8443/dav/", "mentor"), MailBySmtp(host="mail.example", user="post"), False),
        (caldav("https://cal.example/", "mentor"), MailBySmtp(host="mail.example", user="mentor"), False),
        (CalendarByGraph(login=GRAPH), MailByGraph(login=GRAPH), True),
        (InboxByGraph(login=GRAPH), MailBySmtp(host="smtp.office365.com", user="mentor", login=GRAPH), True),
        (CalendarByGoogle(login=GOOGLE), InboxByImap(host="imap.gmail.com", user="mentor", login=GOOGLE), True),
        (CalendarByGraph(login=GRAPH), MailByGraph(login=GraphLogin(tenant="t", client="another")), False),
    ],
)
def test_one_password_or_key_is_one_account(one: OfMaker, other: OfMaker, *, same: bool) -> None:
    assert (one.account == other.account) is same
    assert None not in {one.account, other.account}


def test_nobody_logs_in_without_a_user() -> None:
    assert (MailBySmtp(host="relay.example").account, OfMaker(path=Path("outbox")).account) == (None, None)

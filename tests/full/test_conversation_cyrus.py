"""The whole conversation on Cyrus, a server that invites (RFC 6638): what people answer, move, propose and throw away there.

The service, the mentee and the mentor have accounts; their programs are plain CalDAV requests, and proposals come by mail. Each
case says what each of them gets, from the server and from us, and holds every program, the ledger and the commands together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import icalendar
import pytest
from tests.contract.test_conversation_xandikos import (
    DAY,
    GOALS,
    INVITED,
    SECOND,
    SERIES,
    SOON,
    Office,
    Speaking,
    at_once,
    marks,
    offers,
    on,
)
from tests.contract.test_answers import ORGANIZER, press, propose
from tests.contract.test_reconcile import KARIM, QUIET, SANNE
from tests.full.test_cyrus import PASSWORD, Cyrus, _region, cyrus

from tests.contract.test_people import entry

from beklijf.commands import by_hand
from beklijf.conversation import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.full

__all__ = ["cyrus"]  # a fixture


@dataclass
class Account:
    """One account on Cyrus."""

    cyrus: Cyrus
    name: str
    read: set[str] = field(default_factory=set)

    def entries(self) -> dict[str, bytes]:
        return self._objects("Default")

    def put(self, href: str, data: bytes) -> None:
        self.cyrus.ask(self.name, "PUT", href, data)

    def delete(self, href: str) -> None:
        self.cyrus.ask(self.name, "DELETE", href)

    def news(self) -> list[bytes]:
        found = {href: data for href, data in self._objects("Inbox").items() if href not in self.read}
        self.read |= found.keys()
        return list(found.values())

    def _objects(self, collection: str) -> dict[str, bytes]:
        listed = self.cyrus.ask(self.name, "PROPFIND", f"/dav/calendars/user/{self.name}/{collection}/").decode()
        return {href: self.cyrus.ask(self.name, "GET", href) for href in re.findall(r"<D:href>([^<]+\.ics)</D:href>", listed)}


@pytest.fixture
def town(cyrus: Cyrus, tmp_path: Path) -> Iterator[Office]:
    town = _region(cyrus, tmp_path, "mentor")
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    made = Office(
        folder=tmp_path,
        calendar=town.calendar,
        read=town.read,
        write=town.write,
        remove=town.remove,
        words=Speaking(),
        desks={f"{name}@voorbeeld.example": Account(cyrus, name) for name in ("sanne", "karim")},
    )
    yield made
    made.stop()


BOTH = pytest.mark.parametrize("name", ["sanne", "karim"])
INBOX = pytest.mark.parametrize("inbox", [True, False], ids=["inbox", "no-inbox"])
ADDRESSES = {"sanne": SANNE, "karim": KARIM}
OTHER = {"sanne": "karim", "karim": "sanne"}


def day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def brought(what: str) -> list[tuple[str, str]]:
    """Return what it looks like when the server brings it to both."""
    return [("karim", f"server: {what}"), ("sanne", f"server: {what}")]


@pytest.fixture
def invited(town: Office, request: pytest.FixtureRequest) -> Office:
    town.words.inbox = "inbox" not in request.fixturenames or request.getfixturevalue("inbox")
    town.invited()
    assert town.got() == sorted(brought("REQUEST") * 2)
    return town


# -- answers -----------------------------------------------------------------------------------------------------------


@INBOX
@BOTH
@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE"])
def test_an_answer_is_heard_and_brings_nobody_anything(invited: Office, inbox: bool, name: str, partstat: str) -> None:
    town = invited
    town.answer(ADDRESSES[name], "series", partstat)
    town.answer(ADDRESSES[name], "goals", "ACCEPTED")

    town.tick(SOON)

    assert town.got() == []
    story = town.settled()
    assert story.answers == {("series", "", name): Said(partstat.lower()), ("goals", "", name): Said.ACCEPTED}
    assert (story.waiting, story.moved) == (None, 0)


@INBOX
@BOTH
def test_one_meeting_is_declined(invited: Office, inbox: bool, name: str) -> None:
    town = invited
    town.answer(ADDRESSES[name], "series", "ACCEPTED")
    town.tick(SOON)

    town.answer(ADDRESSES[name], "series", "DECLINED", SECOND)
    town.tick(SOON)

    assert town.got() == []
    story = town.settled()
    assert story.answers == {("series", "", name): Said.ACCEPTED, ("series", day(SECOND), name): Said.DECLINED}
    print(marks(town.copy(ADDRESSES[OTHER[name]], "series")[1]))
    assert 0

@BOTH
def test_a_declined_series_brings_other_hours_and_the_chosen_one_moves_it(invited: Office, name: str) -> None:
    town = invited
    town.answer(ADDRESSES[OTHER[name]], "series", "ACCEPTED")
    town.tick(SOON)
    town.answer(ADDRESSES[name], "series", "DECLINED")
    town.tick(SOON)

    letters = town.letters()
    assert town.got(*letters) == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd")]
    story = town.settled()
    assert story.waiting == (SANNE, "declined-series")
    assert story.answers == {("series", "", name): Said.DECLINED, ("series", "", OTHER[name]): Said.ACCEPTED}
    [hours] = [letter for letter in letters if SANNE in str(letter["To"])]

    press(town, SANNE, offers(hours)[1])
    town.tick(SOON)  # it is the pair's hour from now on,
    town.tick(SOON)  # to which the calendar is brought, as to any other change of what is planned

    assert town.got() == brought("REQUEST")
    story = town.settled()
    assert (story.answers, story.waiting) == ({}, None)
    assert story.meetings["series"] != at_once(*SERIES)
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_a_declined_series_without_a_mailbox(town: Office) -> None:
    town.words.inbox = False
    town.invited()
    town.got()
    town.answer(SANNE, "series", "DECLINED")
    town.tick(SOON)
    letters = town.letters()
    print(town.got(*letters))
    for each in letters: print(each.get_body(("plain",)).get_content())
    story = town.settled()
    print(story)
    assert 0


@BOTH
@pytest.mark.parametrize("item", ["series", "goals"])
def test_who_throws_their_copy_away_has_declined(invited: Office, name: str, item: str) -> None:
    town = invited
    town.throw_away(ADDRESSES[name], item)

    town.tick(SOON)

    assert town.got() == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd")]
    story = town.settled()
    assert story.answers == {(item, "", name): Said.DECLINED}
    assert story.waiting == (SANNE, "declined-series")
    assert town.shown(ADDRESSES[OTHER[name]]) == story.meetings


@BOTH
def test_what_an_attendee_does_to_the_own_copy_alone_changes_nothing_for_others(invited: Office, name: str) -> None:
    """Cyrus takes it, and tells nobody: moving an invitation is no proposal, and taking a meeting out no answer."""
    town = invited
    href, data = town.copy(ADDRESSES[name], "series")
    data = by_hand.move(by_hand.take_out(data, SECOND.astimezone(UTC)), SERIES[2].astimezone(UTC), timedelta(hours=1))
    town.desks[ADDRESSES[name]].put(href, data)

    town.tick(SOON)

    assert town.got() == []
    story = town.settled()
    assert (story.answers, story.moved, story.meetings["series"]) == ({}, 0, at_once(*SERIES))
    assert town.shown(ADDRESSES[OTHER[name]]) == story.meetings


# -- moves -------------------------------------------------------------------------------------------------------------


def test_one_meeting_is_moved_in_the_services_calendar(invited: Office) -> None:
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    town.move("series", timedelta(hours=-4), SERIES[0])
    town.tick(SOON)

    got = town.got()
    print(got)
    story = town.settled()
    print(story)
    print(town.got())
    print(town.event("series").text)
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert 0


def test_the_series_is_moved_in_the_services_calendar(invited: Office) -> None:
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    town.move("series", timedelta(days=1, hours=-2))
    town.tick(SOON)

    assert town.got() == brought("REQUEST")
    story = town.settled()
    assert story.meetings["series"] == tuple(at + timedelta(days=1, hours=-2) for at in at_once(*SERIES))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.moved) == ({}, 1)


def test_one_meeting_is_taken_out_in_the_services_calendar(invited: Office) -> None:
    town = invited
    town.take_out("series", SECOND)

    town.tick(SOON)

    print(town.got())
    story = town.settled()
    assert story.meetings["series"] == at_once(*(at for at in SERIES if at != SECOND))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert 0


@pytest.mark.parametrize("item", ["series", "goals"])
def test_an_event_is_deleted_in_the_services_calendar(invited: Office, item: str) -> None:
    town = invited
    town.answer(SANNE, item, "ACCEPTED")
    town.tick(SOON)
    town.remove(town.row(item).href)

    town.tick(SOON)

    assert town.got() == brought("CANCEL")
    story = town.settled()
    assert item not in story.meetings
    assert story.answers == {}
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


# -- proposals ---------------------------------------------------------------------------------------------------------


def test_the_mentee_proposes_another_time_for_one_meeting(invited: Office) -> None:
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    propose(town, "series", SANNE, on(50, 11), meeting=SECOND)
    town.tick(SOON)

    assert town.got() == sorted([*brought(f"REQUEST {SECOND:%Y%m%d}"), ("sanne", "Verzet naar woensdag")])
    proposed = {("series", day(SECOND), "sanne"): Said.ACCEPTED}  # who proposes a time needn't answer; their program knows of no answer
    story = town.settled(elsewhere=proposed)
    assert story.meetings["series"] == at_once(SERIES[0], on(50, 11), *SERIES[2:])
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert story.moved == 1

    town.answer(KARIM, "series", "TENTATIVE", SECOND)
    town.tick(SOON)

    assert town.got() == []
    story = town.settled(elsewhere=proposed)
    assert story.answers[("series", day(SECOND), "karim")] is Said.TENTATIVE


def test_from_now_on_brings_the_series_to_the_proposed_hour_and_leaves_no_single_meeting_behind(invited: Office) -> None:
    """Cyrus leaves moved meetings in people's copies when the series moves, so this one is cancelled, and a new one invited to."""
    town = invited
    town.answer(KARIM, "series", "DECLINED", SERIES[3])
    propose(town, "series", SANNE, on(50, 11), meeting=SECOND)
    town.tick(SOON)
    [confirmation] = town.mails()
    town.got()

    press(town, SANNE, next(each for each in offers(confirmation) if "Voortaan" in unquote(each)))
    town.tick(SOON)
    town.tick(SOON)

    assert town.got() == sorted(brought("CANCEL") + brought("REQUEST"))
    story = town.settled()
    assert story.meetings["series"] == at_once(*(on(days, 11) for days in (36, 50, 64, 78, 92)))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.waiting) == ({}, None)


def test_the_mentor_proposes_and_the_mentee_takes_it_over(invited: Office) -> None:
    town = invited
    propose(town, "goals", KARIM, on(22, 10))
    town.tick(SOON)
    [put] = town.mails()
    assert town.got(put) == [("sanne", "Karim stelt woensdag")]
    assert town.settled().meetings["goals"] == at_once(GOALS)

    press(town, SANNE, offers(put)[0])
    town.tick(SOON)

    assert town.got() == sorted([*brought("REQUEST"), ("sanne", "Verzet naar woensdag")])
    story = town.settled(elsewhere={("goals", "", "sanne"): Said.ACCEPTED})
    assert story.meetings["goals"] == at_once(on(22, 10))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_a_time_that_can_not_be_is_answered_to_who_proposed_it(invited: Office) -> None:
    town = invited
    propose(town, "series", SANNE, SERIES[2], meeting=SECOND)

    town.tick(SOON)

    [answer] = town.mails()
    assert town.got(answer) == [("sanne", "Voorstel")]
    assert len(offers(answer)) == 3
    story = town.settled()
    assert (story.meetings["series"], story.answers) == (at_once(*SERIES), {})


# -- busy --------------------------------------------------------------------------------------------------------------


def busy(*times: datetime) -> list[bytes]:
    return [entry(name=f"n{n}", start=f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}", end=f"{at.astimezone(UTC) + timedelta(hours=1):%Y%m%dT%H%M%SZ}") for n, at in enumerate(times)]


def test_offered_times_are_free_in_the_calendars_of_both(invited: Office) -> None:
    town = invited
    town.answer(SANNE, "goals", "DECLINED")
    town.tick(SOON)
    [hours] = [letter for letter in town.mails() if SANNE in str(letter["To"])]
    print(hours.get_body(("plain",)).get_content())
    assert 0

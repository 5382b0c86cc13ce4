"""The whole conversation on Xandikos with scheduling switched on: it invites, and has ways of its own about answers.

The organizer, the mentee and the mentor have accounts there; their programs are plain requests, and what they propose comes by
mail. Each case says what each of them gets, and holds three against each other: what every program shows, the ledger, and the
command ``status``. Also what every scheduling server is shown with (``tests/full/test_conversation_cyrus.py``).

The command looks at the machine's clock, so the town's clock is behind it by some hours, or days: on the last Tuesday people
were invited. Nothing becomes due between the two, and nothing depends on the day of the week on which the tests run.
"""

from __future__ import annotations

import re
import urllib.error
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from tests.backends.people_contract import LISTING, raw_requests
from tests.conversation import ADDRESSES, BOTH, GOALS, INBOX, OTHER, SECOND, SERIES, SERVER, SOON, Office, Speaking, at_once, offers, on
from tests.mailroom import ORGANIZER, press, propose
from tests.town import KARIM, QUIET, SANNE, caldav_town

from beklijf.model.conversation import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.caldav_servers import Server


# -- Xandikos ----------------------------------------------------------------------------------------------------------


_ADDRESS = (
    '<d:propertyupdate xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop><c:calendar-user-address-set>'
    "<d:href>mailto:{}</d:href></c:calendar-user-address-set></d:prop></d:set></d:propertyupdate>"
)


@dataclass
class Account:
    """One account on Xandikos, whose program shows its first calendar."""

    name: str
    ask: Callable[[str, str, bytes | None], bytes]
    read: set[str] = field(default_factory=set)

    def entries(self) -> dict[str, bytes]:
        return {href: self.ask("GET", href, None) for href in self._hrefs("calendars/calendar")}

    def put(self, href: str, data: bytes) -> None:
        self.ask("PUT", href, data)

    def delete(self, href: str) -> None:
        self.ask("DELETE", href, None)

    def news(self) -> list[str]:
        found = set(self._hrefs("inbox")) - self.read
        self.read |= found
        return ["server"] * len(found)

    def _hrefs(self, place: str) -> list[str]:
        return re.findall(r"<\w+:href>([^<]+\.ics)</", self.ask("PROPFIND", f"/{self.name}/{place}/", LISTING).decode())


@pytest.fixture(params=["default", "own"])
def town(request: pytest.FixtureRequest, xandikos: Server, tmp_path: Path) -> Iterator[Office]:
    """Return a town whose service writes in its account's first calendar, where the server notes answers, or in another."""
    made = caldav_town(tmp_path, xandikos)
    [service] = re.findall(r'user = "(\w+)"', made.calendar)
    people = {SANNE: xandikos.account(), KARIM: xandikos.account()}
    asking = {name: raw_requests(xandikos, name) for name in (service, *people.values())}
    for name, address in ((service, ORGANIZER), *((name, who) for who, name in people.items())):
        asking[name]("PROPPATCH", f"/{name}/", _ADDRESS.format(address).encode())
    calendar = made.calendar
    if request.param == "default":
        calendar = calendar.replace(f"/{service}/", f"/{service}/calendars/calendar/").replace('name = "Mentorprogramma"', "")
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir(parents=True)
    office = Office(
        folder=tmp_path,
        calendar=calendar,
        read=made.read,
        write=made.write,
        remove=made.remove,
        words=Speaking(),
        desks={who: Account(name, asking[name]) for who, name in people.items()},
        noted=request.param == "default",
    )
    yield office
    office.stop()
    for name, ask in asking.items():  # the next test's people have the same addresses
        ask("PROPPATCH", f"/{name}/", _ADDRESS.format(f"{name}@voorbeeld.example").encode())


@pytest.fixture
def invited(town: Office, request: pytest.FixtureRequest) -> Office:
    town.words.inbox = getattr(request, "param", True)
    town.invited()
    assert town.engine.applier.sender == "server"
    assert town.got() == sorted(SERVER * 2)
    return town


@INBOX
@BOTH
@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE"])
def test_an_answer_is_heard_and_brings_nobody_anything(invited: Office, name: str, partstat: str) -> None:
    town = invited
    town.answer(ADDRESSES[name], "series", partstat)
    town.answer(ADDRESSES[name], "goals", "ACCEPTED")

    town.tick(SOON)

    assert town.got() == []
    story = town.settled()
    assert story.answers == {("series", "", name): Said(partstat.lower()), ("goals", "", name): Said.ACCEPTED}
    assert (story.waiting, story.moved) == (None, 0)


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

    assert town.got() == SERVER
    story = town.settled()
    assert (story.answers, story.waiting) == ({}, None)
    assert story.meetings["series"] == at_once(*(on(days, 15) for days in (35, 49, 77, 91)))  # day 63 is a session's
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


@BOTH
def test_of_one_meeting_an_attendee_can_say_nothing_here(invited: Office, name: str) -> None:
    """The server refuses it to their program, so nothing is heard that they would believe to have said."""
    with pytest.raises(urllib.error.HTTPError, match="412"):
        invited.answer(ADDRESSES[name], "series", "DECLINED", SECOND)

    invited.tick(SOON)

    assert invited.got() == []
    story = invited.settled()
    assert (story.answers, story.meetings["series"]) == ({}, at_once(*SERIES))


@BOTH
def test_who_throws_their_copy_away_says_nothing_here(invited: Office, name: str) -> None:
    """The server tells the organizer nothing of it; to us it is silence, after which the ladder asks."""
    invited.throw_away(ADDRESSES[name], "goals")

    invited.tick(SOON)

    assert invited.got() == []
    story = invited.settled()
    assert (story.answers, story.waiting) == ({}, (SANNE, "no-answer"))
    assert invited.shown(ADDRESSES[OTHER[name]]) == story.meetings


def test_one_meeting_is_moved_in_the_services_calendar_and_its_questions_follow(invited: Office) -> None:
    """Two ticks: the text of the series waits ten minutes, since people drag twice."""
    town = invited
    town.answer(KARIM, "series", "ACCEPTED")
    town.tick(SOON)

    town.move("series", timedelta(days=-1, hours=-4), SERIES[0])
    town.tick(SOON)
    moved = town.got()
    town.tick(QUIET)

    assert (moved, town.got()) == (SERVER, SERVER)
    story = town.settled()
    assert story.meetings["series"] == at_once(on(36, 11), *SERIES[1:])
    assert (story.answers, story.moved) == ({("series", "", "karim"): Said.ACCEPTED}, 1)
    for name in (SANNE, KARIM):
        assert town.shown(name) == story.meetings
        assert f"woensdag {on(36, 11).day} " in town.copy(name, "series")[1].replace(b"\r\n ", b"").decode().casefold()


def test_the_series_is_moved_in_the_services_calendar(invited: Office) -> None:
    town = invited
    town.move("series", timedelta(days=1, hours=-2))
    town.tick(SOON)
    moved = town.got()
    town.tick(QUIET)

    assert (moved, town.got()) == (SERVER, SERVER)
    story = town.settled()
    assert story.meetings["series"] == tuple(at + timedelta(days=1, hours=-2) for at in at_once(*SERIES))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.moved) == ({}, 1)


@pytest.mark.parametrize("item", ["series", "goals"])
def test_an_event_is_deleted_in_the_services_calendar(invited: Office, item: str) -> None:
    town = invited
    town.answer(SANNE, item, "ACCEPTED")
    town.tick(SOON)
    town.remove(town.row(item).href)

    town.tick(SOON)

    assert town.got() == SERVER
    story = town.settled()
    assert item not in story.meetings
    assert story.answers == {}
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_the_mentee_proposes_another_time_for_one_meeting_and_then_for_all(invited: Office) -> None:
    town = invited
    town.answer(KARIM, "series", "ACCEPTED")
    town.tick(SOON)
    propose(town, "series", SANNE, on(50, 11), meeting=SECOND)
    town.tick(SOON)

    [confirmation] = town.mails()
    assert town.got(confirmation) == sorted([*SERVER, ("sanne", "Verzet naar woensdag")])
    proposed = {("series", f"{SECOND:%Y-%m-%d}", "sanne"): Said.ACCEPTED}  # who proposes a time needn't answer
    story = town.settled(elsewhere=proposed)
    assert story.meetings["series"] == at_once(SERIES[0], on(50, 11), *SERIES[2:])
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert story.answers == {("series", "", "karim"): Said.ACCEPTED, **proposed}

    press(town, SANNE, next(each for each in offers(confirmation) if "Voortaan" in unquote(each)))
    town.tick(SOON)
    town.tick(SOON)

    assert town.got() == sorted(SERVER * 2)  # a new invitation, and the end of the old one with its moved meeting
    story = town.settled()
    assert story.meetings["series"] == at_once(*(on(days, 11) for days in (36, 50, 64, 78, 92)))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert story.answers == {}


def test_the_mentor_proposes_and_the_mentee_takes_it_over(invited: Office) -> None:
    town = invited
    propose(town, "goals", KARIM, on(22, 10))
    town.tick(SOON)
    [put] = town.mails()
    assert town.got(put) == [("sanne", "Karim stelt woensdag")]
    assert town.settled().meetings["goals"] == at_once(GOALS)

    press(town, SANNE, offers(put)[0])
    town.tick(SOON)

    assert town.got() == sorted([*SERVER, ("sanne", "Verzet naar woensdag")])
    story = town.settled(elsewhere={("goals", "", "sanne"): Said.ACCEPTED})
    assert story.meetings["goals"] == at_once(on(22, 10))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_a_series_that_begins_later_still_ends_where_it_did(invited: Office) -> None:
    town = invited
    town.words.closed = f"{SERIES[0]:%Y-%m-%d}"

    town.changed()

    assert town.got() == sorted(SERVER * 2)  # the series, and the stand-in
    story = town.settled()
    assert story.meetings["series"] == at_once(*SERIES[1:])
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings

"""The whole conversation on Cyrus, a server that invites (RFC 6638): what people answer, move, propose and throw away there.

The service, the mentee and the mentor have accounts; their programs are plain CalDAV requests, and proposals come by mail. Each
case says what each of them gets, from the server and from us, and holds every program, the ledger and ``status`` together.
"""

from __future__ import annotations

import imaplib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from tests.backends.people_contract import entry
from tests.conversation import (
    ADDRESSES,
    BOTH,
    DAY,
    GOALS,
    INBOX,
    OTHER,
    SECOND,
    SERIES,
    SERVER,
    SOON,
    Office,
    Speaking,
    at_once,
    marks,
    offers,
    on,
)
from tests.full.cyrus import PASSWORD, Cyrus, region_of
from tests.mailroom import AMSTERDAM, press, propose
from tests.town import KARIM, QUIET, SANNE

from beklijf.model.conversation import Said
from beklijf.rehearse import client_edits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.full


@dataclass
class Account:
    """One account on Cyrus."""

    cyrus: Cyrus
    name: str
    seen: int = 0

    def entries(self) -> dict[str, bytes]:
        return self._objects("Default")

    def put(self, href: str, data: bytes) -> None:
        self.cyrus.ask(self.name, "PUT", href, data)

    def delete(self, href: str) -> None:
        self.cyrus.ask(self.name, "DELETE", href)

    def news(self) -> list[str]:
        """Return one "server" for each message that was brought, as the server's log has it; the mailbox has not all of them."""
        before, self.seen = self.seen, self.cyrus.deliveries().count(f"{self.name}@voorbeeld.example")
        return ["server"] * (self.seen - before)

    def _objects(self, collection: str) -> dict[str, bytes]:
        listed = self.cyrus.ask(self.name, "PROPFIND", f"/dav/calendars/user/{self.name}/{collection}/").decode()
        return {href: self.cyrus.ask(self.name, "GET", href) for href in re.findall(r"<D:href>([^<]+\.ics)</D:href>", listed)}


@pytest.fixture
def town(cyrus: Cyrus, tmp_path: Path) -> Iterator[Office]:
    town = region_of(cyrus, tmp_path, "mentor")
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


def day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


@pytest.fixture
def invited(town: Office, request: pytest.FixtureRequest) -> Office:
    town.words.inbox = getattr(request, "param", True)
    town.invited()
    assert town.got() == sorted(SERVER * 2)
    return town


# -- answers -----------------------------------------------------------------------------------------------------------


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


@INBOX
@BOTH
def test_one_meeting_is_declined_which_the_other_one_is_told_since_the_server_tells_them_nothing(invited: Office, name: str) -> None:
    town = invited
    town.answer(ADDRESSES[name], "series", "ACCEPTED")
    town.tick(SOON)

    town.answer(ADDRESSES[name], "series", "DECLINED", SECOND)
    town.tick(SOON)

    assert [who for who, _ in town.got(*town.letters())] == [OTHER[name]]
    story = town.settled()
    assert story.answers == {("series", "", name): Said.ACCEPTED, ("series", day(SECOND), name): Said.DECLINED}
    assert marks(town.copy(ADDRESSES[OTHER[name]], "series")[1]) == {}  # nor does Cyrus tell attendees of each other's answers


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
    assert story.meetings["series"] != at_once(*SERIES)
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_without_a_mailbox_a_declined_series_brings_hours_to_agree_on_and_nothing_to_click(town: Office) -> None:
    town.words.inbox = False
    town.invited()
    town.got()

    town.answer(SANNE, "series", "DECLINED")
    town.tick(SOON)

    letters = town.letters()
    assert town.got(*letters) == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd")]
    assert [offers(letter) for letter in letters] == [[], []]
    story = town.settled()
    assert (story.answers, story.waiting) == ({("series", "", "sanne"): Said.DECLINED}, (SANNE, "declined-series"))


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
    data = client_edits.move(client_edits.take_out(data, SECOND.astimezone(UTC)), SERIES[2].astimezone(UTC), timedelta(hours=1))
    town.desks[ADDRESSES[name]].put(href, data)

    town.tick(SOON)

    assert town.got() == []
    story = town.settled()
    assert (story.answers, story.moved, story.meetings["series"]) == ({}, 0, at_once(*SERIES))
    assert town.shown(ADDRESSES[OTHER[name]]) == story.meetings


# -- moves -------------------------------------------------------------------------------------------------------------


def test_one_meeting_is_moved_in_the_services_calendar_and_its_questions_follow(invited: Office) -> None:
    """Two ticks: the text of the series waits ten minutes, since people drag twice; the server brings it as one message more."""
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    town.move("series", timedelta(days=-1, hours=-4), SERIES[0])
    town.tick(SOON)
    moved = town.got()
    assert f"donderdag {SERIES[0].day} " in town.event("series").text.casefold()
    town.tick(QUIET)

    assert (moved, town.got()) == (SERVER, SERVER)
    story = town.settled()
    assert story.meetings["series"] == at_once(on(36, 11), *SERIES[1:])
    assert story.answers == {("series", "", "sanne"): Said.ACCEPTED, ("series", "", "karim"): Said.ACCEPTED}
    assert story.moved == 1
    for name in (SANNE, KARIM):
        assert town.shown(name) == story.meetings
        text = town.copy(name, "series")[1].replace(b"\r\n ", b"").decode().casefold()
        assert f"donderdag {SERIES[0].day} " not in text
        assert f"woensdag {on(36, 11).day} " in text


def test_one_meeting_without_questions_of_its_own_is_moved_in_the_services_calendar(invited: Office) -> None:
    town = invited
    town.move("series", timedelta(days=-1), SERIES[2])

    town.tick(SOON)

    assert town.got() == SERVER
    story = town.settled()
    assert story.meetings["series"] == at_once(*SERIES[:2], on(64, 15), *SERIES[3:])
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.moved) == ({}, 1)


def test_the_series_is_moved_in_the_services_calendar(invited: Office) -> None:
    """Two ticks: the hour becomes the pair's own in the first, and what that means for the rest is planned in the second."""
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    town.move("series", timedelta(days=1, hours=-2))
    town.tick(SOON)
    moved = town.got()
    town.tick(QUIET)

    assert (moved, town.got()) == (SERVER, SERVER)
    story = town.settled()
    assert story.meetings["series"] == tuple(at + timedelta(days=1, hours=-2) for at in at_once(*SERIES))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert story.moved == 1
    # a plain program leaves people's answers as they are, and Cyrus too
    assert story.answers == {("series", "", "sanne"): Said.ACCEPTED, ("series", "", "karim"): Said.ACCEPTED}


def test_one_meeting_is_taken_out_in_the_services_calendar(invited: Office) -> None:
    town = invited
    town.take_out("series", SECOND)

    town.tick(SOON)

    assert town.got() == SERVER
    story = town.settled()
    assert story.meetings["series"] == at_once(*(at for at in SERIES if at != SECOND))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.waiting) == ({}, None)


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


# -- proposals ---------------------------------------------------------------------------------------------------------


def test_the_mentee_proposes_another_time_for_one_meeting(invited: Office) -> None:
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    propose(town, "series", SANNE, on(50, 11), meeting=SECOND)
    town.tick(SOON)

    assert town.got() == sorted([*SERVER, ("sanne", "Verzet naar woensdag")])
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
    [confirmation] = [mail for mail in town.mails() if "Verzet" in str(mail["Subject"])]  # and a note about what Karim declined
    town.got()

    press(town, SANNE, next(each for each in offers(confirmation) if "Voortaan" in unquote(each)))
    town.tick(SOON)
    town.tick(SOON)

    assert town.got() == sorted(SERVER * 2)
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

    assert town.got() == sorted([*SERVER, ("sanne", "Verzet naar woensdag")])
    story = town.settled(elsewhere={("goals", "", "sanne"): Said.ACCEPTED})
    assert story.meetings["goals"] == at_once(on(22, 10))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_a_time_that_can_not_be_is_answered_to_who_proposed_it(invited: Office) -> None:
    town = invited
    propose(town, "series", SANNE, SERIES[2], meeting=SECOND)

    town.tick(SOON)

    [answer] = town.mails()
    assert [who for who, _ in town.got(answer)] == ["sanne"]
    assert len(offers(answer)) == 3
    story = town.settled()
    assert (story.meetings["series"], story.answers) == (at_once(*SERIES), {})


# -- busy --------------------------------------------------------------------------------------------------------------


def keep_busy(town: Office, who: str, start: datetime, hours: int = 1, *more: str, name: str = "dentist") -> None:
    """Put something into a person's own calendar; Cyrus tells when, and nothing else."""
    first, end = (f"{each.astimezone(UTC):%Y%m%dT%H%M%SZ}" for each in (start, start + timedelta(hours=hours)))
    town.desks[who].put(f"/dav/calendars/user/{who.partition('@')[0]}/Default/{name}.ics", entry(*more, name=name, start=first, end=end))


@pytest.mark.parametrize("who", [SANNE, KARIM])
def test_offered_times_are_free_in_the_calendars_of_both(invited: Office, who: str) -> None:
    """The hour before, and the day after at the pair's hour, which are offered to who has nothing then."""
    town = invited
    keep_busy(town, who, on(23, 14))
    keep_busy(town, who, on(24, 15), name="doctor")
    town.answer(SANNE, "goals", "DECLINED")

    town.tick(SOON)

    [hours] = [letter for letter in town.letters() if SANNE in str(letter["To"])]
    offered = " ".join(map(unquote, offers(hours)))
    assert offered.count("Verzetten naar") == 3
    assert f"donderdag {on(23, 16).day}" in offered
    assert "16.00" in offered
    assert "14.00" not in offered
    assert "vrijdag" not in offered


@pytest.mark.parametrize("who", [SANNE, KARIM])
def test_the_pairs_hour_is_one_at_which_both_can_and_it_stays_when_they_get_busy_later(town: Office, who: str) -> None:
    town.words.hour = False
    keep_busy(town, who, on(20, 8), 6, "RRULE:FREQ=DAILY;COUNT=100")

    town.invited()

    assert town.got() == sorted(SERVER * 2)
    story = town.story()
    assert {at.astimezone(AMSTERDAM).hour for at in story.meetings["series"]} <= {13, 14, 15, 16}  # 13: where the clocks go back
    keep_busy(town, who, story.meetings["series"][1], name="doctor")
    assert town.settled().meetings == story.meetings


@pytest.mark.parametrize("who", [SANNE, KARIM])
def test_a_stand_in_is_put_where_both_can(invited: Office, who: str) -> None:
    """A closed day takes a meeting out; on the day after, the pair's hour is taken in somebody's own calendar."""
    town = invited
    keep_busy(town, who, on(38, 15))
    town.words.closed = day(SERIES[0])

    town.changed()

    assert town.got() == sorted(SERVER * 2)  # the series begins later, and the stand-in
    story = town.settled()
    assert story.meetings["series"] == at_once(*SERIES[1:])
    assert story.meetings[f"stand-in:{day(SERIES[0])}"] == at_once(on(36, 15))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


# -- the mentee's own calendar -----------------------------------------------------------------------------------------


def let_in(cyrus: Cyrus, owner: str, rights: str = "lrswipkxtecd") -> None:
    """Let the service into a person's calendar, or (no rights) no longer."""
    with imaplib.IMAP4("127.0.0.1", cyrus.imap, timeout=60) as admin:
        admin.login("cyrus", PASSWORD)
        box = f'"user/{owner}/#calendars/Default"'
        assert (admin.setacl(box, "mentor", rights) if rights else admin.deleteacl(box, "mentor"))[0] == "OK"


@dataclass
class Home(Office):
    """A town in which the mentee organizes, in their own calendar; what a tick finds there, the mentee's program wrote."""

    def mine(self, item: str) -> tuple[str, bytes]:
        return self.copy(SANNE, item)

    def move_mine(self, item: str, by: timedelta, meeting: datetime | None = None) -> None:
        href, data = self.mine(item)
        self.desks[SANNE].put(href, client_edits.move(data, meeting and meeting.astimezone(UTC), by))


@pytest.fixture
def home(cyrus: Cyrus, tmp_path: Path) -> Iterator[Home]:
    let_in(cyrus, "sanne")
    town = region_of(cyrus, tmp_path, "mentor")
    sanne = Account(cyrus, "sanne")

    def own(href: str) -> str:
        return f"/dav/calendars/user/sanne/Default/{href.rpartition('/')[2]}"

    (tmp_path / "inbox").mkdir()
    for name in ("cur", "new", "tmp"):
        (tmp_path / "inbox" / name).mkdir()
    people = f'people = "{cyrus.url}/dav/calendars/user/{{local}}/Default/"'
    made = Home(
        folder=tmp_path,
        calendar=f"{town.calendar}\n{people}",
        read=lambda href: cyrus.ask("sanne", "GET", own(href)),
        write=lambda href, data: sanne.put(own(href), data),
        remove=lambda href: sanne.delete(own(href)),
        words=Speaking(owner="mentee"),
        desks={SANNE: sanne, KARIM: Account(cyrus, "karim")},
    )
    made.invited()
    assert made.got() == [("karim", "server"), ("karim", "server")]
    yield made
    made.stop()


MENTOR, MENTEE = [("karim", "server")], [("sanne", "server")]


@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE"])
def test_the_mentor_answers_to_the_mentees_own_event_and_the_mentee_sees_it_there(home: Home, partstat: str) -> None:
    home.answer(KARIM, "series", partstat)

    home.tick(SOON)

    assert home.got() == MENTEE
    story = home.settled()
    assert story.answers == {("series", "", "karim"): Said(partstat.lower())}
    assert story.waiting is None


def test_one_meeting_that_the_mentor_declines_shows_in_the_mentees_own_calendar(home: Home) -> None:
    home.answer(KARIM, "series", "DECLINED", SECOND)

    home.tick(SOON)

    assert home.got() == MENTEE
    story = home.settled()
    assert story.answers == {("series", day(SECOND), "karim"): Said.DECLINED}


def test_the_mentee_chooses_another_hour_for_a_series_that_the_mentor_declined(home: Home) -> None:
    home.answer(KARIM, "series", "DECLINED")
    home.tick(SOON)
    letters = home.letters()
    assert home.got(*letters) == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd"), *MENTEE]
    story = home.settled()
    assert (story.answers, story.waiting) == ({("series", "", "karim"): Said.DECLINED}, (SANNE, "declined-series"))
    [hours] = [letter for letter in letters if SANNE in str(letter["To"])]

    press(home, SANNE, offers(hours)[1])
    home.tick(SOON)  # two ticks, as where the service organizes
    home.tick(SOON)

    assert home.got() == MENTOR
    story = home.settled()
    assert (story.answers, story.waiting) == ({}, None)
    assert set(story.meetings["series"]) == set(at_once(*(on(days, 15) for days in (35, 49, 77, 91))))  # day 63 is a session's
    assert home.shown(SANNE) == home.shown(KARIM) == story.meetings


def test_the_mentee_moves_one_meeting_in_their_own_calendar_for_both(home: Home) -> None:
    home.answer(KARIM, "series", "ACCEPTED")
    home.tick(SOON)
    assert home.got() == MENTEE
    home.move_mine("series", timedelta(days=-1), SERIES[2])

    home.tick(SOON)

    assert home.got() == MENTOR
    story = home.settled()
    assert story.meetings["series"] == at_once(*SERIES[:2], on(64, 15), *SERIES[3:])
    assert home.shown(SANNE) == home.shown(KARIM) == story.meetings
    assert (story.answers, story.moved) == ({("series", "", "karim"): Said.ACCEPTED}, 1)


def test_the_mentee_moves_the_goals_meeting_and_the_series_for_both(home: Home) -> None:
    """Two ticks: what the new hour means for the questions follows after ten minutes, as one more message to the mentor."""
    home.move_mine("series", timedelta(days=1, hours=-2))
    home.move_mine("goals", timedelta(hours=-2))

    home.tick(SOON)
    moved = home.got()
    home.tick(QUIET)

    assert (moved, home.got()) == (MENTOR * 2, MENTOR)
    story = home.settled()
    assert story.meetings["series"] == tuple(at + timedelta(days=1, hours=-2) for at in at_once(*SERIES))
    assert story.meetings["goals"] == at_once(on(23, 13))
    assert home.shown(SANNE) == home.shown(KARIM) == story.meetings
    assert (story.moved, story.waiting) == (2, None)


def test_the_mentee_deletes_a_meeting_for_both(home: Home) -> None:
    home.desks[SANNE].delete(home.mine("goals")[0])

    home.tick(SOON)

    assert home.got() == MENTOR
    story = home.settled()
    assert list(story.meetings) == ["series"]
    assert home.shown(SANNE) == home.shown(KARIM) == story.meetings


def test_a_mentor_who_throws_their_copy_away_has_declined(home: Home) -> None:
    home.throw_away(KARIM, "goals")

    home.tick(SOON)

    assert home.got() == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd"), *MENTEE]
    story = home.settled()
    assert story.answers == {("goals", "", "karim"): Said.DECLINED}
    assert home.shown(SANNE) == story.meetings


def test_a_calendar_that_is_gone_is_named_and_after_a_day_the_mentor_is_asked_to_clean_up(home: Home, cyrus: Cyrus) -> None:
    """Two ticks to name it: after the first no it is looked for anew, in case it only moved."""
    home.answer(KARIM, "series", "ACCEPTED")
    home.tick(SOON)
    home.got()
    let_in(cyrus, "sanne", "")

    home.tick(SOON)
    home.tick(SOON)

    status = home.command("status")
    assert [each["target"] for each in status["servers"]] == [f"mailbox {SANNE}"]
    assert "(403)" in status["servers"][0]["what"]
    [pair] = status["trainings"][0]["mentorships"]
    assert [(each["person"], each["said"]) for each in pair["answers"]] == [(KARIM, "accepted")]
    assert home.plan().changes == ()
    assert home.got() == []
    home.tick(DAY + SOON)
    assert home.got() == [("karim", "Verwijder de gesprekken")]
    home.tick(SOON)
    assert (home.got(), home.plan().changes) == ([], ())

    let_in(cyrus, "sanne")
    home.tick(SOON)
    home.tick(SOON)
    assert (home.got(), home.plan().changes) == ([], ())
    assert home.heard() == {("series", "", "karim"): Said.ACCEPTED}
    assert home.shown(SANNE) == home.shown(KARIM)

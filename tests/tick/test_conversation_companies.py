"""The whole conversation where one server has everybody's mail and calendars: Exchange, Exchange Online, Google.

The service, the mentee and the mentor have mailboxes there; the server invites, and notes in the organizer's copy what people
answer. What comes by mail to the service's mailbox (an answer once more, another time that somebody proposes) is read as well.
Each case says what each of them gets, from the server (its methods) and from us (the first words of letters), and holds every
program, the ledger and the command ``status`` together.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from tests.backends.people_contract import entry
from tests.conversation import (
    ADDRESSES,
    BOTH,
    DAY,
    INVITED,
    OTHER,
    SECOND,
    SERIES,
    SOON,
    Speaking,
    at_once,
    marks,
    meetings,
    offers,
    on,
)
from tests.fakes.company import Company
from tests.fakes.makers import MAKERS
from tests.firm import CANCELS, INVITES, PEOPLE, Firm, firm_on
from tests.mailroom import AMSTERDAM, ORGANIZER, press
from tests.town import KARIM, NOOR, QUIET, SANNE, itip_part, told_by

from beklijf.model.conversation import Said
from beklijf.rehearse import client_edits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.makers import Maker
    from tests.fakes.tokens import Pair


# -- the office --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=MAKERS)
def maker(request: pytest.FixtureRequest, pair: Pair, tmp_path: Path) -> Iterator[Maker]:
    company = Company()
    for address, name in PEOPLE.items():
        company.hire(address, name)
    with ExitStack() as stack:
        made = MAKERS[request.param](tmp_path, company, pair, stack)
        yield made
    assert made.illegal == []


@pytest.fixture
def town(maker: Maker, tmp_path: Path) -> Iterator[Firm]:
    made = firm_on(tmp_path, maker, Speaking())
    yield made
    made.stop()


@pytest.fixture
def invited(town: Firm, request: pytest.FixtureRequest) -> Firm:
    town.words.inbox = getattr(request, "param", True)
    town.invited()
    assert town.engine.applier.sender == "server"
    assert town.got() == sorted(INVITES * 2)
    return town


def day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def both(partstat: Said) -> dict[tuple[str, str, str], Said]:
    return {("series", "", "sanne"): partstat, ("series", "", "karim"): partstat}


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("invited", "name", "partstat"),
    [(True, "sanne", "ACCEPTED"), (True, "karim", "TENTATIVE"), (False, "sanne", "TENTATIVE"), (False, "karim", "ACCEPTED")],
    indirect=["invited"],
)
def test_an_answer_is_heard_and_brings_nobody_anything(invited: Firm, name: str, partstat: str) -> None:
    town = invited
    town.answer(ADDRESSES[name], "series", partstat)
    town.answer(ADDRESSES[name], "goals", "ACCEPTED")

    town.tick(SOON)

    assert town.got() == []
    story = town.settled()
    assert story.answers == {("series", "", name): Said(partstat.lower()), ("goals", "", name): Said.ACCEPTED}
    assert (story.waiting, story.moved) == (None, 0)


@pytest.mark.parametrize(("invited", "name"), [(True, "sanne"), (True, "karim"), (False, "karim")], indirect=["invited"])
def test_one_meeting_is_declined_which_the_other_one_is_told_since_the_server_tells_them_nothing(invited: Firm, name: str) -> None:
    town = invited
    town.answer(ADDRESSES[name], "series", "ACCEPTED")
    town.tick(SOON)

    town.answer(ADDRESSES[name], "series", "DECLINED", SECOND)
    town.tick(SOON)

    assert [who for who, _ in town.got(*town.letters())] == [OTHER[name]]
    story = town.settled()
    assert story.answers == {("series", "", name): Said.ACCEPTED, ("series", day(SECOND), name): Said.DECLINED}
    assert marks(town.copy(ADDRESSES[OTHER[name]], "series")[1]) == {}


@BOTH
def test_a_declined_series_brings_other_hours_and_the_chosen_one_moves_it(invited: Firm, name: str) -> None:
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

    assert town.got() == sorted([*INVITES, *(CANCELS if town.tells_all else [])])
    story = town.settled()
    assert (story.answers, story.waiting) == ({}, None)
    assert story.meetings["series"] == at_once(*(on(days, 15) for days in (35, 49, 77, 91)))  # day 63 is a session's
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_without_a_mailbox_a_declined_series_brings_hours_to_agree_on_and_nothing_to_click(town: Firm) -> None:
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


@pytest.mark.parametrize(("name", "item"), [("sanne", "series"), ("karim", "goals")])
def test_who_throws_their_copy_away_has_declined(invited: Firm, name: str, item: str) -> None:
    town = invited
    town.throw_away(ADDRESSES[name], item)

    town.tick(SOON)

    assert town.got() == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd")]
    story = town.settled()
    assert story.answers == {(item, "", name): Said.DECLINED}
    assert story.waiting == (SANNE, "declined-series")
    assert town.shown(ADDRESSES[OTHER[name]]) == story.meetings


def test_a_no_that_the_calendar_tells_needs_no_proof_by_mail_and_asks_nobody(invited: Firm) -> None:
    invited.verdict = ""
    invited.throw_away(SANNE, "series")

    invited.tick(SOON)

    assert invited.got() == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd")]
    assert invited.settled().waiting == (SANNE, "declined-series")


@BOTH
def test_what_an_attendee_does_to_the_own_copy_alone_changes_nothing_for_others(invited: Firm, name: str) -> None:
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


def test_one_meeting_is_moved_in_the_services_calendar_and_its_questions_follow(invited: Firm) -> None:
    """Two ticks: the text waits ten minutes, since people drag twice; alone it is no message, where that can be written."""
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    town.move("series", timedelta(days=-1, hours=-4), SERIES[0])
    town.tick(SOON)
    moved = town.got()
    town.tick(QUIET)

    assert (moved, town.got()) == (INVITES, INVITES if town.tells_all else [])
    story = town.settled()
    assert story.meetings["series"] == at_once(on(36, 11), *SERIES[1:])
    assert (story.answers, story.moved) == (both(Said.ACCEPTED), 1)
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    text = town.entry("series").text.casefold()
    assert f"woensdag {on(36, 11).day} " in text
    assert f"donderdag {SERIES[0].day} " not in text


def test_the_series_is_moved_in_the_services_calendar(invited: Firm) -> None:
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    town.move("series", timedelta(days=1, hours=-2))
    town.tick(SOON)
    moved = town.got()
    town.tick(QUIET)

    assert (moved, town.got()) == (INVITES, INVITES if town.tells_all else [])
    story = town.settled()
    assert story.meetings["series"] == tuple(at + timedelta(days=1, hours=-2) for at in at_once(*SERIES))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.moved) == ({}, 1)  # the server takes all answers back


def test_one_meeting_is_taken_out_in_the_services_calendar(invited: Firm) -> None:
    town = invited
    town.take_out("series", SECOND)

    town.tick(SOON)

    assert town.got() == CANCELS
    story = town.settled()
    assert story.meetings["series"] == at_once(*(at for at in SERIES if at != SECOND))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.waiting) == ({}, None)


@pytest.mark.parametrize("item", ["series", "goals"])
def test_an_event_is_deleted_in_the_services_calendar(invited: Firm, item: str) -> None:
    town = invited
    town.answer(SANNE, item, "ACCEPTED")
    town.tick(SOON)
    town.remove(town.row(item).href)

    town.tick(SOON)

    assert town.got() == CANCELS
    story = town.settled()
    assert item not in story.meetings
    assert story.answers == {}
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_a_series_that_begins_later_still_ends_where_it_did(invited: Firm) -> None:
    """A day that is closed after all: the series begins later, and there is a stand-in."""
    town = invited
    town.words.closed = day(SERIES[0])

    town.changed()

    assert town.got() == sorted(INVITES * 2)
    story = town.settled()
    assert story.meetings["series"] == at_once(*SERIES[1:])
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_a_pair_that_is_no_more_is_cancelled_for_both(invited: Firm) -> None:
    """Another mentee with the same mentor: who leaves is told, once for each event."""
    town = invited
    town.answer(SANNE, "series", "ACCEPTED")
    town.tick(SOON)
    town.words.pairs = ((NOOR, KARIM),)

    town.changed()

    assert [each for each in town.got() if each[1] == "CANCEL"] == sorted(CANCELS * 2)
    assert town.shown(SANNE) == {}
    assert [each.uid for each in town.company.inside(ORGANIZER, "main") if SANNE in {guest.address for guest in each.guests}] == []


# -- proposals ---------------------------------------------------------------------------------------------------------


def test_the_mentee_proposes_another_time_for_one_meeting(invited: Firm) -> None:
    town = invited
    for name in (SANNE, KARIM):
        town.answer(name, "series", "ACCEPTED")
    town.tick(SOON)

    town.propose(SANNE, "series", on(50, 11), meeting=SECOND)
    town.tick(SOON)

    assert town.got() == sorted([*INVITES, ("sanne", "Verzet naar woensdag")])
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


@pytest.mark.parametrize("maker", ["graph", "exchange"], indirect=True)
def test_another_time_that_the_calendar_tells_is_heard_while_the_mailbox_can_not_be_read(invited: Firm) -> None:
    town = invited
    (town.folder / "inbox" / "cur").rename(town.folder / "elsewhere")
    (town.folder / "inbox" / "cur").write_text("no folder", encoding="utf-8")
    assert len(town.tick(SOON).errors) == 1
    assert town.got() == [("servicedesk", "beklijf: de mailbox")]

    town.propose(SANNE, "series", on(50, 11), meeting=SECOND)
    town.tick(SOON)

    assert town.got() == sorted([*INVITES, ("sanne", "Verzet naar woensdag")])
    (town.folder / "inbox" / "cur").unlink()
    (town.folder / "elsewhere").rename(town.folder / "inbox" / "cur")
    town.tick(timedelta(hours=5))
    assert town.got() == []
    assert town.shown(SANNE)["series"] == at_once(SERIES[0], on(50, 11), *SERIES[2:])


def test_from_now_on_brings_the_series_to_the_proposed_hour_and_leaves_no_single_meeting_behind(invited: Firm) -> None:
    town = invited
    town.propose(SANNE, "series", on(50, 11), meeting=SECOND)
    town.tick(SOON)
    [confirmation] = [mail for mail in town.mails() if "Verzet" in str(mail["Subject"])]
    assert town.got() == INVITES

    press(town, SANNE, next(each for each in offers(confirmation) if "Voortaan" in unquote(each)))
    town.tick(SOON)
    town.tick(SOON)

    assert town.got() == sorted([*CANCELS, *INVITES])  # a new invitation, and the end of the old one with its moved meeting
    story = town.settled()
    assert story.meetings["series"] == at_once(*(on(days, 11) for days in (36, 50, 64, 78, 92)))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings
    assert (story.answers, story.waiting) == ({}, None)


def test_the_mentor_proposes_and_the_mentee_takes_it_over(invited: Firm) -> None:
    town = invited
    town.propose(KARIM, "goals", on(22, 10))
    town.tick(SOON)
    [put] = town.mails()
    assert town.got(put) == [("sanne", "Karim stelt woensdag")]
    assert town.heard() == town.proposed(KARIM, "goals")
    assert town.plan().changes == ()

    press(town, SANNE, offers(put)[0])
    town.tick(SOON)

    assert town.got() == sorted([*INVITES, ("sanne", "Verzet naar woensdag")])
    story = town.settled(elsewhere={("goals", "", "sanne"): Said.ACCEPTED})
    assert story.meetings["goals"] == at_once(on(22, 10))
    assert town.shown(SANNE) == town.shown(KARIM) == story.meetings


def test_a_time_that_can_not_be_is_answered_to_who_proposed_it(invited: Firm) -> None:
    town = invited
    town.propose(SANNE, "series", SERIES[2], meeting=SECOND)

    town.tick(SOON)

    [answer] = town.mails()
    assert [who for who, _ in town.got(answer)] == ["sanne"]
    assert len(offers(answer)) == 3
    for later in (SOON, QUIET):
        town.tick(later)
    assert (town.got(), town.plan().changes) == ([], ())
    assert town.heard() == town.proposed(SANNE, "series", SECOND)
    assert meetings(town.read(town.row("series").href)) == at_once(*SERIES)


# -- silence, and when people can't ------------------------------------------------------------------------------------


def test_who_says_nothing_is_asked_and_who_answered_is_not(invited: Firm) -> None:
    """The first rung: seven working days after the invitation, the mentee alone."""
    town = invited
    for days in range(1, 14):
        town.at(INVITED + days * DAY)
    letters = [(who, what) for who, what in town.got() if who in {"sanne", "karim"}]

    assert ("sanne", "Passen de gesprekken") in letters
    assert not [what for who, what in letters if who == "karim" and "gesprekken" in what]
    assert (town.heard(), town.plan().changes) == ({}, ())


def test_an_answer_in_the_calendar_ends_the_silence(invited: Firm) -> None:
    town = invited
    town.answer(SANNE, "series", "ACCEPTED")

    for days in range(1, 14):
        town.at(INVITED + days * DAY)

    assert "Passen de gesprekken" not in [what for _, what in town.got()]
    assert town.heard() == {("series", "", "sanne"): Said.ACCEPTED}


@pytest.mark.parametrize("who", [SANNE, KARIM])
def test_offered_times_are_free_in_the_calendars_of_both(invited: Firm, who: str) -> None:
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


def keep_busy(town: Firm, who: str, start: datetime, hours: int = 1, *, name: str = "dentist") -> None:
    """Put something into a person's own calendar."""
    first, end = (f"{each.astimezone(UTC):%Y%m%dT%H%M%SZ}" for each in (start, start + timedelta(hours=hours)))
    town.desks[who].put(f"{who}-{name}", entry(name=name, start=first, end=end))


@pytest.mark.parametrize("who", [SANNE, KARIM])
def test_the_pairs_hour_is_one_at_which_both_can_and_it_stays_when_they_get_busy_later(town: Firm, who: str) -> None:
    town.words.hour = False
    for days in range(20, 120):
        keep_busy(town, who, on(days, 8), 6, name=f"busy{days}")

    town.invited()

    assert town.got() == sorted(INVITES * 2)
    story = town.story()
    assert {at.astimezone(AMSTERDAM).hour for at in story.meetings["series"]} <= {13, 14, 15, 16}  # 13: where the clocks go back
    keep_busy(town, who, story.meetings["series"][1], name="doctor")
    assert town.settled().meetings == story.meetings


# -- the mentee's own calendar -----------------------------------------------------------------------------------------


@pytest.fixture
def home(maker: Maker, tmp_path: Path) -> Iterator[Firm]:
    made = firm_on(tmp_path, maker, Speaking(owner="mentee"))
    made.invited()
    assert made.got() == [("karim", "REQUEST"), ("karim", "REQUEST")]
    yield made
    made.stop()


MENTOR, MENTEE = [("karim", "REQUEST")], [("sanne", "answer")]


@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE"])
def test_the_mentor_answers_to_the_mentees_own_event_and_the_mentee_sees_it_there(home: Firm, partstat: str) -> None:
    home.answer(KARIM, "series", partstat)

    home.tick(SOON)

    assert home.got() == MENTEE
    story = home.settled()
    assert story.answers == {("series", "", "karim"): Said(partstat.lower())}
    assert story.waiting is None


def test_one_meeting_that_the_mentor_declines_shows_in_the_mentees_own_calendar(home: Firm) -> None:
    home.answer(KARIM, "series", "DECLINED", SECOND)

    home.tick(SOON)

    assert home.got() == MENTEE
    story = home.settled()
    assert story.answers == {("series", day(SECOND), "karim"): Said.DECLINED}


def test_the_mentee_chooses_another_hour_for_a_series_that_the_mentor_declined(home: Firm) -> None:
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

    assert home.got() == sorted([*MENTOR, *([("karim", "CANCEL")] if home.tells_all else [])])
    story = home.settled()
    assert (story.answers, story.waiting) == ({}, None)
    assert set(story.meetings["series"]) == set(at_once(*(on(days, 15) for days in (35, 49, 77, 91))))  # day 63 is a session's
    assert home.shown(SANNE) == home.shown(KARIM) == story.meetings


def test_the_mentee_moves_one_meeting_in_their_own_calendar_for_both(home: Firm) -> None:
    home.answer(KARIM, "series", "ACCEPTED")
    home.tick(SOON)
    assert home.got() == MENTEE
    home.move("series", timedelta(days=-1), SERIES[2])

    home.tick(SOON)

    assert home.got() == MENTOR
    story = home.settled()
    assert story.meetings["series"] == at_once(*SERIES[:2], on(64, 15), *SERIES[3:])
    assert home.shown(SANNE) == home.shown(KARIM) == story.meetings
    assert (story.answers, story.moved) == ({("series", "", "karim"): Said.ACCEPTED}, 1)


def test_the_mentee_moves_the_goals_meeting_and_the_series_for_both(home: Firm) -> None:
    home.move("series", timedelta(days=1, hours=-2))
    home.move("goals", timedelta(hours=-2))

    home.tick(SOON)
    moved = home.got()
    home.tick(QUIET)

    assert (moved, home.got()) == (MENTOR * 2, MENTOR if home.tells_all else [])
    story = home.settled()
    assert story.meetings["series"] == tuple(at + timedelta(days=1, hours=-2) for at in at_once(*SERIES))
    assert story.meetings["goals"] == at_once(on(23, 13))
    assert home.shown(SANNE) == home.shown(KARIM) == story.meetings
    assert (story.moved, story.waiting) == (2, None)


def test_the_mentee_deletes_a_meeting_for_both(home: Firm) -> None:
    home.remove(home.row("goals").href)

    home.tick(SOON)

    assert home.got() == [("karim", "CANCEL")]
    story = home.settled()
    assert list(story.meetings) == ["series"]
    assert home.shown(SANNE) == home.shown(KARIM) == story.meetings


def test_a_mentor_who_throws_their_copy_away_has_declined(home: Firm) -> None:
    home.throw_away(KARIM, "goals")

    home.tick(SOON)

    assert home.got() == [("karim", "Een andere tijd"), ("sanne", "Een andere tijd"), *MENTEE]
    story = home.settled()
    assert story.answers == {("goals", "", "karim"): Said.DECLINED}
    assert home.shown(SANNE) == story.meetings


# -- what check proves -----------------------------------------------------------------------------------------------------


def checked(town: Firm) -> tuple[int, str]:
    """Run the command as an administrator does."""
    town.start()
    code, said, complaints = town.run("check")
    return code, said + complaints


def test_check_says_who_invites_and_whose_busy_times_are_seen(town: Firm) -> None:
    code, said = checked(town)

    assert code == 0, said
    assert "invitations" in next(line for line in said.splitlines() if line.startswith("calendar: "))
    assert f"busy times: seen of 2 of 3 persons; not of {NOOR}" in said


@pytest.mark.parametrize("maker", ["graph", "exchange"], indirect=True)
def test_check_names_who_has_no_mailbox_there(town: Firm) -> None:
    town.words.owner = "mentee"
    town.company.leave(SANNE)

    code, said = checked(town)

    assert code == 69, said
    assert f"{SANNE}: their calendar can't be used" in said
    assert "1 of 2 people's own calendars can be used" in said


def test_what_vanished_without_a_word_of_the_server_is_off_by_ours_and_comes_back_once(invited: Firm) -> None:
    """Lose both events with the calendar: nobody's program hears of it, until the administrator says that they are gone."""
    town = invited
    theirs = {who: {each.uid for each in town.company.inside(who, "main")} for who in (SANNE, KARIM)}
    for lost in [town.entry(item) for item in ("goals", "series")]:
        town.company.remove(lost)
    held = town.tick().plan
    assert held is not None
    assert (len(held.held), {who for who, _ in town.got()}) == (2, {"opleidingen", "servicedesk"})

    town.now += SOON
    town.engine.tick(town.now, approve=[held.id])
    town.tick(QUIET)
    for mail in [each for each in town.mails() if itip_part(each)]:
        [uid] = re.findall(r"UID:(.*)", itip_part(mail))
        assert told_by(mail)[1] == "CANCEL"
        [copy] = [each for each in town.company.inside(told_by(mail)[0], "main") if each.uid == uid.strip()]
        town.company.remove(copy)  # as their programs do by themselves, or when they are asked to
    assert [town.company.inside(who, "main") for who in theirs] == [[], []]
    with town.engine.ledger.write():
        for item in ("goals", "series"):
            town.engine.ledger.decide("restore", town.row(item).ref, made=town.now)
    town.tick()

    assert town.got() == sorted(INVITES * 2)
    for who, before in theirs.items():
        assert len(after := {each.uid for each in town.company.inside(who, "main")}) == 2
        assert not after & before

"""The Google backend when things go wrong: lost tokens, pages, every refusal of the API, and a crash at each request."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import pytest
from tests.backends.examples import KARIM, MEETING, NOOR, OWNER, SERIES, at, utc
from tests.backends.google.desk import MENTEE, MENTOR, OFF, Desk, settings_of
from tests.backends.people_contract import END, START, person
from tests.fakes.google import Mood
from tests.fakes.google.shelves import Shelves

from beklijf.backends.google.account import ServiceAccount
from beklijf.decide import merge
from beklijf.model.domain import Override, Recurrence
from beklijf.model.errors import BackendError, Conflict, Down, Exists, Missing, Refused, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.backends.calendar_contract import Opener
    from tests.fakes.company import Entry

    from beklijf.backends.google.calendar import GoogleCalendar
    from beklijf.model.domain import Event
    from beklijf.model.stored import Stored


# -- tokens and pages --------------------------------------------------------------------------------------------------


def test_a_token_that_is_too_old_gives_a_full_reading(desk: Desk) -> None:
    stored = desk.create(OFF)
    token = desk.calendar.changes(None).token
    desk.google.service.forget_tokens()

    changes = desk.calendar.changes(token)

    assert (changes.full, changes.changed) == (True, (stored,))
    assert not desk.calendar.changes(changes.token).full


def test_a_token_of_another_calendar_of_the_same_account_gives_a_full_reading(desk: Desk, opened: Opener) -> None:
    stored = desk.create(OFF)
    named = opened(settings_of(desk.google, "Mentorgesprekken"))
    named.create(MEETING, sequence=0, agent=Agent.SERVER)

    changes = desk.calendar.changes(named.changes(None).token)

    assert (changes.full, changes.changed) == (True, (stored,))


def test_what_was_read_before_counts_for_nothing_with_a_token_of_somebody_elses_reading(desk: Desk) -> None:
    stored = desk.create(OFF)
    desk.calendar.changes(None)
    desk.company.single(desk.entry(stored), utc("2027-03-16"), send="all", start=at("2027-03-18", 9), place="De tuin")
    token = desk.open().changes(None).token
    desk.company.change(desk.entry(stored), send="all", place="Kantine")

    [changed] = desk.calendar.changes(token).changed

    assert changed.event.location == "Kantine"
    assert changed.event.overrides[0] == Override(utc("2027-03-16"), utc("2027-03-18", 9), 60)


@pytest.mark.parametrize("page", [1, 2, 7])
def test_pages_are_read_to_the_last_one(desk: Desk, page: int) -> None:
    token = desk.calendar.changes(None).token
    created = {
        desk.create(replace(OFF, uid=f"s{n}-12345678@beklijf", overrides=(*OFF.overrides, SERIES.overrides[1]))).event.uid: n
        for n in range(5)
    }
    desk.google.service.page = page

    since, full = desk.calendar.changes(token), desk.open().changes(None)
    updated = desk.update(full.changed[0], replace(full.changed[0].event, location="Zaal 9"), "place")

    assert {stored.event.uid for stored in since.changed} == {stored.event.uid for stored in full.changed} == created.keys()
    assert {stored.href: stored for stored in since.changed} == {stored.href: stored for stored in full.changed}
    assert updated.event == replace(full.changed[0].event, location="Zaal 9")


@pytest.mark.parametrize("stuck", ["page", "token"])
def test_pages_without_an_end_are_given_up(desk: Desk, stuck: Literal["page", "token"]) -> None:
    token = desk.calendar.changes(None).token
    stored = desk.create(OFF)
    single = replace(OFF, overrides=(Override(utc("2027-03-16"), None), *OFF.overrides))
    for act in (
        lambda: desk.calendar.changes(token),
        lambda: desk.open().changes(None),
        lambda: desk.update(stored, single, "single"),
    ):
        desk.google.service.stuck = stuck
        before = len(desk.google.requests)

        with pytest.raises(Transient, match="a list without an end"):
            act()

        assert len(desk.google.requests) - before <= 3
    desk.google.service.stuck = ""
    assert desk.calendar.changes(token).changed == (stored,)


def test_what_others_do_in_the_calendar_costs_one_request(desk: Desk) -> None:
    desk.create(OFF)
    token = desk.calendar.changes(None).token
    entry = desk.company.entries[next(iter(desk.company.entries))]
    for n in range(3):
        lunch = replace_entry(entry, f"{OWNER}/main/lunch{n}")
        desk.company.add(lunch)
        desk.company.take_out(lunch, utc("2027-03-16"))
    before = len(desk.google.requests)

    changes = desk.calendar.changes(token)

    assert (changes.changed, changes.gone, changes.unreadable) == ((), (), {})
    assert len(desk.google.requests) - before == 1
    assert desk.calendar.changes(changes.token).token == changes.token


def replace_entry(entry: Entry, name: str) -> Entry:
    made = deepcopy(entry)
    made.id, made.uid, made.properties = name, f"{name.rpartition('/')[2]}@google.com", {}
    return made


def test_how_many_requests_each_operation_takes(desk: Desk) -> None:
    """In the process that wrote them; a new one reads a single event first."""

    def counted(act: Callable[[], object]) -> int:
        before = len(desk.google.requests)
        act()
        return len(desk.google.requests) - before

    calendar = desk.calendar
    meeting, series = desk.create(MEETING), desk.create(OFF)
    assert counted(lambda: desk.create(replace(MEETING, uid="other-12345678@beklijf"))) == 1
    assert counted(lambda: desk.create(replace(OFF, uid="more-12345678@beklijf"))) == 1
    assert counted(lambda: desk.create(replace(SERIES, uid="moved-12345678@beklijf"))) == 6
    assert counted(lambda: calendar.changes(None)) == 1
    assert counted(lambda: calendar.changes(calendar.changes(None).token)) == 2
    assert counted(lambda: calendar.fetch(series.href)) == 1
    assert counted(lambda: desk.update(meeting, replace(MEETING, location="Zaal 9"), "place")) == 1
    assert counted(lambda: desk.update(series, replace(OFF, location="Zaal 9"), "place")) == 2
    series = calendar.fetch(series.href)
    one = replace(series.event, overrides=(Override(utc("2027-03-16"), None), *OFF.overrides))
    assert counted(lambda: desk.update(series, one, "single")) == 4
    assert counted(calendar.waiting) == 0
    assert counted(lambda: calendar.delete(calendar.fetch(meeting.href))) == 2
    assert counted(lambda: calendar.delete(calendar.fetch(series.href))) == 4


# -- refusals ----------------------------------------------------------------------------------------------------------

ERRORS = [
    (400, "invalid", Refused),
    (403, "rateLimitExceeded", Transient),
    (403, "userRateLimitExceeded", Transient),
    (403, "quotaExceeded", Transient),
    (429, "rateLimitExceeded", Transient),
    (403, "forbidden", Refused),
    (403, "forbiddenForNonOrganizer", Refused),
    (403, "forbiddenForServiceAccounts", Down),
    (403, "requiredAccessLevel", Down),
    (403, "notACalendarUser", Down),
    (403, "accessNotConfigured", Down),
    (403, "insufficientPermissions", Down),
    (500, "backendError", Transient),
    (503, "backendError", Transient),
]


@pytest.mark.parametrize(("status", "reason", "error"), ERRORS)
def test_each_refusal_of_a_new_event_has_its_meaning(desk: Desk, status: int, reason: str, error: type[BackendError]) -> None:
    desk.google.moods.append(Mood(status, reason, {"Retry-After": "120"} if error is Transient else {}))

    with pytest.raises(error) as caught:
        desk.create(MEETING)

    assert type(caught.value) is error
    assert OWNER in str(caught.value)
    if isinstance(caught.value, Transient):
        assert caught.value.retry_after == 120
    assert desk.create(MEETING).event == MEETING


@pytest.mark.parametrize(("status", "reason", "error"), ERRORS)
def test_a_refused_reading_is_the_same_and_loses_nothing(desk: Desk, status: int, reason: str, error: type[BackendError]) -> None:
    token = desk.calendar.changes(None).token
    stored = desk.create(MEETING)
    desk.google.moods.append(Mood(status, reason))
    if status == 400:  # what a sync token that isn't theirs is answered with
        assert desk.calendar.changes(token).full
        return

    with pytest.raises(error):
        desk.calendar.changes(token)

    assert desk.calendar.changes(token).changed == (stored,)


def test_a_refusal_while_somebody_writes_is_a_conflict_and_nothing_is_written(desk: Desk) -> None:
    stored = desk.create(MEETING)
    desk.google.moods.append(Mood(412, "conditionNotMet"))

    with pytest.raises(Conflict):
        desk.update(stored, replace(MEETING, location="Zaal 9"), "place")

    assert desk.calendar.fetch(stored.href) == stored


def test_a_connection_that_is_cut_off_may_come_back(desk: Desk) -> None:
    desk.google.moods.append(Mood(dropped="before"))

    with pytest.raises(Transient):
        desk.calendar.changes(None)

    assert desk.calendar.changes(None).changed == ()


def test_an_answer_of_somebody_in_between_is_no_empty_calendar(desk: Desk) -> None:
    stored = desk.create(OFF)
    token = desk.calendar.changes(None).token
    for act in (
        lambda: desk.calendar.changes(None),
        lambda: desk.calendar.changes(token),
        lambda: desk.calendar.fetch(stored.href),
        lambda: desk.calendar.busy((person(MENTEE),), START, END),
        lambda: desk.create(MEETING),
        desk.calendar.check,
    ):
        desk.google.moods.append(Mood(200))

        with pytest.raises(Transient, match="none of Google's"):
            act()

    assert desk.calendar.changes(None).changed == (stored,)


def test_what_is_ours_is_found_by_its_property_by_whoever_looks(desk: Desk) -> None:
    stored = desk.create(OFF)
    rest = ServiceAccount(desk.google.service.tokens.google(desk.google.url)).rest(OWNER)

    reply = rest.request("GET", "/calendars/primary/events", params={"privateExtendedProperty": f"beklijf-uid={OFF.uid}"})

    assert [item["id"] for item in reply.body["items"]] == [stored.href]
    rest.close()


def test_a_token_that_ran_out_is_replaced_at_once(desk: Desk) -> None:
    stored = desk.create(MEETING)
    desk.google.service.tokens.issued.clear()

    assert desk.calendar.fetch(stored.href) == stored


# -- who we are --------------------------------------------------------------------------------------------------------


def test_checking_says_who_acts_and_what_may_be_done(desk: Desk) -> None:
    assert desk.calendar.check() == f'google {OWNER}: "{OWNER}" may be written (Europe/Amsterdam); Google sends invitations'


def test_an_organizer_who_is_no_user_takes_the_backend_down(desk: Desk) -> None:
    desk.google.service.tokens.users.discard(OWNER)

    for act in (desk.calendar.check, lambda: desk.calendar.changes(None), lambda: desk.create(MEETING)):
        with pytest.raises(Down, match=OWNER) as caught:
            act()
        assert "user" in caught.value.hint


def test_an_organizer_without_a_calendar_takes_the_backend_down(desk: Desk) -> None:
    desk.google.service.switched_off.add(OWNER)

    with pytest.raises(Down, match="notACalendarUser") as caught:
        desk.calendar.changes(None)

    assert "Google Calendar" in caught.value.hint


def test_a_scope_that_nobody_granted_takes_the_backend_down_and_says_where_to_grant_it(desk: Desk) -> None:
    desk.google.service.tokens.granted.clear()

    with pytest.raises(Down) as caught:
        desk.calendar.check()

    assert "Domain-wide delegation" in caught.value.hint


def test_a_calendar_that_may_only_be_read_is_named(desk: Desk) -> None:
    desk.google.service.roles[OWNER] = "reader"

    with pytest.raises(Down, match="may be read, but not written"):
        desk.calendar.check()
    with pytest.raises(Down, match="requiredAccessLevel"):
        desk.create(MEETING)


def test_a_named_calendar_is_made_once_and_found_again(desk: Desk, opened: Opener) -> None:
    settings = settings_of(desk.google, "Mentorgesprekken")
    calendar = opened(settings)
    assert "will be made" in calendar.check()
    stored = calendar.create(MEETING, sequence=0, agent=Agent.SERVER)

    found = opened(settings)

    assert found.changes(None).changed == (stored,)
    assert "may be written" in found.check()
    assert list(desk.company.mailboxes[OWNER].folders.values()) == ["Calendar", "Mentorgesprekken"]
    assert stored.event.organizer == MEETING.organizer  # and not the calendar, which Google names as its organizer
    assert desk.calendar.changes(None).changed == ()


def test_a_named_calendar_that_was_deleted_is_no_empty_one(desk: Desk, opened: Opener) -> None:
    calendar = opened(settings_of(desk.google, "Mentorgesprekken"))
    stored = calendar.create(MEETING, sequence=0, agent=Agent.SERVER)
    token = calendar.changes(None).token
    desk.company.remove_folder(OWNER, next(key for key in desk.company.mailboxes[OWNER].folders if key != "main"))

    for act in (
        lambda: calendar.changes(token),
        lambda: calendar.fetch(stored.href),
        lambda: calendar.seek([stored.href]),
        lambda: opened(settings_of(desk.google, "Mentorgesprekken")).seek([stored.href]),
        lambda: calendar.delete(stored),
        lambda: calendar.update(stored, MEETING, frozenset({"place"}), sequence=1, agent=Agent.SERVER),
    ):
        with pytest.raises(Down, match='no calendar "Mentorgesprekken"'):
            act()


# -- a crash at each request -------------------------------------------------------------------------------------------


def go_on(calendar: GoogleCalendar, wanted: Event | None, uid: str) -> Stored | None:
    """Do what the engine does after a crash: look, and bring what is there to what is wanted; by itself at most once more."""
    for _ in range(3):
        there = {stored.event.uid: stored for stored in calendar.changes(None).changed}.get(uid)
        try:
            if wanted is None:
                if there is None:
                    return None
                calendar.delete(there)
            elif there is None:
                calendar.create(wanted, sequence=0, agent=Agent.SERVER)
            elif fields := merge.differences(there.event, wanted):
                names = frozenset(merge.name(field) for field in fields)
                calendar.update(there, wanted, names, sequence=1, agent=Agent.SERVER)
            else:
                return there
        except (Conflict, Exists, Missing):
            continue
    raise AssertionError("not at rest after three rounds")


MOVED = replace(
    SERIES,
    start=at("2027-03-04", 14),
    recurrence=Recurrence(2, utc("2027-06-24", 14)),
    overrides=(Override(utc("2027-04-29", 14), None), Override(utc("2027-05-13", 14), utc("2027-05-14", 9), 30)),
)
OTHERS = replace(
    OFF, overrides=(Override(utc("2027-03-16"), utc("2027-03-17", 9), 30), Override(utc("2027-04-27"), None)), location="Zaal 9"
)
STORIES: dict[str, tuple[Event | None, Event | None]] = {
    "a new meeting": (None, MEETING),
    "a new series with days off": (None, OFF),
    "a new series with a moved meeting": (None, SERIES),
    "another place": (OFF, replace(OFF, location="Zaal 9")),
    "another day": (OFF, MOVED),
    "other single meetings": (OFF, OTHERS),
    "other people": (SERIES, replace(SERIES, people=(KARIM, NOOR))),
    "a meeting at another time": (MEETING, replace(MEETING, start=at("2027-01-08", 9))),
    "no meeting": (MEETING, None),
    "no series": (SERIES, None),
}
LONGEST = 9
"""Requests that any of these takes, reading included."""


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_request_makes_no_second_event_and_no_second_invitation(desk: Desk, story: str, when: str) -> None:
    before, wanted = STORIES[story]
    uid = (wanted or before or MEETING).uid
    desk.google.service.hire(NOOR.email, NOOR.name)

    def told() -> dict[str, list[str]]:
        found = {}
        for address in (MENTOR, MENTEE, NOOR.email):
            mailbox = desk.company.mailboxes[address]
            found[address], mailbox.news = mailbox.news, []
        return found

    def begin() -> GoogleCalendar:
        for name in list(desk.company.entries):
            if name in desk.company.entries:
                desk.company.remove(desk.company.entries[name])
        desk.google.service.shelves = Shelves(desk.company)  # no id is taken
        calendar = desk.open()
        if before is not None:
            calendar.create(before, sequence=0, agent=Agent.SERVER)
        told()
        return calendar

    calm = begin()
    first = len(desk.google.requests)
    go_on(calm, wanted, uid)
    taken, expected = len(desk.google.requests) - first, told()
    assert 2 <= taken <= LONGEST
    for n in range(taken):
        calendar = begin()
        desk.google.moods = [*[None] * n, Mood(dropped="before" if when == "before" else "after")]
        with pytest.raises(Transient):
            go_on(calendar, wanted, uid)
        desk.google.moods = []

        result = go_on(desk.open(), wanted, uid)

        assert (result and result.event) == wanted
        assert len(desk.company.inside(OWNER, "main")) == (wanted is not None)
        assert told() == expected, f"request {n} of {taken}"

"""The merge of one event, row by row of its table, and what holds for any four values of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.decide.merge import (
    as_configured,
    as_named,
    differences,
    ended,
    fields,
    half_made,
    human_fields,
    merge,
    name,
    rebase,
    single_field,
    take,
)
from beklijf.ical import ics
from beklijf.model import canonical
from beklijf.model.domain import Contact, Event, Override, Recurrence

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2027, 1, 1, 12, 0, tzinfo=UTC)
FIRST = datetime(2027, 1, 21, 15, 0, tzinfo=AMSTERDAM)
FORTNIGHT = timedelta(weeks=2)
SANNE, KARIM, NOOR = (Contact(who.title(), f"{who}@voorbeeld.example") for who in ("sanne", "karim", "noor"))

MEETING = Event(
    uid="1@beklijf",
    start=FIRST,
    minutes=60,
    recurrence=None,
    overrides=(),
    title="Mentorgesprek",
    text="Wat ga je anders doen?",
    location="Zaal 1",
    organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
    people=(KARIM, SANNE),
    alarms=(),
    free=False,
)


def place(nth: int) -> datetime:
    """Return where the rhythm of the series has its nth meeting, from 0."""
    return (FIRST + nth * FORTNIGHT).astimezone(UTC)


SERIES = replace(MEETING, recurrence=Recurrence(2, place(5)))
LATER = timedelta(hours=2)


# -- the table, row by row ---------------------------------------------------------------------------------------------


def test_what_is_found_as_we_want_it_is_agreed_and_not_written() -> None:
    wanted = replace(MEETING, location="Zaal 2")

    merged = merge(asked=MEETING, seen=MEETING, server=wanted, desired=wanted, now=NOW)

    assert merged.asked == merged.seen == wanted
    assert merged.write == frozenset()
    assert human_fields(merged.asked, merged.seen) == frozenset()


def test_nothing_happens_where_nobody_changed_anything() -> None:
    merged = merge(asked=MEETING, seen=MEETING, server=MEETING, desired=MEETING, now=NOW)

    assert (merged.asked, merged.seen) == (MEETING, MEETING)
    assert merged.write == merged.theirs == merged.refused == frozenset()


def test_what_only_we_changed_is_written() -> None:
    wanted = replace(MEETING, location="Zaal 2", text="Anders")

    merged = merge(asked=MEETING, seen=MEETING, server=MEETING, desired=wanted, now=NOW)

    assert merged.write == {"place", "text"}
    assert merged.asked == merged.seen == wanted


def test_what_only_a_person_changed_stays_and_is_theirs() -> None:
    moved = replace(MEETING, start=FIRST + LATER)

    merged = merge(asked=MEETING, seen=MEETING, server=moved, desired=MEETING, now=NOW)

    assert merged.write == frozenset()
    assert merged.theirs == {"time"}
    assert merged.seen == moved
    assert merged.asked == MEETING


def test_a_persons_field_is_refused_to_us_when_both_changed_it_at_once() -> None:
    moved, wanted = replace(MEETING, start=FIRST + LATER), replace(MEETING, start=FIRST - LATER)

    merged = merge(asked=MEETING, seen=MEETING, server=moved, desired=wanted, now=NOW)

    assert merged.refused == {"time"}
    assert merged.seen == moved
    assert merged.asked == wanted


def test_a_field_that_a_person_changed_long_ago_is_still_theirs() -> None:
    edited, wanted = replace(MEETING, location="De tuin"), replace(MEETING, location="Zaal 2")

    merged = merge(asked=MEETING, seen=edited, server=edited, desired=wanted, now=NOW)

    assert merged.refused == {"place"}
    assert merged.write == frozenset()
    assert merged.seen.location == "De tuin"


def test_a_field_is_ours_again_once_its_person_put_it_back() -> None:
    edited = replace(MEETING, location="De tuin")

    back = merge(asked=MEETING, seen=edited, server=MEETING, desired=MEETING, now=NOW)
    then = merge(asked=back.asked, seen=back.seen, server=MEETING, desired=replace(MEETING, location="Zaal 2"), now=NOW)

    assert then.write == {"place"}


def test_one_field_of_a_person_keeps_no_other_field_from_us() -> None:
    edited, wanted = replace(MEETING, location="De tuin"), replace(MEETING, location="Zaal 2", people=(NOOR, SANNE))

    merged = merge(asked=MEETING, seen=MEETING, server=edited, desired=wanted, now=NOW)

    assert merged.write == {"people"}
    assert merged.refused == {"place"}
    assert merged.seen == replace(edited, people=(NOOR, SANNE))


# -- meetings of a series ----------------------------------------------------------------------------------------------


def test_each_meeting_of_a_series_is_a_field_of_its_own() -> None:
    moved = replace(SERIES, overrides=(Override(place(1), place(1) + LATER, 60),))
    wanted = replace(SERIES, overrides=(Override(place(3), None),))

    merged = merge(asked=SERIES, seen=SERIES, server=moved, desired=wanted, now=NOW)

    assert merged.write == {"single"}
    assert merged.seen.overrides == (Override(place(1), place(1) + LATER, 60), Override(place(3), None))
    assert human_fields(merged.asked, merged.seen) == {single_field(place(1))}


def test_a_meeting_that_has_been_is_left_as_it_is() -> None:
    wanted = replace(SERIES, overrides=(Override(place(0), None),))

    merged = merge(asked=SERIES, seen=SERIES, server=SERIES, desired=wanted, now=FIRST + LATER)

    assert merged.write == frozenset()
    assert merged.seen == SERIES


def test_a_series_with_a_meeting_that_people_moved_is_not_moved_under_them() -> None:
    moved = replace(SERIES, overrides=(Override(place(1), place(1) + LATER, 60),))
    wanted = replace(SERIES, start=FIRST + LATER, recurrence=Recurrence(2, place(5) + LATER), location="Zaal 2")

    merged = merge(asked=SERIES, seen=moved, server=moved, desired=wanted, now=NOW)

    assert merged.write == {"place"}
    assert merged.refused == {"time", "recurrence"}
    assert merged.seen == replace(moved, location="Zaal 2")


def test_a_series_that_begins_later_and_ends_where_it_did_says_so() -> None:
    """Told of the time alone, a calendar would keep the number of meetings: those of a person who made it longer."""
    later = replace(SERIES, start=FIRST + FORTNIGHT)
    longer = replace(SERIES, recurrence=Recurrence(2, place(7)))

    ours = merge(asked=SERIES, seen=SERIES, server=SERIES, desired=later, now=NOW)
    theirs = merge(asked=SERIES, seen=longer, server=longer, desired=later, now=NOW)

    assert ours.seen == later
    assert ours.write == {"time", "recurrence"}
    assert theirs.write == {"time"}


def test_a_series_that_is_moved_takes_its_days_off_along() -> None:
    before = replace(SERIES, overrides=(Override(place(1), None),))
    wanted = replace(SERIES, start=FIRST + LATER, recurrence=Recurrence(2, place(5) + LATER), overrides=(Override(place(2) + LATER, None),))

    merged = merge(asked=before, seen=before, server=before, desired=wanted, now=NOW)

    assert merged.seen == wanted


# -- the continuation of a begun series --------------------------------------------------------------------------------


BEGUN = FIRST + LATER


def fortnightly(zone: str, hour: int, **changes: object) -> Event:
    """Return a series from 2 March to 25 May 2027 of which the meeting of 30 March is off."""
    clock = ZoneInfo(zone)
    first, off, last = (datetime(2027, month, day, hour, tzinfo=clock) for month, day in ((3, 2), (3, 30), (5, 25)))
    recurrence = Recurrence(2, last.astimezone(UTC))
    made = replace(SERIES, start=first, recurrence=recurrence, overrides=(Override(off.astimezone(UTC), None),))
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (fortnightly("Europe/London", 10), fortnightly("Atlantic/Reykjavik", 10)),
        (fortnightly("America/New_York", 4), fortnightly("Europe/Amsterdam", 10)),
        (fortnightly("Europe/London", 10), fortnightly("UTC", 10)),
    ],
    ids=["London to Reykjavik", "New York to Amsterdam", "London to UTC"],
)
def test_the_zone_of_a_series_is_part_of_its_time(before: Event, after: Event) -> None:
    """Both begin at the same instant; some meetings of one are an hour off from those of the other."""
    assert before.start == after.start

    merged = merge(asked=before, seen=before, server=before, desired=after, now=NOW)

    assert "time" in merged.write
    assert (merged.seen.start.tzinfo, merged.seen.overrides) == (after.start.tzinfo, after.overrides)
    assert differences(merged.seen, after) == frozenset()
    assert differences(after, before) >= {"time"}


def test_a_zone_by_another_name_with_the_same_clock_is_no_change() -> None:
    assert differences(fortnightly("Europe/Amsterdam", 10), fortnightly("Europe/Berlin", 10)) == frozenset()


def test_zones_that_differ_after_the_last_meeting_only_are_no_change() -> None:
    winter = Recurrence(2, datetime(2027, 3, 16, 10, tzinfo=UTC))

    assert (
        differences(
            fortnightly("Europe/London", 10, recurrence=winter, overrides=()),
            fortnightly("Atlantic/Reykjavik", 10, recurrence=winter, overrides=()),
        )
        == frozenset()
    )


def test_a_clock_without_a_name_is_the_zone_that_was_asked_for_where_it_has_its_hours() -> None:
    asked = fortnightly("Europe/Amsterdam", 10)
    data = ics.build(asked, sequence=0, stamp=NOW).replace(b"Europe/Amsterdam", b"Customized Time Zone")
    own = ics.read(data).event

    assert differences(asked, own) == frozenset()
    assert as_named(own, asked).start.tzinfo == asked.start.tzinfo
    assert as_named(own, fortnightly("Africa/Lagos", 10)).start.tzinfo == ZoneInfo("UTC")


def test_a_begun_series_keeps_its_start_and_loses_only_meetings_to_come() -> None:
    wanted = replace(SERIES, start=FIRST + FORTNIGHT, overrides=(Override(place(3), None),))

    rebased = rebase(wanted, SERIES, BEGUN)

    assert rebased is not None
    assert rebased.start == FIRST
    assert canonical.meetings(rebased) == (place(0), place(1), place(2), place(4), place(5))


def test_a_begun_series_may_become_longer_or_shorter() -> None:
    for last in (2, 8):
        rebased = rebase(replace(SERIES, recurrence=Recurrence(2, place(last))), SERIES, BEGUN)

        assert rebased is not None
        assert canonical.meetings(rebased)[-1] == place(last)


@pytest.mark.parametrize(
    "wanted",
    [
        replace(SERIES, start=FIRST + LATER, recurrence=Recurrence(2, place(5) + LATER)),
        replace(SERIES, start=FIRST + timedelta(days=7), recurrence=Recurrence(2, place(5) + timedelta(days=7))),
        replace(SERIES, minutes=30),
    ],
    ids=["another hour", "the other week", "another length"],
)
def test_a_begun_series_cannot_go_on_in_another_rhythm(wanted: Event) -> None:
    assert rebase(wanted, SERIES, BEGUN) is None


def test_a_series_that_had_ended_goes_on_without_meetings_after_the_fact() -> None:
    short = replace(SERIES, recurrence=Recurrence(2, place(1)))

    rebased = rebase(replace(SERIES, overrides=()), short, place(3) + LATER)

    assert rebased is not None
    assert canonical.meetings(rebased) == (place(0), place(1), place(4), place(5))


def test_nothing_goes_on_from_a_rhythm_that_we_cannot_read() -> None:
    assert rebase(SERIES, MEETING, BEGUN) is None
    assert rebase(SERIES, replace(SERIES, recurrence=Recurrence(0, place(5), "FREQ=MONTHLY")), BEGUN) is None


def test_an_ended_series_keeps_what_has_been_and_what_became_of_it() -> None:
    lived = replace(SERIES, overrides=(Override(place(0), place(0) + LATER, 60), Override(place(4), None)))

    stopped = ended(lived, FIRST + FORTNIGHT + LATER)

    assert stopped is not None
    assert canonical.meetings(stopped) == (place(0) + LATER, place(1))


def test_a_series_of_which_nothing_has_been_ends_as_nothing() -> None:
    assert ended(SERIES, NOW) is None
    assert ended(MEETING, NOW) is None


def test_a_meeting_that_has_been_ends_as_itself() -> None:
    assert ended(MEETING, BEGUN) == MEETING


# -- any four values ---------------------------------------------------------------------------------------------------


@st.composite
def events(draw: st.DrawFn) -> Event:
    """One state of the same series: few values, so that two of them often agree."""
    shift = draw(st.sampled_from([timedelta(), LATER]))
    last = draw(st.sampled_from([3, 5]))
    overrides = []
    for nth in draw(st.sets(st.integers(0, last), max_size=3)):
        at = place(nth) + shift
        overrides.append(Override(at, *draw(st.sampled_from([(None, 0), (at + timedelta(hours=5), 45)]))))
    return replace(
        SERIES,
        start=FIRST + shift,
        recurrence=Recurrence(2, place(last) + shift),
        overrides=tuple(sorted(overrides, key=lambda override: override.at)),
        location=draw(st.sampled_from(["Zaal 1", "Zaal 2"])),
        text=draw(st.sampled_from(["Kort", "Lang"])),
        people=draw(st.sampled_from([(KARIM, SANNE), (NOOR, SANNE)])),
    )


@given(asked=events(), seen=events(), server=events(), desired=events())
def test_merging_twice_changes_nothing_more(asked: Event, seen: Event, server: Event, desired: Event) -> None:
    once = merge(asked=asked, seen=seen, server=server, desired=desired, now=NOW)
    again = merge(asked=once.asked, seen=once.seen, server=once.seen, desired=desired, now=NOW)

    assert again.write == frozenset()
    assert again.seen == once.seen
    assert again.theirs == frozenset()


@given(asked=events(), seen=events(), server=events(), desired=events())
def test_what_a_person_owns_stays_as_it_is(asked: Event, seen: Event, server: Event, desired: Event) -> None:
    merged = merge(asked=asked, seen=seen, server=server, desired=desired, now=NOW)

    owned = {f for f in human_fields(asked, seen) | differences(seen, server) if fields(server).get(f) != fields(desired).get(f)}
    if "time" in merged.write:
        owned = {f for f in owned if name(f) != "single"}  # only meetings that we had cancelled or moved ourselves
    assert {f: fields(merged.seen).get(f) for f in owned} == {f: fields(server).get(f) for f in owned}


@given(asked=events(), seen=events(), server=events(), desired=events())
def test_no_meeting_that_a_person_moved_is_thrown_away(asked: Event, seen: Event, server: Event, desired: Event) -> None:
    merged = merge(asked=asked, seen=seen, server=server, desired=desired, now=NOW)

    theirs = set(server.overrides) - set(asked.overrides) - set(desired.overrides)
    assert theirs <= set(merged.seen.overrides)


@given(asked=events(), desired=events())
def test_nothing_is_refused_where_no_person_changed_anything(asked: Event, desired: Event) -> None:
    merged = merge(asked=asked, seen=asked, server=asked, desired=desired, now=NOW)

    assert merged.refused == frozenset()
    assert merged.seen == merged.asked == desired


@given(one=events(), other=events())
def test_taking_all_that_differs_gives_the_other(one: Event, other: Event) -> None:
    assert take(one, other, differences(one, other)) == other
    assert take(one, other, ()) == one


def past_of(event: Event, now: datetime) -> set[datetime]:
    """Return where the rhythm had the meetings that took place, then or at another hour."""
    return {at for at in canonical.occurrences(event) if at <= now} - {
        override.at for override in event.overrides if override.start is None
    }


@given(desired=events(), onto=events(), weeks=st.integers(0, 12))
def test_a_continuation_has_the_meetings_that_are_wanted_and_the_past_that_was(desired: Event, onto: Event, weeks: int) -> None:
    now = (FIRST + timedelta(weeks=weeks, hours=12)).astimezone(UTC)

    rebased = rebase(desired, onto, now)

    if rebased is not None:
        assert past_of(rebased, now) == past_of(onto, now)
        held = set(canonical.occurrences(rebased)) - {override.at for override in rebased.overrides}
        assert {at for at in held if at > now} == {
            at for at in set(canonical.occurrences(desired)) - {s.at for s in desired.overrides} if at > now
        }
        assert rebase(desired, rebased, now) == rebased


# -- cut off while it was made ---------------------------------------------------------------------------------------------


def test_an_event_that_was_cut_off_before_its_attendees_is_finished_and_nothing_in_it_is_taken_for_a_persons_edit() -> None:
    wanted = replace(SERIES, overrides=(Override(place(1), None), Override(place(3), None)))
    half = replace(wanted, people=(), overrides=wanted.overrides[:1], location="Zaal 2")
    asked = half_made(wanted, half)
    assert asked is not None

    merged = merge(asked=asked, seen=asked, server=half, desired=wanted, now=NOW)

    assert merged.write == {"people", "single"}
    assert merged.theirs == {"place"}
    assert merged.asked == wanted
    assert merged.seen == replace(wanted, location="Zaal 2")


@pytest.mark.parametrize(
    ("asked", "server"), [(SERIES, replace(SERIES, people=(NOOR,))), (replace(MEETING, people=()), replace(MEETING, people=()))]
)
def test_an_event_with_its_attendees_or_one_for_nobody_was_not_cut_off(asked: Event, server: Event) -> None:
    assert half_made(asked, server) is None


# -- the addresses that a server hands back ----------------------------------------------------------------------------------


def test_an_attendee_under_another_address_of_the_same_person_is_nobodys_edit() -> None:
    emails = dict.fromkeys((KARIM.email, "k.bakker@voorbeeld.example"), KARIM.email) | {SANNE.email: SANNE.email}
    handed_back = replace(MEETING, people=(Contact("K. Bakker", "K.Bakker@voorbeeld.example"), SANNE, NOOR))

    found = as_configured(handed_back, emails)

    assert [contact.email for contact in found.people] == [KARIM.email, NOOR.email, SANNE.email]
    assert differences(found, replace(MEETING, people=(KARIM, NOOR, SANNE))) == frozenset()


def test_who_stands_in_it_under_both_addresses_stays_twice() -> None:
    emails = {KARIM.email: KARIM.email, "k.bakker@voorbeeld.example": KARIM.email}
    both = replace(MEETING, people=(Contact("K. Bakker", "k.bakker@voorbeeld.example"), KARIM))

    assert as_configured(both, emails) == both

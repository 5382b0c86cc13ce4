"""Whose an event is, where it is, and that its one spelling keeps all of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.programme import KARIM, KEY, ORGANISATION, SANNE, SOMEBODY, item, plan, training

from beklijf.decide import merge
from beklijf.model import canonical
from beklijf.model.domain import Item, Programme
from beklijf.planning.events import Writer

if TYPE_CHECKING:
    from beklijf.model.domain import Event

TRACK = plan(training("12 Jan"))[KEY]
OWN = Programme(organisation=ORGANISATION, organizer=SOMEBODY, trainings={}, tracks={}, organized_by="mentee", own_reminders=True)


class Plain:
    version = ""

    def event(self, item: Item, programme: Programme) -> tuple[str, str]:
        return item.rule, programme.organisation.name


def written(made: Item, programme: Programme) -> Event:
    return Writer(installation="Voorbeeld", programme=programme, texts=Plain()).event(made)


@pytest.mark.parametrize(
    ("name", "programme", "owner", "invited"),
    [
        ("series", replace(OWN, organized_by="service", own_reminders=False), SOMEBODY.email, [KARIM.email, SANNE.email]),
        ("reminder", replace(OWN, organized_by="service", own_reminders=False), SOMEBODY.email, [KARIM.email]),
        ("series", OWN, SANNE.email, [KARIM.email]),
        ("reminder", OWN, KARIM.email, []),
        ("reminder", replace(OWN, own_reminders=False), SOMEBODY.email, [KARIM.email]),
    ],
)
def test_an_event_is_the_services_the_mentees_or_the_mentors_own(name: str, programme: Programme, owner: str, invited: list[str]) -> None:
    event = written(item(TRACK, name), programme)

    assert event.organizer.email == owner
    assert [person.email for person in event.people] == invited


def test_a_teams_meeting_has_no_place_but_what_the_training_says() -> None:
    series = item(TRACK, "series")

    teams = written(replace(series, online="teams", location=""), OWN)
    room = written(replace(series, online="teams", location="Zaal 1"), OWN)
    link = written(replace(series, online="https://meet.example/1", location=""), OWN)

    assert [(e.location, e.online) for e in (teams, room, link)] == [("", True), ("Zaal 1", True), ("https://meet.example/1", False)]
    assert merge.differences(room, replace(room, online=False)) == {"online"}


def test_the_one_spelling_keeps_it_and_an_event_without_is_spelt_as_ever() -> None:
    event = written(item(TRACK, "series"), OWN)
    online = replace(event, online=True)

    assert canonical.load(canonical.dump(online)) == online
    assert canonical.load(canonical.dump(event)) == event
    assert "online" not in canonical.dump(event)

"""What the account may do in its own calendar is proved by `check`, where the server tells."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.fakes.dav import CALENDAR, Dav, dav_server

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.registry import open_calendar
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.domain import Contact
from beklijf.model.errors import Down

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from beklijf.contracts.calendar import Calendar

ORGANIZER = Contact("Mentorprogramma", "mentor@voorbeeld.example")
PRIVILEGES = (CALENDAR, "d:current-user-privilege-set")


@pytest.fixture
def dav() -> Iterator[Dav]:
    with dav_server() as server:
        yield server


@pytest.fixture
def calendar(tmp_path: Path, dav: Dav) -> Iterator[Calendar]:
    (tmp_path / "password").write_text("mentorpw\n", encoding="utf-8")
    maker = CalendarByCaldav(url=dav.url, user="mentor", password=Secret("file", str(tmp_path / "password")))
    settings = CalendarSettings(maker=maker, organizer=ORGANIZER, organized_by="service", invitations="auto", name="Track")
    with closing(open_calendar(settings, ORGANIZER.email)) as opened:
        yield opened


def privileges(*names: str) -> str:
    return "".join(f"<d:privilege><d:{name}/></d:privilege>" for name in names)


@pytest.mark.parametrize("said", [("read",), ("read", "write-properties"), ("read", "write-content")])
def test_a_calendar_that_may_only_be_read_is_no_calendar_to_begin_with(dav: Dav, calendar: Calendar, said: tuple[str, ...]) -> None:
    dav.props[PRIVILEGES] = privileges(*said)

    with pytest.raises(Down, match=r'"Track" at .* may be read, but not written') as caught:
        calendar.check()
    assert "right to write" in caught.value.hint


@pytest.mark.parametrize("said", [("all",), ("read", "write"), ("read", "write-content", "bind", "unbind")])
def test_one_that_may_be_written_is_fine(dav: Dav, calendar: Calendar, said: tuple[str, ...]) -> None:
    dav.props[PRIVILEGES] = privileges(*said)

    assert '"Track" at' in calendar.check()


@pytest.mark.parametrize("status", [403, 404, 500, 501])
def test_where_the_server_tells_nothing_nothing_is_concluded(dav: Dav, calendar: Calendar, status: int) -> None:
    dav.parts[PRIVILEGES] = status
    assert '"Track" at' in calendar.check()

    dav.moods.append(lambda asked: asked.wants("current-user-privilege-set") and asked.say(status))
    assert '"Track" at' in calendar.check()

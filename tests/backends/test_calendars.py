"""What every calendar backend does, on a folder and on two real CalDAV servers."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.backends.calendar_contract import CaldavContract, ICalendarContract, Opener, World, caldav_world
from tests.backends.examples import MEETING, ORGANIZER, OWNER, REMINDER, SERIES
from tests.fakes.settings import with_maker

from beklijf.backends.caldav.settings import CalendarByCaldav
from beklijf.backends.folder.settings import CalendarInFolder
from beklijf.boundary.credentials import Secret
from beklijf.contracts.settings import CalendarSettings
from beklijf.model.errors import BackendError, Down, Refused, Transient
from beklijf.model.stored import Agent

if TYPE_CHECKING:
    from tests.caldav_servers import Plain, Server


class TestFolder(ICalendarContract):
    @pytest.fixture
    def world(self, opened: Opener, tmp_path: Path) -> World:
        settings = CalendarSettings(maker=CalendarInFolder(path=tmp_path), organizer=ORGANIZER, organized_by="service", invitations="auto")
        folder = tmp_path / OWNER

        def write(href: str, data: bytes) -> None:
            (folder / href).write_bytes(data)

        return World(
            calendar=opened(settings),
            reopened=lambda: opened(settings),
            read=lambda href: (folder / href).read_bytes(),
            write=write,
            remove=lambda href: (folder / href).unlink(),
            place=lambda name: f"{name}.ics",
            requests=lambda: 0,
        )

    def test_a_renamed_file_is_the_same_event(self, world: World, tmp_path: Path) -> None:
        created = world.create(MEETING)
        token = world.calendar.changes(None).token
        (tmp_path / OWNER / created.href).rename(tmp_path / OWNER / "kennismaking.ics")

        changes = world.calendar.changes(token)

        assert [(s.href, s.event) for s in changes.changed] == [("kennismaking.ics", MEETING)]
        assert changes.gone == (created.href,)

    def test_a_copy_of_an_event_is_not_a_second_one(self, world: World, tmp_path: Path) -> None:
        created = world.create(MEETING)
        token = world.calendar.changes(None).token
        (tmp_path / OWNER / "copy.ics").write_bytes(world.read(created.href))

        assert world.calendar.changes(token).changed == ()
        assert [s.href for s in world.calendar.changes(None).changed] == [created.href]

    def test_an_edit_of_the_same_length_right_after_a_reading_is_seen(self, world: World) -> None:
        created = world.create(MEETING)
        token = world.calendar.changes(None).token

        for n in range(20):
            world.edit(created.href, f"Zaal {n % 2 + 1}", f"Zaal {2 - n % 2}")
            changes = world.calendar.changes(token)
            assert [s.event.location for s in changes.changed] == [f"Zaal {2 - n % 2}"]
            token = changes.token

    def test_only_event_files_are_left_behind(self, world: World, tmp_path: Path) -> None:
        created = world.create(MEETING)
        world.update(created, replace(MEETING, location="Zaal 9"), "place")

        assert sorted(p.name for p in (tmp_path / OWNER).iterdir()) == ["displayname", created.href]

    def test_a_uid_with_a_path_in_it_stays_in_the_folder(self, world: World, tmp_path: Path) -> None:
        created = world.create(replace(MEETING, uid="../../etc/x@beklijf"))

        assert [p.name for p in tmp_path.rglob("*.ics")] == [created.href]
        assert (tmp_path / OWNER / created.href).is_file()

    @pytest.mark.parametrize("place", ["", OWNER], ids=["the disk", "the folder"])
    def test_a_folder_that_is_gone_or_has_nothing_in_it_is_an_unmounted_disk(self, world: World, tmp_path: Path, place: str) -> None:
        created = world.create(MEETING)
        shutil.rmtree(tmp_path / place)
        (tmp_path / place).mkdir()

        with pytest.raises(Down) as caught:
            world.calendar.seek([created.href])

        assert "mounted" in caught.value.hint
        assert world.create(MEETING) == created

    def test_a_folder_that_is_meant_to_be_empty_is_believed(self, world: World, tmp_path: Path) -> None:
        created = world.create(MEETING)
        world.remove(created.href)

        assert [path.name for path in (tmp_path / OWNER).iterdir()] == ["displayname"]
        assert world.calendar.seek([created.href]).gone == (created.href,)

    def test_a_folder_that_may_not_be_made_is_down(self, opened: Opener, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("not a folder", encoding="utf-8")
        settings = CalendarSettings(
            maker=CalendarInFolder(path=tmp_path / "file" / "calendars"), organizer=ORGANIZER, organized_by="service", invitations="auto"
        )

        with pytest.raises((Down, Transient)):
            opened(settings).create(MEETING, sequence=0, agent=Agent.NONE)

    def test_khal_shows_the_meetings(self, world: World, tmp_path: Path) -> None:
        for event in (MEETING, SERIES, REMINDER):
            world.create(event)
        config = tmp_path / "khal.conf"
        config.write_text(
            f"[calendars]\n[[mentor]]\npath = {tmp_path / OWNER}\n"
            "[locale]\nlocal_timezone = Europe/Amsterdam\ndefault_timezone = Europe/Amsterdam\n"
            "timeformat = %H:%M\ndateformat = %Y-%m-%d\nlongdateformat = %Y-%m-%d\n"
            "datetimeformat = %Y-%m-%d %H:%M\nlongdatetimeformat = %Y-%m-%d %H:%M\n"
            f"[sqlite]\npath = {tmp_path / 'khal.db'}\n",
            encoding="utf-8",
        )

        shown = _run(
            tmp_path, "khal", "-c", str(config), "list", "-df", "", "-f", "{start-date-long} {start-time} {title}", "2027-01-01", "200d"
        )

        assert shown.split("\n")[:-1] == [
            "2027-01-07 15:00 Kennismaking mentor en Sanne",
            "2027-03-02 10:00 Kennismaking mentor en Sanne",
            "2027-03-16 10:00 Kennismaking mentor en Sanne",
            "2027-03-30 10:00 Kennismaking mentor en Sanne",
            "2027-04-28 11:00 Kennismaking mentor en Sanne",
            "2027-05-04 09:00 Hoe gaat het?",
            "2027-05-11 10:00 Kennismaking mentor en Sanne",
            "2027-05-25 10:00 Kennismaking mentor en Sanne",
            "2027-06-08 10:00 Kennismaking mentor en Sanne",
            "2027-06-22 10:00 Kennismaking mentor en Sanne",
        ]

    def test_vdirsyncer_carries_events_out_and_edits_back(self, world: World, tmp_path: Path) -> None:
        created = world.create(MEETING)
        token = world.calendar.changes(None).token
        config = tmp_path / "vdirsyncer.conf"
        config.write_text(
            f'[general]\nstatus_path = "{tmp_path / "status"}"\n'
            '[pair mentor]\na = "ours"\nb = "theirs"\ncollections = null\nmetadata = ["displayname"]\nconflict_resolution = "b wins"\n'
            f'[storage ours]\ntype = "filesystem"\npath = "{tmp_path / OWNER}"\nfileext = ".ics"\n'
            f'[storage theirs]\ntype = "filesystem"\npath = "{tmp_path / "theirs"}"\nfileext = ".ics"\n',
            encoding="utf-8",
        )
        (tmp_path / "theirs").mkdir()
        _run(tmp_path, "vdirsyncer", "-c", str(config), "discover")
        _run(tmp_path, "vdirsyncer", "-c", str(config), "sync")
        [copy] = (tmp_path / "theirs").glob("*.ics")
        copy.write_bytes(copy.read_bytes().replace(b"Zaal 1", b"Kantine"))

        _run(tmp_path, "vdirsyncer", "-c", str(config), "sync")

        assert [(s.href, s.event.location) for s in world.calendar.changes(token).changed] == [(created.href, "Kantine")]


class TestRadicale(CaldavContract):
    @pytest.fixture
    def settings(self, radicale: Server, password: Path) -> CalendarSettings:
        return _settings(radicale, password)

    @pytest.fixture
    def world(self, opened: Opener, settings: CalendarSettings) -> World:
        return caldav_world(opened, settings)


class TestXandikos(CaldavContract):
    @pytest.fixture
    def settings(self, xandikos: Server, password: Path) -> CalendarSettings:
        return _settings(xandikos, password)

    @pytest.fixture
    def world(self, opened: Opener, settings: CalendarSettings) -> World:
        return caldav_world(opened, settings)


class TestPlainServer(ICalendarContract):
    """A server without sync tokens that says nothing about what it made of a PUT: ETags and reading again must do."""

    @pytest.fixture
    def settings(self, plain: Plain, password: Path) -> CalendarSettings:
        return _settings(plain, password)

    @pytest.fixture
    def world(self, opened: Opener, settings: CalendarSettings) -> World:
        return caldav_world(opened, settings)

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (403, Refused),
            (404, Transient),
            (409, Transient),
            (413, Refused),
            (423, Transient),
            (429, Transient),
            (502, Transient),
            (503, Transient),
            (507, Down),
            (401, Down),
        ],
    )
    def test_each_refusal_of_a_new_event_has_its_meaning(self, world: World, plain: Plain, status: int, error: type[BackendError]) -> None:
        world.create(MEETING)
        plain.mood.append((status, {}))

        with pytest.raises(error) as caught:
            world.create(SERIES)

        assert type(caught.value) is error
        assert world.create(SERIES).event == SERIES

    def test_a_server_that_asks_for_patience_is_believed(self, world: World, plain: Plain) -> None:
        world.create(MEETING)
        plain.mood.append((503, {"Retry-After": "120"}))

        with pytest.raises(Transient) as caught:
            world.calendar.changes(None)

        assert caught.value.retry_after == 120

    def test_a_token_is_sent_as_bearer(self, opened: Opener, plain: Plain, settings: CalendarSettings) -> None:
        with pytest.raises(Down):
            opened(with_maker(settings, auth="bearer")).check()

        assert plain.authorizations[0] == "Bearer mentorpw"

    def test_a_calendar_that_is_gone_is_not_an_empty_one(self, world: World) -> None:
        created = world.create(MEETING)
        token = world.calendar.changes(None).token
        world.remove(created.href.rpartition("/")[0] + "/")

        with pytest.raises(Down):
            world.calendar.changes(token)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("mentorpw\n", encoding="utf-8")
    return path


def _run(home: Path, command: str, *arguments: str) -> str:
    """Run a program that is installed beside our own Python, with nothing of its own at home."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "Europe/Amsterdam"}
    program = Path(sys.executable).with_name(command)
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, input="y\n", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _settings(server: Server, password: Path) -> CalendarSettings:
    return CalendarSettings(
        maker=CalendarByCaldav(url=server.url, user=server.account(), password=Secret("file", str(password)), ca=server.ca),
        organizer=ORGANIZER,
        organized_by="service",
        invitations="auto",
        name="Mentor & meer",
    )

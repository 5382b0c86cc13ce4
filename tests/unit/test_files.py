"""Files are whole or not there, and nothing is written through a link that somebody put there."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from beklijf.backends.folder.calendar import FolderCalendar
from beklijf.backends.folder.settings import CalendarInFolder
from beklijf.boundary import files
from beklijf.contracts.settings import CalendarSettings
from beklijf.ledger.locks import locked
from beklijf.model.domain import Contact
from beklijf.model.errors import StateError, UsageError
from beklijf.rehearse import sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOBODY = 65534

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")


@pytest.fixture
def mask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "victim"
    path.write_bytes(b"a ledger, say")
    return path


def write(folder: Path, name: str, data: bytes = b"new", **options: bool) -> None:
    with files.folder(folder) as descriptor:
        files.write(descriptor, name, data, **options)


def test_a_file_takes_the_place_of_a_link_and_what_it_led_to_stays(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "a").symlink_to(victim)

    write(tmp_path, "a")

    assert victim.read_bytes() == b"a ledger, say"
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"


@pytest.mark.parametrize("there", ["file", "link", "dangling"])
def test_what_has_to_be_new_takes_nobodys_place(tmp_path: Path, victim: Path, there: str) -> None:
    if there == "file":
        (tmp_path / "a").write_bytes(b"old")
    else:
        (tmp_path / "a").symlink_to(victim if there == "link" else tmp_path / "nothing")

    with pytest.raises(FileExistsError):
        write(tmp_path, "a", anew=True)

    assert victim.read_bytes() == b"a ledger, say"
    assert {path.name for path in tmp_path.iterdir()} == {"a", "victim"}


@pytest.mark.usefixtures("mask")
def test_a_private_file_is_private_under_any_umask(tmp_path: Path) -> None:
    write(tmp_path, "open")
    os.umask(0o777)
    write(tmp_path, "shut")

    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("open", "shut")] == [0o600, 0o600]


def test_a_folder_below_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "new").symlink_to(tmp_path / "elsewhere")

    with files.folder(tmp_path / "box") as box, pytest.raises(OSError, match="new"), files.below(box, "new", make=0o700):
        pass


def test_a_folder_that_the_administrator_made_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "disk")

    write(tmp_path / "state", "a")
    with locked(tmp_path / "state" / "beklijf.sqlite3", "tick"):
        pass

    assert {path.name for path in (tmp_path / "disk").iterdir()} == {"a", "beklijf.sqlite3.tick.lock"}


def test_a_lock_is_not_taken_through_a_link_and_is_private(tmp_path: Path, victim: Path) -> None:
    (tmp_path / "s.tick.lock").symlink_to(victim)
    with pytest.raises(StateError, match="symbolic links"), locked(tmp_path / "s", "tick"):
        pass
    with locked(tmp_path / "s", "service"):
        assert stat.S_IMODE((tmp_path / "s.service.lock").stat().st_mode) == 0o600


def test_what_was_being_written_when_a_process_was_killed_is_taken_away_by_the_next(tmp_path: Path) -> None:
    script = (
        "import os, sys, signal; from pathlib import Path; from beklijf.boundary import files\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with files.folder(Path(sys.argv[1])) as folder: files.write(folder, 'a', b'x')"
    )
    (tmp_path / "a").write_bytes(b"old")
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len([*tmp_path.iterdir()]) == 2

    with files.folder(tmp_path) as folder:
        files.tidy(folder)

    assert [path.name for path in tmp_path.iterdir()] == ["a"]


# -- the folder of a rehearsal -----------------------------------------------------------------------------------------


def test_a_rehearsal_does_not_overwrite_what_a_prepared_link_leads_to(tmp_path: Path, victim: Path) -> None:
    into = tmp_path / "rehearsal"
    into.mkdir(mode=0o700)
    (into / sandbox.MARK).symlink_to(victim)

    with pytest.raises(UsageError, match="holds other files"):
        sandbox.empty(into)

    assert victim.read_bytes() == b"a ledger, say"


def test_a_rehearsal_throws_away_nothing_behind_a_link(tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    letters.mkdir()
    (letters / "one").write_bytes(b"kept")
    sandbox.empty(tmp_path / "rehearsal")
    (tmp_path / "rehearsal" / "outbox").symlink_to(letters)

    with pytest.raises(UsageError, match="symbolic link"):
        sandbox.empty(tmp_path / "rehearsal")

    assert (letters / "one").read_bytes() == b"kept"


def test_a_rehearsal_goes_into_no_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "rehearsal").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UsageError, match="is a link"):
        sandbox.empty(tmp_path / "rehearsal")

    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_rehearsal_goes_into_no_folder_where_others_may_write(tmp_path: Path, mode: int) -> None:
    (tmp_path / "rehearsal").mkdir()
    (tmp_path / "rehearsal").chmod(mode)

    with pytest.raises(UsageError, match="others may write"):
        sandbox.empty(tmp_path / "rehearsal")


@as_root
def test_a_rehearsal_goes_into_no_folder_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "rehearsal").mkdir()
    os.chown(tmp_path / "rehearsal", NOBODY, NOBODY)

    with pytest.raises(UsageError, match="somebody else's"):
        sandbox.empty(tmp_path / "rehearsal")


def test_a_rehearsal_in_a_folder_for_everybody_is_for_the_account_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)

    sandbox.empty(tmp_path / "rehearsal")

    assert stat.S_IMODE((tmp_path / "rehearsal").stat().st_mode) == 0o700


def test_a_rehearsal_may_be_in_the_working_folder_by_its_short_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    for _ in range(2):
        sandbox.empty((tmp_path / "rehearsal").relative_to(tmp_path))

    assert (tmp_path / "rehearsal" / sandbox.MARK).is_file()


# -- the folder calendar -----------------------------------------------------------------------------------------------


def test_a_calendar_of_files_is_a_link_if_the_administrator_wants_and_its_files_are_not_followed(tmp_path: Path, victim: Path) -> None:
    settings = CalendarSettings(
        maker=CalendarInFolder(path=tmp_path / "calendars"),
        organizer=Contact("M", "m@voorbeeld.example"),
        organized_by="service",
        invitations="none",
    )
    (tmp_path / "disk").mkdir()
    (tmp_path / "calendars").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "m@voorbeeld.example").mkdir()
    (tmp_path / "disk" / "m@voorbeeld.example" / "displayname").symlink_to(victim)
    calendar = FolderCalendar(settings, "m@voorbeeld.example")

    calendar._write("displayname", b"M")  # every file of it is written by this

    assert victim.read_bytes() == b"a ledger, say"
    assert (tmp_path / "disk" / "m@voorbeeld.example" / "displayname").read_bytes() == b"M"

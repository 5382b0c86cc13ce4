"""The ledger as a file: made whole and private, never of an empty one, and never opened beside what isn't its own."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from beklijf.ledger import Ledger
from beklijf.model.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIE = """
import os, signal, sys
from pathlib import Path
from beklijf.ledger import Ledger
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "beklijf.sqlite3"


@pytest.fixture
def mask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def killed(path: Path, script: str) -> None:
    """Run *script* in a process of its own, which ends by SIGKILL."""
    done = subprocess.run([sys.executable, "-c", DIE + script, str(path)], capture_output=True, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr


def writing(*values: str, checkpoint: bool = False) -> str:
    """Return a script that commits each of *values*, taken over into the file or not, and dies."""
    taken = "ledger.db.execute('PRAGMA wal_checkpoint(TRUNCATE)')" if checkpoint else ""
    return f"""
ledger = Ledger(Path(sys.argv[1]))
for value in {values!r}:
    with ledger.write():
        ledger.set('value', value)
{taken}
die()
"""


def value(path: Path) -> str | None:
    with closing(Ledger(path)) as ledger:
        return ledger.get("value")


def put(path: Path, said: str) -> None:
    with closing(Ledger(path)) as ledger, ledger.write():
        ledger.set("value", said)


def everything(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.parent.iterdir() if each.name.startswith(path.name)}


# -- made --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("mask")
def test_the_ledger_and_all_that_lies_beside_it_are_private_from_the_beginning(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        with ledger.write():
            ledger.set("value", "1")
        found = {each.name.removeprefix(path.name): stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}

    assert found == dict.fromkeys(["", "-wal", "-shm", ".open.lock", ".count"], 0o600)


def test_a_ledger_that_others_can_read_is_private_once_it_is_used(path: Path) -> None:
    put(path, "1")
    path.chmod(0o644)

    put(path, "2")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("when", ["fsync", "link", "unlink"])
def test_a_process_that_is_killed_while_it_makes_a_ledger_leaves_none_or_a_whole_one(path: Path, when: str) -> None:
    killed(path, f"os.{when} = die; Ledger(Path(sys.argv[1]))")
    assert not path.exists() or path.stat().st_size > 0

    put(path, "1")

    assert value(path) == "1"
    assert not [each for each in path.parent.iterdir() if not each.name.startswith(path.name)]


def test_two_that_begin_at_once_make_one_ledger(path: Path) -> None:
    script = """
import sys
from pathlib import Path
from beklijf.ledger import Ledger
for n in range(20):
    ledger = Ledger(Path(sys.argv[1]))
    with ledger.write():
        ledger.set(sys.argv[2] + str(n), "1")
    ledger.close()
"""
    both = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in "ab"]

    assert [each.wait(60) for each in both] == [0, 0]

    with closing(Ledger(path)) as ledger:
        assert all(ledger.get(f"{name}{n}") == "1" for name in "ab" for n in range(20))


# -- what is no ledger -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read_only", [False, True])
def test_an_empty_file_is_nobodys_ledger(path: Path, *, read_only: bool) -> None:
    path.parent.mkdir()
    path.touch()

    with pytest.raises(StateError, match="is empty") as caught:
        Ledger(path, read_only=read_only)

    assert "put the back-up back" in caught.value.hint
    assert path.stat().st_size == 0


def test_what_a_lost_ledger_left_is_not_mixed_into_a_new_one(path: Path) -> None:
    killed(path, writing("1"))
    path.unlink()

    with pytest.raises(StateError, match=r"is not there, but beklijf.sqlite3-wal is") as caught:
        Ledger(path)

    assert f"remove {path}-wal too" in caught.value.hint
    assert not path.exists()


def test_a_ledger_that_is_a_link_is_not_followed_and_a_folder_that_is_one_works(path: Path, tmp_path: Path) -> None:
    put(path, "1")
    (tmp_path / "elsewhere").symlink_to(path.parent)
    (tmp_path / "link.sqlite3").symlink_to(path)

    assert value(tmp_path / "elsewhere" / path.name) == "1"
    with pytest.raises(StateError, match="is a link"):
        Ledger(tmp_path / "link.sqlite3")


def test_a_ledger_with_a_page_of_something_else_is_found_before_it_is_used(path: Path) -> None:
    with closing(Ledger(path)) as ledger, ledger.write():
        for number in range(2000):
            ledger.set(f"value {number}", "x" * 50)
    content = bytearray(path.read_bytes())
    content[-3 * 4096 : -2 * 4096] = b"\xff" * 4096
    path.write_bytes(content)

    with pytest.raises(StateError) as caught:
        Ledger(path)

    assert "restore it from a backup" in caught.value.hint
    assert path.read_bytes() == bytes(content)


# -- a file and a -wal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("checkpoint", [False, True])
def test_what_was_committed_before_a_kill_is_there_afterwards(path: Path, *, checkpoint: bool) -> None:
    put(path, "0")
    killed(path, writing("1", "2", checkpoint=checkpoint))

    assert value(path) == "2"


def test_a_service_that_is_killed_again_and_again_goes_on(path: Path) -> None:
    for number in range(5):
        killed(path, writing(*(f"{number}.{n}" for n in range(20))))

    assert value(path) == "4.19"


def test_an_older_back_up_beside_the_wal_of_what_came_after_is_told_and_nothing_is_touched(path: Path) -> None:
    put(path, "old")
    backup = path.read_bytes()
    killed(path, writing("a", "b", checkpoint=True))
    killed(path, writing("c", "d"))
    path.write_bytes(backup)
    before = everything(path)

    for read_only in (True, False):
        with pytest.raises(StateError, match="do not belong together") as caught:
            Ledger(path, read_only=read_only)

    assert f"remove {path}-wal" in caught.value.hint
    assert everything(path) == before
    with closing(sqlite3.connect(shutil.copy(path, path.with_name("copy")))) as db:
        shutil.copy(f"{path}-wal", path.with_name("copy-wal"))
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)  # by its structure alone nobody would know


def test_the_back_up_is_taken_once_the_wal_is_away_and_is_said_to_be_older(path: Path) -> None:
    put(path, "old")
    backup = path.read_bytes()
    killed(path, writing("a", "b", checkpoint=True))
    killed(path, writing("c", "d"))
    path.write_bytes(backup)
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink()

    with closing(Ledger(path, read_only=True)) as reader:
        assert reader.older
    with closing(Ledger(path)) as ledger:
        assert ledger.older
        assert ledger.get("value") == "old"
    with closing(Ledger(path)) as again:
        assert not again.older


def test_a_newer_back_up_beside_an_older_wal_is_told(path: Path, tmp_path: Path) -> None:
    killed(path, writing("a"))
    old = path.with_name(path.name + "-wal").read_bytes()
    put(path, "b")
    newer = path.read_bytes()
    path.with_name(path.name + "-wal").write_bytes(old)

    with pytest.raises(StateError, match="do not belong together"):
        Ledger(path)

    assert path.read_bytes() == newer
    assert not (tmp_path / "copy").exists()


def test_the_wal_of_another_ledger_is_told(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / path.name
    put(path, "mine")
    killed(other, writing("theirs"))
    shutil.copy(f"{other}-wal", path.parent)

    with pytest.raises(StateError, match="do not belong together"):
        Ledger(path)


def test_a_back_up_of_the_same_time_fits_and_comes_up_to_date(path: Path) -> None:
    backup = path.with_name("backup")
    backed = "\nimport sqlite3; to = sqlite3.connect(Path(sys.argv[1]).with_name('backup')); ledger.db.backup(to); to.close()\n"
    killed(path, writing("a", "b").replace("\ndie()", backed + "\nwith ledger.write(): ledger.set('value', 'c')\ndie()"))
    path.write_bytes(backup.read_bytes())

    assert value(path) == "c"


def test_a_ledger_of_the_version_before_that_was_killed_is_taken(path: Path) -> None:
    put(path, "1")
    with closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM meta WHERE name IN ('lineage', 'commits')")
        db.commit()
    killed(path, writing("2"))

    assert value(path) == "2"


def test_who_comes_while_it_is_open_looks_at_nothing(path: Path) -> None:
    with closing(Ledger(path)) as ledger:
        with ledger.write():
            ledger.set("value", "1")
        with closing(Ledger(path, read_only=True)) as reader:
            assert reader.get("value") == "1"
        assert not [each for each in path.parent.iterdir() if not each.name.startswith(path.name)]

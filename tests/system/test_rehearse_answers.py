"""A rehearsal in which people answer, move, pause and stay silent: the whole conversation, to be read in one list."""

from __future__ import annotations

import json
import mailbox
import re
from datetime import datetime
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import icalendar
import pytest
from tests.town import itip_part

from beklijf import cli

if TYPE_CHECKING:
    from email.message import EmailMessage

CONFIG = """
[organisation]
name = "Gemeente Voorbeeld"
time_zone = "Europe/Amsterdam"
language = "en"
holidays = ""
office_hours = { from = 09:00:00, until = 17:00:00, days = ["mon", "tue", "wed", "thu", "fri"] }
letter_hour = 09:00:00
coordinator = { name = "Marieke Smit", email = "opleidingen@voorbeeld.example" }
administrator = { name = "Servicedesk", email = "servicedesk@voorbeeld.example" }
[calendar]
kind = "folder"
path = "var/calendars"
organizer = { name = "Mentorprogramma", email = "mentor@voorbeeld.example" }
[mail]
kind = "folder"
path = "var/outbox"
[answers]
read = false
[service]
state = "var/beklijf.sqlite3"
[[person]]
name = "Sanne de Vries"
email = "sanne@voorbeeld.example"
[[person]]
name = "Noor Willems"
email = "noor@voorbeeld.example"
also = ["n.willems@voorbeeld.example"]
[[person]]
name = "Karim Bakker"
email = "karim@voorbeeld.example"
[[training]]
id = "leiden"
name = "Leiden"
purpose = "leading by asking"
sessions = [2026-12-08, 2027-01-12, 2027-02-16]
state = "live"
place = "Room 1"
[[training.mentorship]]
mentee = "sanne@voorbeeld.example"
mentor = "karim@voorbeeld.example"
meets = { day = "thu", at = 10:00:00 }
goals = ["Ask first"]
"""

NOOR_TOO = """
[[training.mentorship]]
mentee = "noor@voorbeeld.example"
mentor = "karim@voorbeeld.example"
meets = { day = "thu", at = 14:00:00 }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG, encoding="utf-8")
    return tmp_path


def act(at: str, who: str, what: str, **more: str) -> str:
    """Return one [[answer]]; values other than texts are written as they are."""
    keys = "".join(f"{key} = {value if value[:2] == '20' else json.dumps(value)}\n" for key, value in more.items())
    return f'[[answer]]\nat = {at}:00\nwho = "{who}@voorbeeld.example"\nwhat = "{what}"\n{keys}'


def rehearse(folder: Path, *acts: str, until: str, code: int = 0) -> None:
    (folder / "answers.toml").write_text("".join(acts), encoding="utf-8")
    assert cli.main(["rehearse", "--into", "new", "--answers", "answers.toml", "--until", until]) == code


def played(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the steps of the list, each on one line."""
    said = re.sub(r"\n {21}", " ", capsys.readouterr().out).splitlines()
    return [" ".join(line.split()) for line in said if line.startswith("  ")]


def mails_to(folder: Path, who: str) -> list[EmailMessage]:
    box = mailbox.Maildir(folder / "new/outbox", create=False)
    parser = BytesParser(policy=policy.default)
    found = [parser.parsebytes(box.get_bytes(key)) for key in box.iterkeys()]
    return sorted((mail for mail in found if f"{who}@" in str(mail["To"])), key=lambda mail: mail["Date"].datetime)


def letters_to(folder: Path, who: str, day: str) -> list[str]:
    """Return the texts of the letters that somebody got on a day."""
    mails = [mail for mail in mails_to(folder, who) if f"{mail['Date'].datetime:%Y-%m-%d}" == day]
    return [body.get_content() for mail in mails if not _has_event(mail) and (body := mail.get_body(preferencelist=("plain",))) is not None]


def _has_event(mail: EmailMessage) -> bool:
    return any(part.get_content_type() == "text/calendar" for part in mail.walk())


def event(folder: Path, title: str) -> Any:  # noqa: ANN401 - properties of icalendar are of any type
    """Return the calendar with the one series in it, or the one other event with *title*."""
    for path in (folder / "new/calendars").rglob("*.ics"):
        calendar = icalendar.Calendar.from_ical(path.read_bytes())
        if any(title in str(each["SUMMARY"]) or (title == "RRULE" and "RRULE" in each) for each in calendar.walk("VEVENT")):
            return calendar
    raise AssertionError(title)


# -- the three stories -------------------------------------------------------------------------------------------------


def test_a_pair_that_stays_silent_is_written_to_once_the_mentor_once_and_then_counted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # of fewer than five pairs in all, nobody is told a count without names
    (folder / "config.toml").write_text(CONFIG.replace("[answers]", "[answers]\nnames = true") + NOOR_TOO, encoding="utf-8")

    # of two pairs one answers, so that all that follows is about the other
    rehearse(folder, act("2026-11-10 10:00", "noor", "accept", item="noor@voorbeeld.example/goals"), until="2027-01-08")

    assert played(capsys) == [
        "Mon 9 Nov 09:00 welcome letter, Karim Bakker",
        "Mon 9 Nov 09:00 welcome letter, 2 mentees",
        "Tue 10 Nov 09:00 new goals meeting, 2 pairs, Thu 3 Dec to Thu 3 Dec",
        "Tue 10 Nov 09:00 new series, 2 pairs, first Thu 17 Dec to Thu 17 Dec",
        "Tue 10 Nov 10:00 Noor Willems accepts the goals meeting.",
        "Thu 19 Nov 09:00 nudge letter, Sanne de Vries",  # 7 working days
        "Tue 24 Nov 09:00 goals letter, 2 mentees",
        "Mon 30 Nov 09:00 ask letter, Karim Bakker",  # 14
        "Wed 9 Dec 09:00 session letter, Karim Bakker",
        "Wed 9 Dec 09:00 session letter, 2 mentees",
        'Wed 9 Dec 09:00 message to staff: "nothing heard of one pair", opleidingen@voorbeeld.example',  # 21
        "Thu 10 Dec 09:00 new look-back, 2 pairs, Thu 21 Jan to Thu 21 Jan",
    ]


def test_a_declined_series_brings_three_hours_a_line_to_the_mentor_and_nothing_new_until_one_is_chosen(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearse(
        folder,
        act("2026-11-24 10:00", "sanne", "decline", item="series"),
        act("2026-12-14 10:00", "sanne", "choose"),
        until="2026-12-31",
    )

    steps = played(capsys)
    after = steps[steps.index("Tue 24 Nov 10:00 Sanne de Vries declines the series.") :]
    assert after[:3] == [
        "Tue 24 Nov 10:00 Sanne de Vries declines the series.",
        "Tue 24 Nov 10:00 letter with other hours, Sanne de Vries",
        "Tue 24 Nov 10:00 line to the mentor: another hour is looked for, Karim Bakker",
    ]
    [chosen] = [line for line in after if "chooses" in line]
    waiting, then = after[3 : after.index(chosen)], after[after.index(chosen) + 1 :]
    assert [line for line in waiting if "session letter" not in line] == []  # no look-back on 10 December, no nudge, no asking
    assert len(letters_to(folder, "karim", "2026-11-24")) == 1
    *_, hours = letters_to(folder, "sanne", "2026-11-24")
    offers = re.findall(r"mailto:mentor@voorbeeld\.example\?subject=From%20now%20on", hours)
    assert len(offers) == 3
    when = chosen.partition("chooses ")[2].partition(", from then on")[0]
    assert then[0] == f"Mon 14 Dec 10:00 changed series, Sanne de Vries and Karim Bakker, from {when}"
    assert any("new look-back" in line for line in then)
    [series] = [each for each in event(folder, "RRULE").walk("VEVENT") if "RRULE" in each]
    assert f"{series['DTSTART'].dt:%a %-d %b %H:%M}" == when


def test_of_an_ill_mentor_nobody_expects_an_answer_and_each_mentee_is_told_once_what_falls_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "config.toml").write_text(CONFIG + NOOR_TOO, encoding="utf-8")

    rehearse(
        folder,
        act("2026-11-20 10:00", "karim", "away"),
        act("2027-01-04 10:00", "karim", "pause", kind="meetings"),
        act("2027-02-01 10:00", "karim", "resume", kind="meetings"),
        until="2027-02-12",
    )

    steps = played(capsys)
    ask = next(line for line in steps if "ask letter" in line)
    assert ask.startswith("Tue 8 Dec")  # not on 30 November: that day and the seven after the out-of-office don't count
    ill = [line.partition("10:00 ")[2] for line in steps if line.startswith("Mon 4 Jan 10:00")]
    assert ill == [
        "Karim Bakker pauses meetings.",
        "letter: paused, Karim Bakker",
        "letter: which meetings fall out, 2 mentees",
        'message to staff: "Karim Bakker pauses", opleidingen@voorbeeld.example',
        "withdrawn look-back, 2 pairs, Thu 21 Jan to Thu 21 Jan",
        "changed series, 2 pairs, first Thu 17 Dec to Thu 17 Dec",
    ]
    for mentee in ("sanne", "noor"):
        assert len(letters_to(folder, mentee, "2027-01-04")) == 1
        cancelled = [mail for mail in mails_to(folder, mentee) if f"{mail['Date'].datetime:%Y-%m-%d}" == "2027-01-04" and _has_event(mail)]
        assert len(cancelled) > 3
        look_back, *meetings = sorted(map(_method, cancelled))
        assert (look_back, {*meetings}) == ("CANCEL", {"REQUEST"})  # of a series that goes on
    back = [line.partition("10:00 ")[2] for line in steps if line.startswith("Mon 1 Feb 10:00")]
    assert back[0] == "Karim Bakker resumes meetings."
    assert back[-1].startswith("changed series, 2 pairs")


def _method(mail: EmailMessage) -> str:
    return next(str(part.get_param("method")) for part in mail.walk() if part.get_content_type() == "text/calendar")


# -- one by one --------------------------------------------------------------------------------------------------------


def test_a_mentors_proposal_is_put_to_the_mentee_who_takes_it_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearse(
        folder,
        act("2026-11-16 12:00", "karim", "propose", item="goals", to="2026-12-02 15:00:00"),
        act("2026-11-17 09:30", "sanne", "choose", to="2026-12-02 15:00:00"),
        until="2026-11-18",
    )

    steps = played(capsys)
    assert [line for line in steps if line.startswith(("Mon 16 Nov 12:00", "Tue 17 Nov 09:30"))] == [
        "Mon 16 Nov 12:00 Karim Bakker proposes Wed 2 Dec 15:00 for the goals meeting.",
        "Mon 16 Nov 12:00 letter: another time is proposed, Sanne de Vries",
        "Tue 17 Nov 09:30 Sanne de Vries chooses Wed 2 Dec 15:00.",
        "Tue 17 Nov 09:30 letter: at the time that was proposed, Sanne de Vries",
        "Tue 17 Nov 09:30 changed goals meeting, Karim Bakker and Sanne de Vries, on Wed 2 Dec 15:00",
    ]


def test_what_people_move_and_delete_in_a_calendar_stays_as_they_made_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearse(
        folder,
        act("2026-12-18 10:00", "sanne", "move", item="series", meeting="2026-12-31", to="2027-01-04 13:00:00"),
        act("2026-12-18 11:00", "karim", "delete", item="series", meeting="2027-01-14"),
        until="2027-01-10",
    )

    steps = played(capsys)
    assert "Fri 18 Dec 10:00 Sanne de Vries moves the meeting of Thu 31 Dec 10:00 to Mon 4 Jan 13:00." in steps
    assert "Fri 18 Dec 11:00 Karim Bakker takes the meeting of Thu 14 Jan 10:00 out of the calendar." in steps
    calendar = event(folder, "RRULE")
    [moved] = [each for each in calendar.walk("VEVENT") if "RECURRENCE-ID" in each]
    assert moved["DTSTART"].dt == datetime.fromisoformat("2027-01-04T13:00+01:00")
    told = [mail for mail in mails_to(folder, "karim") if f"{mail['Date'].datetime:%Y-%m-%d}" == "2026-12-18"]
    assert [_method(mail) for mail in told] == ["REQUEST", "REQUEST"]
    assert ["EXDATE;TZID=Europe/Amsterdam:20270114T" in itip_part(mail) for mail in told] == [False, True]


def test_a_goal_a_pause_and_a_dead_mailbox_go_the_way_of_real_mail(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearse(
        folder,
        act("2026-11-25 10:00", "sanne", "goal", text="Ask two questions first"),
        act("2026-11-26 10:00", "sanne", "pause", kind="letters"),
        act("2026-12-10 10:00", "karim", "bounce"),
        until="2027-01-20",
    )

    steps = played(capsys)
    assert 'Wed 25 Nov 10:00 Sanne de Vries writes a goal: "Ask two questions first".' in steps
    assert "Ask two questions first" in letters_to(folder, "sanne", "2026-11-25")[0]
    assert 'Thu 10 Dec 10:00 message to staff: "mail to karim@voorbeeld.example does not arrive", opleidingen@voorbeeld.example' in steps
    after = steps[steps.index("Thu 26 Nov 10:00 letter: paused, Sanne de Vries") + 1 :]
    assert [line for line in after if "letter, Sanne" in line] == []
    bounced = steps.index("Thu 10 Dec 10:00 Karim Bakker no longer has a mailbox: a mail comes back.")
    assert [line for line in steps[bounced:] if "letter, Karim" in line] == []


def test_an_answer_from_another_address_of_the_same_person_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "config.toml").write_text(CONFIG + NOOR_TOO, encoding="utf-8")
    noor = act("2026-11-11 10:00", "n.willems", "tentative", item="noor@voorbeeld.example/series")

    rehearse(folder, noor, act("2026-11-11 10:00", "sanne", "accept", item="sanne@voorbeeld.example/series"), until="2026-12-11")

    assert [line for line in played(capsys) if "nudge" in line or "staff" in line] == []


def test_what_cannot_be_found_is_told_with_its_line_and_the_rest_is_played(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearse(
        folder,
        act("2026-11-10 10:00", "sanne", "accept", item="closing"),
        act("2026-11-10 11:00", "noor", "accept", item="series"),
        act("2026-11-10 12:00", "sanne", "decline", item="series", meeting="2026-12-18"),
        act("2026-11-10 13:00", "sanne", "resume", kind="letters"),
        act("2026-11-10 14:00", "sanne", "choose", to="2026-12-02 03:00:00"),
        act("2026-11-12 10:00", "sanne", "accept", item="series"),
        until="2026-11-16",
        code=78,
    )

    said = capsys.readouterr()
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert errors == [
        'error: answer[0]: no event "closing" stands in a calendar then (answers.toml:1)',
        "error: answer[1]: Noor Willems is not in leiden/sanne@voorbeeld.example/series (answers.toml:6)",
        "error: answer[2]: the series has no meeting on 2026-12-18 (answers.toml:11)",
        "error: answer[3]: Sanne de Vries has got no link for that (answers.toml:17)",
        "error: answer[4]: Sanne de Vries has got no link for that (answers.toml:22)",
    ]
    assert "hint: it has: 2026-12-17, 2026-12-31" in said.err
    assert "hint: offered were: " in said.err
    assert "Sanne de Vries accepts the series." in said.out


def test_answers_outside_the_days_that_are_rehearsed_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearse(folder, act("2026-12-10 10:00", "karim", "away"), until="2026-11-16")
    assert "warning: answer[0]: comes after the last day that is rehearsed (answers.toml:1)" in capsys.readouterr().err

    rehearse(folder, act("2026-11-01 10:00", "karim", "away"), until="2026-11-16", code=78)
    said = capsys.readouterr()
    assert "error: answer[0]: comes before the first day that is rehearsed (answers.toml:1)" in said.err
    assert "welcome letter" in said.out


def test_a_file_with_mistakes_rehearses_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rehearse(folder, act("2026-11-10 10:00", "sane", "accept", item="series"), until="2026-11-16", code=78)

    assert 'answer[0].who: there is no person "sane@voorbeeld.example" in the config (answers.toml:3)' in capsys.readouterr().err
    assert not (folder / "new").exists()


def test_the_json_has_what_people_did_beside_what_came_of_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = act("2026-12-18 10:00", "sanne", "move", item="series", meeting="2026-12-31", to="2027-01-04 13:00:00")
    (folder / "answers.toml").write_text(text, encoding="utf-8")

    assert cli.main(["rehearse", "--into", "new", "--answers", "answers.toml", "--until", "2026-12-18", "--json"]) == 0

    [heard] = [deed for step in json.loads(capsys.readouterr().out)["steps"] for deed in step["heard"]]
    assert heard == {
        "who": "sanne@voorbeeld.example",
        "what": "move",
        "item": "leiden/sanne@voorbeeld.example/series",
        "meeting": "2026-12-31",
        "to": "2027-01-04T12:00:00+00:00",
        "said": "Sanne de Vries moves the meeting of Thu 31 Dec 10:00 to Mon 4 Jan 13:00",
    }


def test_a_rehearsal_with_answers_is_the_same_each_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acts = (act("2026-11-24 10:00", "sanne", "decline", item="series"), act("2026-11-27 10:00", "sanne", "choose"))
    rehearse(folder, *acts, until="2026-12-31")
    first, mails = capsys.readouterr().out, _bytes(folder)
    rehearse(folder, *acts, until="2026-12-31")

    assert capsys.readouterr().out == first
    assert _bytes(folder) == mails


def _bytes(folder: Path) -> dict[str, bytes]:
    files = [*(folder / "new/calendars").rglob("*.ics"), *(folder / "new/outbox/new").iterdir()]
    return {path.name: re.sub(rb"={3,}\d+==", b"", path.read_bytes()) for path in files}


def test_with_the_mentee_as_organizer_answers_and_moves_are_in_the_mentees_own_calendar(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = CONFIG.replace('path = "var/calendars"\n', 'path = "var/calendars"\norganized_by = "mentee"\n')
    (folder / "config.toml").write_text(text, encoding="utf-8")

    rehearse(
        folder,
        act("2026-11-11 10:00", "karim", "accept", item="series"),
        act("2026-11-11 11:00", "karim", "propose", item="series", to="2026-12-18 10:00:00"),
        act("2026-11-12 10:00", "sanne", "move", item="goals", to="2026-12-04 11:00:00"),
        act("2026-11-12 11:00", "sanne", "accept", item="goals"),
        until="2026-12-12",
        code=78,
    )

    said = capsys.readouterr()
    assert [line for line in said.err.splitlines() if line.startswith("error: ")] == [
        "error: answer[1]: the proposal would go to the mentee, whose event it is (answers.toml:6)",
        "error: answer[3]: Sanne de Vries is not invited to leiden/sanne@voorbeeld.example/goals (answers.toml:18)",
    ]
    assert {path.parent.name for path in (folder / "new/calendars").rglob("*.ics")} == {"sanne@voorbeeld.example"}
    assert "Sanne de Vries moves the goals meeting to Fri 4 Dec 11:00." in said.out
    assert "nudge" not in said.out  # Karim's answer was heard


def test_without_answers_nothing_is_concluded_from_nobody_answering(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = CONFIG.replace("read = false", "read = true")
    inbox = '[inbox]\nkind = "imap"\nhost = "imap.voorbeeld.example"\nuser = "mentor"\npassword = { credential = "no" }\n'
    (folder / "config.toml").write_text(text.replace("[service]", f"{inbox}[service]"), encoding="utf-8")

    assert cli.main(["rehearse", "--into", "new", "--until", "2027-01-31"]) == 0

    assert [line for line in played(capsys) if "nudge" in line or "ask" in line or "staff" in line] == []
    assert any("mailto:mentor@voorbeeld.example?subject=" in text for text in letters_to(folder, "sanne", "2026-11-09"))
    assert sorted(path.name for path in Path("new").iterdir()) == [".beklijf-rehearsal", "calendars", "outbox"]

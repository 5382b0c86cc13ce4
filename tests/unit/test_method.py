"""The default method says what the practice says, and a method of one's own is read as strictly as the config."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from beklijf.config.method import DEFAULT, METHODS, load_method
from beklijf.model.domain import Anchor, Offset, Role
from beklijf.model.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from beklijf.model.domain import Method

TEXT = re.sub("  +# ", "  # ", (METHODS / "default.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def default(tmp_path_factory: pytest.TempPathFactory) -> Method:
    method, _ = load_method(DEFAULT, tmp_path_factory.getbasetemp())
    return method


def own(folder: Path, old: str = "", new: str = "") -> Method:
    assert TEXT.count(old) > 0
    (folder / "own.toml").write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    method, _ = load_method("own.toml", folder)
    return method


def test_the_series_runs_every_two_weeks_until_forty_days_after_the_last_session(default: Method) -> None:
    series = default.series

    assert (series.anchor, series.window, series.every, series.until) == (Anchor.FIRST_BLOCK, (5, 11), 2, 40)
    assert (series.minutes, series.opens) == (60, -28)


def test_the_meetings_beside_the_series_are_those_of_the_practice(default: Method) -> None:
    goals, look_back, closing = default.meetings

    assert (goals.id, goals.anchor, goals.window, goals.opens, goals.enabled) == ("goals", Anchor.FIRST, (-11, -5), -28, True)
    assert (look_back.id, look_back.anchor, look_back.window) == ("look-back", Anchor.BLOCK, (3, 11))
    assert (look_back.extra, look_back.unless_within, look_back.opens) == ((5, 11), 14, None)
    assert (closing.id, closing.anchor, closing.window, closing.enabled) == ("closing", Anchor.LAST, (182, 188), False)
    assert {meeting.minutes for meeting in default.meetings} == {60}


def test_the_mentor_is_reminded_five_times_from_ten_to_twenty_six_weeks_after(default: Method) -> None:
    [reminder] = default.reminders

    assert (reminder.role, reminder.anchor, reminder.window) == (Role.MENTOR, Anchor.LAST, (10 * 7, 26 * 7))
    assert (reminder.every, reminder.count, reminder.minutes) == (4, 5, 15)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("welcome-mentee", (Role.MENTEE, Anchor.FIRST, Offset(-31), 1, 5)),
        ("welcome-mentor", (Role.MENTOR, Anchor.FIRST, Offset(-31), 1, 5)),
        ("goals", (Role.MENTEE, Anchor.FIRST, Offset(-14), 3, 5)),
        ("session-mentee", (Role.MENTEE, Anchor.BLOCK, Offset(1, working=True), 2, 3)),
        ("session-mentor", (Role.MENTOR, Anchor.BLOCK, Offset(1, working=True), 2, 3)),
        ("repetition-1", (Role.MENTEE, Anchor.LAST, Offset(7), 5, 5)),
        ("repetition-2", (Role.MENTEE, Anchor.LAST, Offset(16), 5, 5)),
        ("repetition-3", (Role.MENTEE, Anchor.LAST, Offset(40), 5, 5)),
        ("progress", (Role.MENTEE, Anchor.LAST, Offset(91), 5, 5)),
        ("closing-mentee", (Role.MENTEE, Anchor.LAST, Offset(182), 4, 20)),
        ("closing-mentor", (Role.MENTOR, Anchor.LAST, Offset(182), 4, 20)),
        ("nudge", (Role.MENTEE, Anchor.SILENCE, Offset(7, working=True), 4, 5)),
        ("ask", (Role.MENTOR, Anchor.SILENCE, Offset(14, working=True), 4, 5)),
    ],
)
def test_each_letter_goes_out_when_the_practice_says(default: Method, rule: str, said: tuple[Role, Anchor, Offset, int, int]) -> None:
    [letter] = [letter for letter in default.letters if letter.id == rule]

    assert (letter.role, letter.anchor, letter.at, letter.order, letter.late) == said
    assert letter.merge == (letter.role is Role.MENTOR)
    assert letter.on_joining == rule.startswith("welcome")
    assert letter.not_on == ({4} if rule.startswith("session") else set())
    assert letter.template == rule.removesuffix("-1").removesuffix("-2").removesuffix("-3")


def test_the_limits_keep_it_bearable(default: Method) -> None:
    limits = default.limits

    assert (limits.block_gap, limits.stand_in, limits.apart, limits.gap, limits.ahead) == (5, 4, 4, 18, 42)
    assert (limits.letters_per_day, limits.letters_per_week, limits.off_share) == (1, 2, 0.5)
    assert (limits.silent, limits.absence, limits.in_a_row) == (21, 7, 2)


def test_a_method_of_before_answers_were_heard_still_loads(tmp_path: Path, default: Method) -> None:
    ladder = TEXT.index("# -- letters when nothing is heard")
    older = re.sub(r"(silent|absence|in_a_row) = .*\n", "", TEXT[:ladder])
    (tmp_path / "own.toml").write_text(older, encoding="utf-8")

    method, _ = load_method("own.toml", tmp_path)

    assert "silent" not in older
    assert method.limits == default.limits
    assert [letter.id for letter in default.letters if letter not in method.letters] == ["nudge", "ask"]


def test_how_long_silence_lasts_may_be_said_otherwise(tmp_path: Path) -> None:
    text = (
        TEXT.replace('silent = "21', 'silent = "30').replace('absence = "7 days"', 'absence = "2 weeks"').replace("a_row = 2", "a_row = 3")
    )
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")

    method, _ = load_method("own.toml", tmp_path)

    assert (method.limits.silent, method.limits.absence, method.limits.in_a_row) == (30, 14, 3)


def test_every_number_of_the_default_method_has_its_reason_beside_it() -> None:
    numbers = [line for line in TEXT.splitlines() if re.match(r"[a-z_]+ = .*\d", line) and not re.match(r"(id|why|template) ", line)]

    assert len(numbers) > 40
    assert [line for line in numbers if not re.search(r"  # \w", line)] == []


def test_every_rule_of_the_default_method_says_why() -> None:
    tables = tomllib.loads(TEXT)

    rules = [rule for key, rules in tables.items() if key != "limits" for rule in rules]

    assert len(rules) == 18
    assert all(rule["why"] for rule in rules)


@pytest.mark.parametrize(
    ("old", "new", "where", "what"),
    [
        ("[[reminder]]", "[[remainder]]", "remainder", "unknown key"),
        ("[limits]", "[limit]", "", "limits is missing"),
        ("every = ", "evry = ", "series[0]", "every is missing"),
        ('to = "11 days"', 'to = "12 days"', "series[0].to", "from and to must span seven days, not 8"),
        ('to = "-5 days"', 'to = "-6 days"', "meeting[0].to", "from and to must span seven days, not 6"),
        ('to = "11 days", unless', 'to = "10 days", unless', "meeting[1].extra.to", "from and to must span seven days, not 6"),
        ('to = "11 days"  # and', 'to = "2 days"  # and', "meeting[1].to", "lies before from"),
        ('id = "look-back"', 'id = "goals"', "meeting[1].id", 'a second rule with the id "goals"'),
        ('id = "reminder"', 'id = "series"', "reminder[0].id", 'a second rule with the id "series"'),
        ('id = "progress"', 'id = "goals"', "letter[8].id", 'a second rule with the id "goals"'),
        ('id = "progress"', 'id = "../goals"', "letter[8].id", 'must be small letters, digits and hyphens, not "../goals"'),
        (
            'template = "progress"',
            'template = "/etc/motd"',
            "letter[8].template",
            'must be small letters, digits and hyphens, not "/etc/motd"',
        ),
        ('every = "2 weeks"', 'every = "14 days"', "series[0].every", 'must be a text like "2 weeks", not "14 days"'),
        ('every = "2 weeks"', "every = 2", "series[0].every", 'must be a text like "2 weeks", not a whole number'),
        ('every = "2 weeks"', 'every = "0 weeks"', "series[0].every", "must be 1 to 8 weeks, not 0 weeks"),
        ('for = "60 minutes"', 'for = "9 hours"', "series[0].for", "must be 5 to 480 minutes, not 9 hours"),
        ('opens = "-28 days"', 'opens = "28 days"', "series[0].opens", "must be -366 to 0 days, not 28 days"),
        ('anchor = "first-block"', 'anchor = "last"', "series[0].anchor", 'must be "first" or "first-block", not "last"'),
        ('anchor = "block"', 'anchor = "last"', "meeting[1].extra", 'only goes with anchor = "block"'),
        ("count = 5", "count = 6", "reminder[0].count", "6 reminders 4 weeks apart do not fit between from and to"),
        ('role = "mentor"', 'role = "manager"', "reminder[0].role", 'must be "mentee" or "mentor", not "manager"'),
        ('at = "1 working day"', 'at = "tomorrow"', "letter[3].at", 'must be a text like "2 days", not "tomorrow"'),
        (
            'not_on = ["fri"]',
            'not_on = ["friday"]',
            "letter[3].not_on",
            'must be "mon", "tue", "wed", "thu", "fri", "sat" or "sun", not "friday"',
        ),
        ('not_on = ["fri"]', 'not_on = ["mon","tue","wed","thu","fri","sat","sun"]', "letter[3].not_on", "leaves no day to send it"),
        ("merge = false", "merge = true", "letter[0].merge", "a mentee's letters never become one"),
        ('late = "5 working days"', 'late = "5 days"', "letter[0].late", 'must be a text like "2 working days", not "5 days"'),
        ("off_share = 0.5", "off_share = 50", "limits.off_share", "must be 0 to 1, not 50"),
        ("off_share = 0.5", 'off_share = "half"', "limits.off_share", "must be a number from 0 to 1, not a text"),
        ("letters_per_day = 1", "letters_per_day = 0", "limits.letters_per_day", "must be 1 to 20, not 0"),
        ('silent = "21 working days"', 'silent = "21 days"', "limits.silent", 'must be a text like "2 working days", not "21 days"'),
        ('silent = "21 working days"', "silent = 21", "limits.silent", 'must be a text like "2 working days", not a whole number'),
        ('absence = "7 days"', 'absence = "0 days"', "limits.absence", "must be 1 to 366 days, not 0 days"),
        ("in_a_row = 2", "in_a_row = 0", "limits.in_a_row", "must be 1 to 20, not 0"),
        (
            'at = "7 working days"',
            'at = "7 days"',
            "letter[11].at",
            'silence is counted in working days of both, like "7 working days"',
        ),
        ('at = "7 working days"', 'at = "-7 working days"', "letter[11].at", "nobody is silent before the first invitation"),
        (
            'template = "nudge"',
            'template = "nudge"\non_joining = true',
            "letter[11].on_joining",
            "silence never begins before joining",
        ),
        (
            'anchor = "block"',
            'anchor = "silence"',
            "meeting[1].anchor",
            'must be "first", "first-block", "block" or "last", not "silence"',
        ),
        (
            'anchor = "last"\nfrom = "10 weeks"',
            'anchor = "silence"\nfrom = "10 weeks"',
            "reminder[0].anchor",
            'must be "first", "first-block" or "last", not "silence"',
        ),
        ("enabled = false", "enabled = 0", "meeting[2].enabled", "must be true or false, not a whole number"),
    ],
)
def test_a_slip_in_a_method_is_refused(tmp_path: Path, old: str, new: str, where: str, what: str) -> None:
    with pytest.raises(ConfigError) as raised:
        own(tmp_path, old, new)

    said = {(problem.where, problem.what): problem for problem in raised.value.problems}
    assert (where, what) in said
    assert said[where, what].file == str(tmp_path / "own.toml")


def test_a_method_without_its_series_or_with_two_is_refused(tmp_path: Path) -> None:
    series = TEXT[TEXT.index("[[series]]") : TEXT.index("[[meeting]]")]
    for text in (TEXT.replace(series, ""), TEXT + "\n" + series):
        (tmp_path / "own.toml").write_text(text)

        with pytest.raises(ConfigError, match=r"there must be one \[\[series\]\], not [02]"):
            load_method("own.toml", tmp_path)


def test_all_problems_of_a_method_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(TEXT.replace('from = "5 days"', 'from = "five days"').replace("count = 5", 'count = "5"'))

    with pytest.raises(ConfigError) as raised:
        load_method("own.toml", tmp_path)

    lines = TEXT.splitlines()
    told = [(problem.where, lines[problem.line - 1].split(" = ")[0]) for problem in raised.value.problems]
    assert told == [("series[0].from", "from"), ("meeting[1].extra.from", "extra"), ("reminder[0].count", "count")]


def test_a_remark_or_a_better_reason_is_no_changed_method(tmp_path: Path, default: Method) -> None:
    assert own(tmp_path, "[limits]", "# ours\n[limits]").digest == default.digest
    assert own(tmp_path, 'why = "', 'why = "we think: ').digest == default.digest
    assert own(tmp_path, 'at = "40 days"', 'at = "42 days"').digest != default.digest


def test_lengths_may_be_said_in_weeks_or_days_and_hours_or_minutes(tmp_path: Path, default: Method) -> None:
    method = own(tmp_path, 'for = "60 minutes"', 'for = "1 hour"')

    assert method.digest == default.digest

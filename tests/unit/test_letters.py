"""What people read: golden files of every text, and what holds for all of them.

After a change that is meant: BEKLIJF_GOLDEN=write python -m pytest tests/unit/test_letters.py, and read the diff.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, nodes

from beklijf.config.method import load_method
from beklijf.letters import TOO_LARGE, Letters, bundled_templates, html, markup, proof, reply_to, response_values, template_values
from beklijf.letters.specimens import responses
from beklijf.mime.links import Links
from beklijf.mime.messages import Rendered
from beklijf.model.domain import Contact, Event, Letter, LetterRule, MentorshipKey, Override, Programme, Recurrence, Role, Span, Topic
from beklijf.model.errors import ConfigError
from beklijf.model.words import LANGUAGES, REASONS, day, days, listed, reason, span
from beklijf.planning.days import WorkingDays

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beklijf.letters.proof import Hour

GOLDEN = Path(__file__).parents[1] / "golden" / "letters"
METHOD, _ = load_method("default", Path())
LETTERS = Letters()
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
LONDON = ZoneInfo("Europe/London")

SPECIMENS: list[tuple[str, int, int, Hour]] = [
    (language, goals, mentees, hour) for language, (goals, mentees, hour) in product(LANGUAGES, (*proof.SPECIMENS, (1, 3, "own")))
]


def golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("BEKLIJF_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def mails(made: Programme) -> Iterator[Rendered]:
    for render in proof.all_mail(LETTERS, made):
        mail = render()
        if isinstance(mail, Rendered):
            yield mail


def letters_to(role: Role, made: Programme) -> Iterator[Letter]:
    return (letter for letter in proof.all_letters(LETTERS, made) if letter.wishes[0].rule.role is role)


def rule(name: str) -> LetterRule:
    return next(each for each in METHOD.letters if each.id == name)


def letter_of(name: str, made: Programme, *, variant: int = 1) -> Letter:
    wishes = [next(wish for wish in track.wishes if wish.rule.id == name) for track in made.tracks.values()]
    wishes = wishes if wishes[0].rule.merge else wishes[:1]
    return Letter(wishes=tuple(replace(wish, variant=variant) for wish in wishes), at=datetime(2026, 12, 9, 9, tzinfo=AMSTERDAM))


# -- golden files ------------------------------------------------------------------------------------------------------


def printed(made: list[Rendered | tuple[str, str]]) -> str:
    pages = [(f"Subject: {mail.subject}", mail.text) if isinstance(mail, Rendered) else (f"Title: {mail[0]}", mail[1]) for mail in made]
    return f"\n{'=' * 72}\n\n".join(f"{head}\n\n{text.rstrip()}\n" for head, text in pages)


@pytest.mark.parametrize(("language", "goals", "mentees", "hour"), SPECIMENS)
def test_the_letters_are_those_of_the_golden_file(language: str, goals: int, mentees: int, hour: Hour) -> None:
    made = proof.programme(METHOD, language=language, goals=goals, mentees=mentees, hour=hour)

    letters = [LETTERS.letter(letter, made) for letter in proof.all_letters(LETTERS, made)]

    golden(f"{language}-letters-{goals}-goals-{mentees}-mentees-hour-{hour}.txt", printed([*letters]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_events_and_the_mail_around_them_are_those_of_the_golden_file(language: str) -> None:
    made = proof.programme(METHOD, language=language, mentees=3)
    letters = sum(letter.wishes[0].variant == 1 for letter in proof.all_letters(LETTERS, made))

    texts = [render() for render in proof.all_mail(LETTERS, made)][letters:]

    golden(f"{language}-events.txt", printed(texts))


@pytest.mark.parametrize(
    ("language", "name", "mentees"), [("nl", "welcome-mentee", 1), ("nl", "session-mentee", 1), ("en", "session-mentor", 3)]
)
def test_the_html_is_that_of_the_golden_file(language: str, name: str, mentees: int) -> None:
    made = proof.programme(METHOD, language=language, goals=3, mentees=mentees)

    mail = LETTERS.letter(letter_of(name, made), made)

    golden(f"{language}-{name}.html", mail.html)


# -- what holds for all of them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "role"), list(product(LANGUAGES, Role)))
def test_no_two_letters_to_one_person_have_the_same_subject_or_the_same_question(language: str, role: Role) -> None:
    made = proof.programme(METHOD, language=language)
    sources = [LETTERS.page(letter, made) for letter in letters_to(role, made)]

    subjects = Counter(page.head for page in sources)
    questions = Counter(line for page in sources for line in page.body.splitlines() if line.startswith(("- ", "> ")) and line.endswith("?"))

    assert subjects.most_common(1)[0][1] == 1
    assert questions.most_common(1)[0][1] == 1


def test_a_letter_after_a_session_says_which_one_in_its_subject() -> None:
    made = proof.programme(METHOD)
    letters = [letter for letter in proof.all_letters(LETTERS, made) if letter.wishes[0].session]

    subjects = {LETTERS.letter(letter, made).subject for letter in letters}

    assert len(subjects) == 16
    assert all("(Coachend leidinggeven, dinsdag 8 december)" in subject for subject in subjects)


def test_eight_sessions_have_eight_letters_for_both() -> None:
    assert {LETTERS.variants(rule(name), language) for name in ("session-mentee", "session-mentor") for language in LANGUAGES} == {8}


def test_every_template_is_there_in_both_languages_and_uses_the_same_values() -> None:
    root = bundled_templates()

    names = {language: {path.relative_to(root / language) for path in (root / language).rglob("*.j2")} for language in LANGUAGES}

    assert names["nl"] == names["en"]
    for name in names["nl"]:
        assert used(root / "nl" / name) == used(root / "en" / name), name


def used(path: Path) -> set[str]:
    tree = Environment(autoescape=False).parse(path.read_text())  # noqa: S701 - parsed, not rendered
    names = {f"{node.node.name}.{node.attr}" for node in tree.find_all(nodes.Getattr) if isinstance(node.node, nodes.Name)}
    return names | {node.name for node in tree.find_all(nodes.Name)}


def test_no_text_shouts() -> None:
    files = [path for path in bundled_templates().rglob("*.j2") if path.name != "layout.html.j2"]

    shouting = [path.name for path in files if re.search(r"!(?!=)", path.read_text())]

    assert shouting == []


def test_the_goals_of_a_mentee_never_stand_in_a_calendar() -> None:
    made = proof.programme(METHOD, goals=3)
    items = next(iter(made.tracks.values())).items

    texts = [" ".join(LETTERS.event(item, made)) for item in items]

    assert len(texts) == 6
    assert not [goal for goal in proof.GOALS for text in texts if goal in text]


@pytest.mark.parametrize("language", LANGUAGES)
def test_html_is_small_and_loads_nothing_from_outside(language: str) -> None:
    made = proof.programme(METHOD, language=language, goals=3, mentees=3)

    pages = [mail.html for mail in mails(made)]

    assert max(len(page.encode()) for page in pages) < TOO_LARGE
    assert not [page for page in pages if re.search(r"http|src=|url\(|@import|<link|<img", page)]


class Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        assert tag == "br"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in {"p", "li"}:
            self.said += "\n"

    def handle_data(self, data: str) -> None:
        if not {"title", "style"} & set(self.open):
            self.said += data


def words_of_html(page: str) -> list[str]:
    parser = Words()
    parser.feed(page)
    assert parser.open == []
    return parser.said.split()


def test_both_parts_of_a_mail_say_the_same_words() -> None:
    made = proof.programme(METHOD, goals=3, mentees=3)

    for mail in mails(made):
        text = [word for word in mail.text.split() if word not in {"-", ">", "--"} and not word.startswith("<mailto:")]
        assert words_of_html(mail.html) == text


def test_lines_above_the_signature_say_who_gets_an_answer_and_how_to_pause() -> None:
    made = proof.programme(METHOD)
    to_mentee, to_mentor = letter_of("session-mentee", made), letter_of("session-mentor", made)

    above = [LETTERS.letter(letter, made).text.split("\n-- \n")[0].rstrip().split("\n\n")[-2:] for letter in (to_mentee, to_mentor)]

    pause = "Even geen brieven? Laat het Marieke Smit weten."
    assert above == [
        ["Je antwoord op deze brief gaat naar Karim Bakker, en naar niemand anders.", pause],
        ["Je antwoord op deze brief gaat naar Marieke Smit, en naar niemand anders.", pause],
    ]
    assert reply_to(to_mentee, made).email == "karim@voorbeeld.example"
    assert reply_to(to_mentor, made).email == "opleidingen@voorbeeld.example"


# -- which variant -----------------------------------------------------------------------------------------------------


def test_after_the_last_variant_comes_the_first() -> None:
    files = [LETTERS.template(rule("session-mentee"), variant, "nl") for variant in (1, 8, 9)]

    assert files == ["nl/session-mentee/1.md.j2", "nl/session-mentee/8.md.j2", "nl/session-mentee/1.md.j2"]


def test_a_mentor_whose_third_mentee_joined_late_does_not_read_the_first_question_again() -> None:
    made = proof.programme(METHOD, mentees=2)
    merged = letter_of("session-mentor", made)
    merged = replace(merged, wishes=(replace(merged.wishes[0], variant=1), replace(merged.wishes[1], variant=3)))

    said = LETTERS.letter(merged, made).subject

    assert said.startswith("Zeg Sanne en Noor wat je zag")


def test_who_is_in_two_trainings_does_not_read_the_same_questions_twice() -> None:
    made = proof.programme(METHOD)
    key, track = next(iter(made.tracks.items()))
    first, second_key = made.trainings["specimen"], MentorshipKey("second/sanne")
    second = replace(first, id="second", sessions=tuple(replace(each, date=each.date + timedelta(days=70)) for each in first.sessions))
    other = replace(
        track,
        mentorship=replace(track.mentorship, training="second"),
        wishes=tuple(replace(wish, training="second", mentorship=second_key) for wish in track.wishes),
    )
    both = replace(made, trainings={"specimen": first, "second": second}, tracks={key: track, second_key: other})
    wish = next(wish for wish in other.wishes if wish.rule.id == "session-mentee")

    pages = [
        LETTERS.page(Letter(wishes=(each,), at=datetime(2027, 3, 1, 9, tzinfo=AMSTERDAM)), both)
        for each in (replace(wish, training="specimen", mentorship=key), replace(wish, session=date(2027, 2, 16)))
    ]

    assert pages[0].head.startswith("Wat neem je mee?")
    assert pages[1].head.startswith("Hoe zeker ben je?")


# -- people's own words ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "goal",
    [
        "*eerst* vragen",
        "<script>alert(1)</script>",
        "a & b &amp; c",
        "1. eerst",
        "[klik](http://x.example)",
        "`{{ 7 * 7 }}`",
        "# **-** \\ _ ~",
    ],
)
def test_a_goal_appears_as_it_was_written(goal: str) -> None:
    made = proof.programme(METHOD)
    key, track = next(iter(made.tracks.items()))
    made = replace(made, tracks={key: replace(track, mentorship=replace(track.mentorship, goals=(goal,)))})

    mail = LETTERS.letter(letter_of("session-mentee", made), made)

    assert f"je doel: \N{LEFT SINGLE QUOTATION MARK}{goal}\N{RIGHT SINGLE QUOTATION MARK}." in mail.text
    assert f"\N{LEFT SINGLE QUOTATION MARK}{goal}\N{RIGHT SINGLE QUOTATION MARK}." in " ".join(words_of_html(mail.html))
    assert "<script" not in mail.html


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Co", "Zs", "Zl", "Zp", "Cf"]), min_size=1))
def test_a_literal_survives_markdown_and_html(value: str) -> None:
    source = f"- **{markup.literal(value)}** en\n\n> {markup.literal(value)}"

    assert f"> {value}\n" in markup.to_text(source)
    assert words_of_html(html.to_html(source, {})) == [value, "en", value]


def test_an_address_is_a_link_in_html_and_bare_in_text() -> None:
    source = f"Vragen: {markup.address('a_b@voorbeeld.example')}."

    assert markup.to_text(source) == "Vragen: a_b@voorbeeld.example.\n"
    assert html.to_html(source, {"a": "color:#111;"}) == (
        '<p>Vragen: <a href="mailto:a_b@voorbeeld.example" style="color:#111;">a_b@voorbeeld.example</a>.</p>\n'
    )


def test_text_has_one_line_a_paragraph_and_a_list_item() -> None:
    source = "Een alinea\nop twee regels.\n\n- een\n  ding\n- nog een\n\nGroet,\\\nMarieke\n\n    beklijf apply"

    assert markup.to_text(source) == "Een alinea op twee regels.\n\n- een ding\n- nog een\n\nGroet,\nMarieke\n\n    beklijf apply\n"


# -- events ------------------------------------------------------------------------------------------------------------


def test_the_text_of_a_series_says_which_meeting_looks_back_on_which_session_and_what_is_left_out() -> None:
    made = proof.programme(METHOD)
    series = next(iter(made.tracks.values())).items[0]

    title, text = LETTERS.event(series, made)

    assert title == "Mentorgesprek Sanne en Karim"
    assert "Donderdag 17 december: terugblik op de training van dinsdag 8 december\n" in text
    assert "Donderdag 14 januari: terugblik op de training van dinsdag 12 en woensdag 13 januari\n" in text
    assert "- Donderdag 31 december (gesloten): in plaats daarvan dinsdag 29 december\n" in text
    assert "- Donderdag 4 maart (dan kunnen jullie niet allebei): dit gesprek valt uit\n" in text


def test_an_event_of_two_languages_has_a_second_block_for_the_mentor() -> None:
    made = proof.programme(METHOD)
    series = next(iter(made.tracks.values())).items[0]
    mentee, mentor = series.people

    title, text = LETTERS.event(replace(series, people=(mentee, replace(mentor, language="en"))), made)

    assert title == "Mentorgesprek Sanne en Karim"
    dutch, english = text.split("\n\n\N{EM DASH}\n\n")
    assert "Vragen voor elk gesprek" in dutch
    assert "Questions for every meeting" in english
    assert "On other days" not in english


def test_an_event_of_one_meeting_has_the_questions_of_its_topic_with_the_session() -> None:
    made = proof.programme(METHOD)
    extra = next(item for item in next(iter(made.tracks.values())).items if item.rule == "look-back")
    topic = Topic(questions="look-back", training="specimen", session=date(2027, 1, 13))

    _, text = LETTERS.event(replace(extra, topics={extra.starts[0]: (topic,)}), made)

    assert "\nTerugblik op de training van dinsdag 12 en woensdag 13 januari\n- Wat heb je" in text


def test_a_series_of_two_trainings_names_the_training_of_each_look_back() -> None:
    made = proof.programme(METHOD)
    first = made.trainings["specimen"]
    second = replace(first, id="second", name="Gesprekken voeren")
    series = next(iter(made.tracks.values())).items[0]
    topics = {series.starts[0]: (Topic(questions="look-back", training="second", session=date(2026, 12, 8)),)}

    _, text = LETTERS.event(replace(series, topics=topics), replace(made, trainings={"specimen": first, "second": second}))

    assert text.startswith("Om de week een uur over wat Sanne bij Coachend leidinggeven en Gesprekken voeren leert")
    assert "Donderdag 17 december: terugblik op Gesprekken voeren van dinsdag 8 december\n" in text


def test_two_look_backs_of_one_meeting_are_told_as_one() -> None:
    made = proof.programme(METHOD)
    series = next(iter(made.tracks.values())).items[0]
    topics = tuple(Topic(questions="look-back", training="specimen", session=session) for session in (date(2026, 12, 8), date(2027, 1, 13)))

    _, text = LETTERS.event(replace(series, topics={series.starts[1]: topics}), made)

    assert "14 januari: terugblik op de training van dinsdag 8 december, dinsdag 12 en woensdag 13 januari\n- " in text


def test_every_reminder_asks_another_question() -> None:
    made = proof.programme(METHOD, mentees=3)
    reminder = next(item for item in next(iter(made.tracks.values())).items if item.rule == "reminder")

    title, text = LETTERS.event(reminder, made)

    asked = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("- ")]
    assert title == "Mentorkwartier Coachend leidinggeven"
    assert "Een kwartier voor Sanne, Noor en Sem." in text
    assert len(set(asked)) == len(asked) == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reasons_that_planning_gives_are_known_and_nobodys_absence_is_told(language: str) -> None:
    holiday, closed, away = date(2027, 4, 27), date(2027, 1, 4), date(2027, 1, 5)
    organisation = replace(proof.organisation(language), closed=(Span(closed, closed),))
    sanne = replace(proof.person("Sanne de Vries"), away=(Span(away, away),))

    sannes = WorkingDays(organisation, frozenset({holiday})).of(sanne)
    reasons = [sannes.why_off(day) for day in (holiday, closed, away)]

    assert set(reasons[:2]) <= set(REASONS[language])
    assert "Sanne" in reasons[2]
    assert "Sanne" not in reason(reasons[2], language)


# -- mail around an invitation -----------------------------------------------------------------------------------------


SERIES = Event(
    uid="x@beklijf",
    start=datetime(2026, 12, 17, 15, tzinfo=AMSTERDAM),
    minutes=60,
    recurrence=Recurrence(2, datetime(2027, 3, 11, 14, tzinfo=UTC)),
    overrides=(),
    title="Mentorgesprek Sanne en Karim",
    text="",
    location="Kamer 3",
    organizer=Contact("Mentorprogramma", "mentor@voorbeeld.example"),
    people=(Contact("Karim Bakker", "karim@voorbeeld.example"), Contact("Sanne de Vries", "sanne@voorbeeld.example")),
    alarms=(),
    free=False,
)


def test_an_invitation_says_when_on_both_clocks_and_with_whom() -> None:
    made = proof.programme(METHOD)
    karim = proof.person("Karim Bakker", "en", LONDON)

    mail = LETTERS.around("invitation", SERIES, karim, made)

    assert mail.subject == (
        "Invitation: Mentorgesprek Sanne en Karim, every two weeks from Thursday 17 December at 14:00 (15:00 in Amsterdam)"
    )
    assert "your meetings with Sanne de Vries." in mail.text
    assert "- The first time: Thursday 17 December 2026, 14:00\N{EN DASH}15:00 (15:00\N{EN DASH}16:00 in Amsterdam)\n" in mail.text
    assert "- After that every two weeks, up to and including Thursday 11 March 2027\n" in mail.text
    assert "- Where: Kamer 3\n" in mail.text


def test_a_meeting_of_a_series_that_moved_is_told_as_that_meeting() -> None:
    made = proof.programme(METHOD)
    sanne = proof.person("Sanne de Vries")
    moved = Override(datetime(2027, 1, 14, 14, tzinfo=UTC), datetime(2027, 1, 15, 9, tzinfo=UTC), 30)

    mail = LETTERS.around("update", SERIES, sanne, made, override=moved)

    assert mail.subject == "Verzet: Mentorgesprek Sanne en Karim, vrijdag 15 januari om 10.00 uur"
    assert "Het was donderdag 14 januari 2027, 15.00\N{EN DASH}16.00 uur en wordt:\n" in mail.text
    assert "- Wanneer: vrijdag 15 januari 2027, 10.00\N{EN DASH}10.30 uur\n" in mail.text


def test_a_meeting_of_a_series_that_is_off_leaves_the_others_as_they_are() -> None:
    made = proof.programme(METHOD)
    off = Override(datetime(2027, 1, 14, 14, tzinfo=UTC), None)

    mail = LETTERS.around("cancelled", SERIES, proof.person("Sanne de Vries"), made, override=off)

    assert mail.subject == "Vervalt: Mentorgesprek Sanne en Karim, donderdag 14 januari om 15.00 uur"
    assert "dat van donderdag 14 januari 2027, 15.00\N{EN DASH}16.00 uur. De andere gesprekken blijven" in mail.text


def test_who_leaves_an_event_reads_that_nothing_changes_for_the_other() -> None:
    made = proof.programme(METHOD)
    sanne = Contact("Sanne de Vries", "sanne@voorbeeld.example")

    mail = LETTERS.around("left", replace(SERIES, people=(sanne,)), proof.person("Karim Bakker"), made)

    assert "Voor Sanne de Vries verandert er niets." in mail.text


def test_a_rhythm_that_a_human_made_is_not_called_every_two_weeks() -> None:
    made = proof.programme(METHOD)
    other = replace(SERIES, recurrence=Recurrence(0, datetime(2027, 3, 11, 14, tzinfo=UTC), "FREQ=MONTHLY;BYDAY=3TH"))

    mail = LETTERS.around("update", other, proof.person("Karim Bakker"), made)

    assert "week" not in mail.text
    assert "- De laatste keer: donderdag 11 maart 2027\n" in mail.text


# -- templates of one's own --------------------------------------------------------------------------------------------


def own(folder: Path, name: str, text: str) -> Letters:
    path = folder / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return Letters(folder)


def test_a_file_of_ones_own_takes_the_place_of_that_file_only(tmp_path: Path) -> None:
    made = proof.programme(METHOD)
    letters = own(tmp_path, "nl/goals.md.j2", "Subject: Wat wil je?\n\nBeste {{ reader.name }},\n")

    mail = letters.letter(letter_of("goals", made), made)
    other = letters.letter(letter_of("progress", made), made)

    assert mail.subject == "Wat wil je?"
    assert mail.text.startswith("Beste Sanne de Vries,\n\nJe antwoord op deze brief")
    assert other == LETTERS.letter(letter_of("progress", made), made)


def test_who_opens_the_letters_again_reads_what_was_changed_in_between(tmp_path: Path) -> None:
    made = proof.programme(METHOD)
    before = own(tmp_path, "nl/goals.md.j2", "Subject: Wat wil je?\n\nBeste {{ reader.name }},\n")
    assert before.letter(letter_of("goals", made), made).subject == "Wat wil je?"

    (tmp_path / "nl" / "goals.md.j2").write_text("Subject: En nu?\n\nBeste {{ reader.name }},\n")

    assert Letters(tmp_path).letter(letter_of("goals", made), made).subject == "En nu?"
    assert before.letter(letter_of("goals", made), made).subject == "Wat wil je?"


def test_a_ninth_session_letter_of_ones_own_is_used_for_the_ninth_session(tmp_path: Path) -> None:
    letters = own(tmp_path, "nl/session-mentee/9.md.j2", "Subject: Negen\n\nDag.\n")

    assert letters.template(rule("session-mentee"), 9, "nl") == "nl/session-mentee/9.md.j2"
    assert letters.template(rule("session-mentee"), 10, "nl") == "nl/session-mentee/1.md.j2"
    assert proof.check(letters, [METHOD]) == []


def test_the_templates_that_come_with_it_are_sound() -> None:
    assert proof.check(LETTERS, [METHOD]) == []


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("Subject: Dag\n\nDag {{ reader.frist }},\n", 3, "'dict object' has no attribute 'frist'", "reader.first"),
        ("Subject: Dag\n\nDag,\n\n{{ purpose }}\n", 5, "'purpose' is undefined", "training.purpose"),
        ("Subject: Dag\n\n{% if goals %}\nDag\n", 4, "Unexpected end of template", ""),
        ("Subject: Dag\n\n{{ training.name | uper }}\n", 3, "No filter named 'uper'", ""),
        ('Subject: Dag\n\n\n{% include "nl/parts/nothing.md.j2" %}\n', 4, "there is no template nl/parts/nothing.md.j2", "README"),
        ("Dag Sanne,\n\nZonder onderwerp.\n", 1, 'has no "Subject:" on top', "the first line"),
        ("Subject: {{ '' }}\n\nDag.\n", 1, 'has no "Subject:" on top', "the first line"),
        ("Subject: Dag\n\n{{ 1 // 0 }}\n", 3, "integer division or modulo by zero", ""),
        ("Subject: Dag\n\n{{ ''.__class__.mro() }}\n", 3, "access to attribute '__class__' of 'str' object is unsafe.", ""),
    ],
)
def test_what_is_wrong_with_a_template_is_said_with_file_and_line(tmp_path: Path, text: str, line: int, what: str, hint: str) -> None:
    letters = own(tmp_path, "nl/goals.md.j2", text)

    problems = proof.check(letters, [METHOD])

    assert [(problem.file, problem.line) for problem in problems] == [(str(tmp_path / "nl/goals.md.j2"), line)]
    assert problems[0].what.startswith(what)
    assert hint in problems[0].hint


def test_a_line_break_can_not_get_into_a_subject(tmp_path: Path) -> None:
    made = proof.programme(METHOD)
    letters = own(tmp_path, "nl/goals.md.j2", 'Subject: Dag{{ "\\r" }}Bcc: iedereen@voorbeeld.example\n\nDag.\n')

    mail = letters.letter(letter_of("goals", made), made)

    assert mail.subject == "Dag Bcc: iedereen@voorbeeld.example"


def test_a_method_that_names_a_template_that_is_not_there_is_told_so() -> None:
    method = replace(METHOD, letters=(replace(rule("goals"), template="gaols"),))

    problems = proof.check(LETTERS, [method])

    assert {problem.what for problem in problems} == {"there is no template nl/gaols.md.j2", "there is no template en/gaols.md.j2"}


def test_a_file_with_a_misspelt_name_is_pointed_out(tmp_path: Path) -> None:
    letters = own(tmp_path, "nl/welcom-mentee.md.j2", "Subject: Dag\n\nDag.\n")

    problems = proof.check(letters, [METHOD])

    assert [(problem.file, problem.warning) for problem in problems] == [(str(tmp_path / "nl/welcom-mentee.md.j2"), True)]


def test_a_mail_that_gmail_would_cut_off_is_a_problem(tmp_path: Path) -> None:
    letters = own(tmp_path, "en/progress.md.j2", f"Subject: Long\n\n{'word ' * 30_000}\n")

    problems = proof.check(letters, [METHOD])

    assert [problem.where for problem in problems] == ["Long"]


def test_a_tag_alone_on_its_line_goes_with_the_line_and_others_keep_their_line_break(tmp_path: Path) -> None:
    made = proof.programme(METHOD)
    text = "Subject: Dag\n\nEen{% if goals %} doel.{% endif %}\n\n{% if goals %}\nTwee.\n{% endif %}\nDrie.\n"
    letters = own(tmp_path, "nl/goals.md.j2", text)

    page = letters.page(letter_of("goals", made), made)

    assert page.body == "Een doel.\n\nTwee.\nDrie."


def test_a_file_that_windows_wrote_is_as_good_as_any(tmp_path: Path) -> None:
    made = proof.programme(METHOD)
    path = tmp_path / "nl" / "goals.md.j2"
    path.parent.mkdir()
    path.write_bytes("\ufeffSubject: Dag\r\n\r\n{% if goals %}\r\nEén.\r\n{% endif %}\r\nTwee.\r\n".encode())

    mail = Letters(tmp_path).letter(letter_of("goals", made), made)

    assert mail.subject == "Dag"
    assert mail.text.startswith("Eén. Twee.\n\n")
    assert "\r" not in mail.text + mail.html


def test_a_file_that_is_not_utf_8_is_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "nl" / "goals.md.j2"
    path.parent.mkdir()
    path.write_bytes("Subject: Eén\n\nDag.\n".encode("latin-1"))

    problems = proof.check(Letters(tmp_path), [METHOD])

    assert [problem.file for problem in problems] == [str(path)]
    assert "utf-8" in problems[0].what


def test_a_bad_template_is_an_error_of_the_config() -> None:
    made = proof.programme(METHOD)
    nameless = replace(rule("goals"), template="nothing")
    letter = letter_of("goals", made)

    with pytest.raises(ConfigError):
        LETTERS.letter(replace(letter, wishes=(replace(letter.wishes[0], rule=nameless),)), made)


def test_the_readme_names_every_value_that_a_template_may_use() -> None:
    readme = (bundled_templates() / "README.md").read_text()
    made = proof.programme(METHOD)
    series = next(iter(made.tracks.values())).items[0]
    mentor = template_values.letter(letter_of("session-mentor", made), made, list(made.tracks.values()), Links())
    pairs = mentor.pop("pairs")
    assert isinstance(pairs, list)

    values = [
        mentor,
        pairs[0],
        template_values.letter(letter_of("session-mentee", made), made, list(made.tracks.values()), Links()),
        *(response_values.response(each, made, Links()) for each in responses(made, 3)),
        template_values.meeting(series, made, "nl", brief=False),
        template_values.invitation(SERIES, series, None, proof.person("Karim Bakker"), made),
    ]

    missing = {name for each in values for name in named(each) if not re.search(rf"[`.]{re.escape(name)}[`.]", readme)}
    assert missing == set()


def named(values: object) -> Iterator[str]:
    assert isinstance(values, dict)
    for name, value in values.items():
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value) if name == "training" else (name,)
        else:
            yield name


# -- words -------------------------------------------------------------------------------------------------------------


def test_days_and_lists_in_words() -> None:
    assert day(date(2027, 5, 5), "nl") == "woensdag 5 mei"
    assert day(date(2027, 5, 5), "en", year=True) == "Wednesday 5 May 2027"
    assert days([date(2027, 1, 12), date(2027, 1, 13), date(2027, 2, 1)], "nl") == "dinsdag 12, woensdag 13 januari en maandag 1 februari"
    assert [listed(["a", "b", "c"][:count], "en") for count in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_an_hour_elsewhere_names_its_day_where_that_differs() -> None:
    late = datetime(2027, 1, 14, 21, tzinfo=ZoneInfo("America/New_York"))

    assert (
        span(late, 60, AMSTERDAM, "nl")
        == "vrijdag 15 januari 2027, 03.00\N{EN DASH}04.00 uur (donderdag 21.00\N{EN DASH}22.00 uur in New York)"
    )

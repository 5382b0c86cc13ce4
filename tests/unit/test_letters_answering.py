"""Letters that can be answered, and letters that answer: their links, whom a reply reaches, and what is true where.

After a change that is meant: BEKLIJF_GOLDEN=write python -m pytest tests/unit/test_letters_answering.py, and read the diff.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.config.method import load_method
from beklijf.letters import TOO_LARGE, Letters, bundled_templates, html, markup, proof, reply_to, response_values
from beklijf.letters.specimens import CASES, READ, Setting, offers, responses
from beklijf.mime.links import Links, Replies
from beklijf.model import words
from beklijf.model.conversation import PAUSABLE, About, Hindrance, Offer, Response, Token, TokenKind
from beklijf.model.domain import Contact, Letter, MentorshipKey, Person, Programme
from beklijf.model.words import LANGUAGES
from beklijf.planning.events import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from beklijf.mime.messages import Rendered

GOLDEN = Path(__file__).parents[1] / "golden" / "letters"
METHOD, _ = load_method("default", Path())
LETTERS = Letters()
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
KEY = MentorshipKey("specimen/sanne@voorbeeld.example")
SANNE = proof.person("Sanne de Vries")
KARIM = proof.person("Karim Bakker")
THURSDAY = datetime(2027, 1, 14, 15, tzinfo=AMSTERDAM)
PLACE = THURSDAY.astimezone(UTC)
FRIDAY = THURSDAY + timedelta(days=1)
MENTEE = Setting(organized_by="mentee")
ANSWERED = Response(
    about=About.MOVED,
    mentorship=KEY,
    person=SANNE.key,
    other=KARIM.key,
    uid="u@beklijf",
    recurrence_id=PLACE,
    series=True,
    was=THURSDAY,
    start=FRIDAY,
)

every_language = pytest.mark.parametrize("language", LANGUAGES)


def made(setting: Setting = READ, language: str = "nl") -> Programme:
    return setting.of(proof.programme(METHOD, language=language))


def letter(name: str, programme: Programme) -> Letter:
    return next(each for each in proof.all_letters(LETTERS, programme) if each.wishes[0].rule.template == name)


def mails(programme: Programme, links: Links, count: int = 3) -> Iterator[Rendered]:
    for each in proof.all_letters(LETTERS, programme):
        yield LETTERS.letter(each, programme, links, offers=offers(count, AMSTERDAM))
    for response in responses(programme, count):
        yield LETTERS.response(response, programme, links)


def asked(link: str) -> tuple[str, str, str]:
    """Return to whom a link opens a mail, with which subject and body, as a mail program would."""
    scheme, _, rest = link.partition(":")
    address, _, query = rest.partition("?")
    fields = parse_qs(query, keep_blank_values=True, strict_parsing=True)
    assert scheme == "mailto"
    return unquote(address), fields["subject"][0], fields.get("body", [""])[0]


def links_of_html(page: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'href="(mailto:[^"]*\?[^"]*)"', page)]


def links_of_text(text: str) -> list[str]:
    return re.findall(r"^ *<(mailto:\S*)>$", text, re.MULTILINE)


def above_signature(mail: Rendered) -> str:
    return mail.text.partition("\n-- \n")[0].rstrip()


# -- golden files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "name", "setting", "count"),
    [(language, *case) for language, case in product(LANGUAGES, [("read", READ, 3), ("unread", Setting(), 1), ("mentee", MENTEE, 0)])],
)
def test_the_letters_are_those_of_the_golden_file(language: str, name: str, setting: Setting, count: int) -> None:
    programme, links = made(setting, language), setting.links()
    times = offers(count, AMSTERDAM)

    letters = [
        LETTERS.letter(letter(template, programme), programme, links, offers=times)
        for template in ("welcome-mentee", "welcome-mentor", "goals", "nudge", "ask", "closing-mentee")
    ]
    events = [LETTERS.event(item, programme) for item in programme.tracks[KEY].items[:1]]
    answers = [LETTERS.response(response, programme, links) for response in responses(programme, count)]

    pages = [f"Subject: {mail.subject}\n\n{above_signature(mail)}\n" for mail in (*letters, *answers)]
    pages += [f"Title: {title}\n\n{text.rstrip()}\n" for title, text in events]
    text = f"\n{'=' * 72}\n\n".join(pages)
    path = GOLDEN / f"{language}-answering-{name}-{count}-times.txt"
    if os.environ.get("BEKLIJF_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


# -- links -------------------------------------------------------------------------------------------------------------


def test_a_token_is_a_function_of_what_it_is_for_and_of_the_secret() -> None:
    first, again, other = Links("m@x.example", b"one"), Links("m@x.example", b"one"), Links("m@x.example", b"two")
    tokens = {
        links.mailto(TokenKind.PAUSE, KEY, person, {"kind": kind}, subject="x")
        for links, person, kind in product((first, again, other), (SANNE.key, KARIM.key), PAUSABLE)
    }

    assert len(tokens) == 2 * 2 * 3
    assert first.made == again.made
    assert all(re.fullmatch(r"bk-[a-z2-7]{20}", token.token) for token in first.made)


def test_the_order_of_a_value_does_not_matter() -> None:
    links = Links("m@x.example", b"one")

    for value in ({"uid": "u", "place": ""}, {"place": "", "uid": "u"}):
        links.mailto(TokenKind.ONCE, KEY, SANNE.key, value, subject="x")

    assert len(links.made) == 1


@pytest.mark.parametrize("links", [Links(), Links("m@x.example"), Links("m@x.example", b""), Links("", b"secret")])
def test_without_a_mailbox_or_a_secret_there_is_no_link_and_no_token(links: Links) -> None:
    replies = Replies(links, KEY, SANNE)

    assert [
        replies.goal(),
        replies.pause("letters"),
        replies.once(FRIDAY, uid="u", recurrence_id=PLACE),
        links.unsubscribe(KEY, SANNE),
    ] == [""] * 4
    assert not links.works
    assert links.made == []


def test_a_secret_is_not_shown() -> None:
    assert "geheim" not in repr(Links("m@x.example", b"geheim"))


def test_each_link_carries_what_its_kind_needs() -> None:
    links = Links("m@x.example", b"one")
    replies = Replies(links, KEY, SANNE)

    replies.goal()
    replies.pause("meetings")
    replies.resume("letters")
    replies.hour(Offer(FRIDAY, 60))
    replies.time(Offer(FRIDAY, 45), uid="u@beklijf", recurrence_id=PLACE)
    replies.time(Offer(FRIDAY, 45), uid="u@beklijf", recurrence_id=None)
    replies.once(FRIDAY, uid="u@beklijf", recurrence_id=PLACE)

    friday, place = "2027-01-15T15:00:00+01:00", "2027-01-14T14:00:00+00:00"
    assert [(token.kind, dict(token.value)) for token in links.made] == [
        (TokenKind.GOAL, {}),
        (TokenKind.PAUSE, {"kind": "meetings"}),
        (TokenKind.RESUME, {"kind": "letters"}),
        (TokenKind.HOUR, {"start": friday, "zone": "Europe/Amsterdam", "minutes": "60"}),
        (TokenKind.TIME, {"uid": "u@beklijf", "place": place, "start": friday, "minutes": "45"}),
        (TokenKind.TIME, {"uid": "u@beklijf", "place": "", "start": friday, "minutes": "45"}),
        (TokenKind.ONCE, {"uid": "u@beklijf", "place": place, "start": friday}),
    ]
    assert {(token.mentorship, token.person) for token in links.made} == {(KEY, SANNE.key)}


anything = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Zl", "Zp"]))


@given(anything, anything, st.sampled_from(["mentor@voorbeeld.example", "a+b&c=d?e#f'g%h@bücher.example", "(x)_*y*_[z]@x.example"]))
def test_a_link_says_the_same_in_both_parts_of_a_mail_whatever_is_in_it(subject: str, body: str, address: str) -> None:
    links = Links(address, b"one")
    link = links.mailto(TokenKind.GOAL, KEY, SANNE.key, subject=subject, body=body)
    source = f"Dag,\n\n- [Kies {markup.literal('[dit] & (dat)')}]({link})\n- Iets anders"

    page, text = html.to_html(source, {"a": "color:#111;"}), markup.to_text(source)

    assert links_of_html(page) == links_of_text(text) == [link]
    assert text == f"Dag,\n\n- Kies [dit] & (dat)\n  <{link}>\n- Iets anders\n"
    assert 'style="color:#111;">Kies [dit] &amp; (dat)</a>' in page
    to, said, prefilled = asked(link)
    assert to.replace("bücher", "xn--bcher-kva") == address.replace("bücher", "xn--bcher-kva")
    assert said == f"{subject} [{links.made[0].token}]"
    assert prefilled == body


def test_a_link_is_encoded_as_the_standard_has_it() -> None:
    link = Links("m@x.example", b"one").mailto(TokenKind.GOAL, KEY, SANNE.key, subject="Eén doel", body="Doel: \nDag")

    assert re.fullmatch(r"mailto:m@x\.example\?subject=E%C3%A9n%20doel%20%5Bbk-[a-z2-7]{20}%5D&body=Doel%3A%20%0D%0ADag", link)


def test_a_link_in_a_sentence_stands_below_its_paragraph_in_text() -> None:
    assert markup.to_text("Geen brieven? [Pauzeer ze](mailto:a@b?subject=x).\nEcht.\n\nDag") == (
        "Geen brieven? Pauzeer ze. Echt.\n<mailto:a@b?subject=x>\n\nDag\n"
    )


# -- links in letters --------------------------------------------------------------------------------------------------


@every_language
def test_every_link_in_every_letter_carries_a_token_that_was_handed_over(language: str) -> None:
    programme = made(READ, language)
    for each in mails(programme, READ.links()):
        assert links_of_html(each.html) == links_of_text(each.text)
    links = READ.links()
    found = {link for each in mails(programme, links) for link in links_of_html(each.html)}

    known = {token.token for token in links.made}
    asks = [asked(link) for link in found]
    assert {to for to, _, _ in asks} == {"mentor@voorbeeld.example"}
    assert {subject.rpartition("[")[2].rstrip("]") for _, subject, _ in asks} <= known
    assert {token.kind for token in links.made} == set(TokenKind) - {TokenKind.CONFIRM}  # that one is for the coordinator
    assert {body for _, _, body in asks} == {words.GOAL_LINE[language], words.ASKS["send"][language]}


def test_rendering_twice_gives_the_same_bytes_and_the_same_tokens() -> None:
    programme, first, second = made(), READ.links(), READ.links()

    assert list(mails(programme, first)) == list(mails(programme, second))
    assert first.made == second.made
    assert len({token.token for token in first.made}) == len(first.made)


@pytest.mark.parametrize("setting", [Setting(), MENTEE])
def test_where_no_mail_is_read_no_letter_has_a_link(setting: Setting) -> None:
    programme, links = made(setting), setting.links()

    pages = [(mail.html, mail.text) for mail in mails(programme, links)]

    assert not [page for page, text in pages if links_of_html(page) or "<mailto" in text or 'href=""' in page]
    assert links.made == []


@every_language
def test_letters_with_links_are_small_and_load_nothing_from_outside(language: str) -> None:
    pages = [mail.html for mail in mails(made(READ, language), READ.links())]

    assert max(len(page.encode()) for page in pages) < TOO_LARGE
    assert not [page for page in pages if re.search(r"http|src=|url\(|@import|<link|<img", page)]


def test_unsubscribing_is_the_same_as_the_link_below_the_letter() -> None:
    programme, links = made(), READ.links()
    mail = LETTERS.letter(letter("session-mentee", programme), programme, links)

    header = links.unsubscribe(KEY, programme.tracks[KEY].mentorship.mentee)

    to, subject, body = asked(header.removeprefix("<").removesuffix(">"))
    assert (to, body) == ("mentor@voorbeeld.example", "")
    assert [asked(link)[1] for link in links_of_text(mail.text)] == [subject]
    assert (
        links.made.count(Token(token=subject[-24:-1], kind=TokenKind.PAUSE, mentorship=KEY, person=SANNE.key, value={"kind": "letters"}))
        == 1
    )


def test_the_last_letter_has_nothing_to_pause() -> None:
    programme = made()

    mail = LETTERS.letter(letter("closing-mentee", programme), programme, READ.links())

    assert "pauze" not in mail.text


@pytest.mark.parametrize(("name", "kinds"), [("welcome-mentee", {"letters", "meetings"}), ("welcome-mentor", set(PAUSABLE))])
def test_a_welcome_letter_lists_all_that_its_reader_can_pause(name: str, kinds: set[str]) -> None:
    programme, links = made(), READ.links()

    mail = LETTERS.letter(letter(name, programme), programme, links)

    by_token = {token.token: token.value.get("kind") for token in links.made}
    assert {by_token[asked(link)[1][-24:-1]] for link in links_of_text(mail.text)} == kinds


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_welcome_letter_offers_other_hours_where_there_are_some(count: int) -> None:
    programme, links = made(), READ.links()

    mail = LETTERS.letter(letter("welcome-mentee", programme), programme, links, offers=offers(count, AMSTERDAM))

    assert sum(token.kind is TokenKind.HOUR for token in links.made) == count
    assert ("Past het vaste uur je helemaal niet?" in mail.text) is (count > 0)
    assert ("- Maandag om 10.00 uur\n  <mailto:" in mail.text) is (count > 0)


# -- who gets a reply, who reads what ----------------------------------------------------------------------------------


def test_only_a_reply_to_the_goals_letter_comes_to_us_and_it_says_so() -> None:
    programme, links = made(), READ.links()
    ours = Contact("Mentorprogramma", "mentor@voorbeeld.example")

    reached = {each.wishes[0].rule.template: reply_to(each, programme, links) for each in proof.all_letters(LETTERS, programme)}
    mail = LETTERS.letter(letter("goals", programme), programme, links)

    assert [name for name, contact in reached.items() if contact == ours] == ["goals"]
    assert reply_to(letter("goals", programme), programme).email == KARIM.email
    assert reply_to(letter("goals", programme), programme, Links()).email == KARIM.email
    assert "komt dat binnen bij Mentorprogramma" in mail.text
    assert "Al het andere gaat ongelezen door naar Marieke Smit." in mail.text
    assert "niemand anders" not in mail.text


@every_language
def test_a_letter_names_whom_its_reply_reaches(language: str) -> None:
    programme, links = made(READ, language), READ.links()

    for response in responses(programme, 1):
        assert f" {response_values.reply_to(response, programme).name}" in LETTERS.response(response, programme, links).text


@pytest.mark.parametrize(
    ("about", "person", "to"),
    [
        (About.MOVED, SANNE, KARIM.email),
        (About.MOVED, KARIM, "opleidingen@voorbeeld.example"),
        (About.GOAL_NOTED, SANNE, KARIM.email),
        (About.MENTOR_PAUSED, SANNE, "opleidingen@voorbeeld.example"),
        (About.MAILBOX_GONE, SANNE, "opleidingen@voorbeeld.example"),
    ],
)
def test_a_reply_to_an_answer_goes_to_the_mentor_while_there_is_one_to_talk_to(about: About, person: Person, to: str) -> None:
    assert response_values.reply_to(replace(ANSWERED, about=about, person=person.key), made()).email == to


def test_there_is_no_answer_to_somebody_who_has_left() -> None:
    programme = made()

    assert response_values.receiver(ANSWERED, programme) == programme.tracks[KEY].mentorship.mentee
    assert response_values.receiver(replace(ANSWERED, person="weg@voorbeeld.example"), programme) is None
    assert response_values.receiver(replace(ANSWERED, mentorship=MentorshipKey("weg/weg")), programme) is None
    with pytest.raises(LookupError, match="a response to nobody"):
        LETTERS.response(replace(ANSWERED, person="weg@voorbeeld.example"), programme)


def test_a_welcome_letter_says_that_answers_are_read_only_where_they_are() -> None:
    said = {
        setting: LETTERS.letter(letter(name, programme), programme, setting.links()).text
        for setting in (READ, Setting())
        for programme in (made(setting),)
        for name in ("welcome-mentee",)
    }

    assert "dan leest beklijf dat" in said[READ]
    assert "alleen namen als Gemeente Voorbeeld daarvoor heeft gekozen" in said[READ]
    assert "leest beklijf" not in said[Setting()]


# -- ways to move ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (Setting(), "Spreek samen een ander uur af en geef het door aan Marieke Smit"),
        (READ, "Een voorstel van Sanne verzet het gesprek voor jullie allebei. Een voorstel van Karim gaat eerst naar Sanne."),
        (replace(READ, mentor_proposal="apply"), "). Dan wordt het voor jullie allebei verzet. Geen knop?"),
        (
            replace(READ, mentee_proposal="ask"),
            "Een voorstel van Sanne gaat eerst naar Karim. Een voorstel van Karim gaat eerst naar Sanne.",
        ),
        (MENTEE, "Sanne verzet het in de eigen agenda, dan verschuift het voor jullie allebei."),
        (replace(MENTEE, reads_mail=True), "Karim stelt vanuit de uitnodiging een andere tijd voor, of vraagt het Sanne."),
    ],
)
def test_an_event_names_a_way_to_move_it_that_works(setting: Setting, said: str) -> None:
    programme = made(setting)

    _, text = LETTERS.event(programme.tracks[KEY].items[0], programme)

    assert said in text


@pytest.mark.parametrize(
    ("setting", "name", "said"),
    [
        (READ, "welcome-mentee", "Dan wordt het voor jullie allebei verzet."),
        (READ, "welcome-mentor", "Je collega krijgt je voorstel en kan het overnemen."),
        (replace(READ, mentee_proposal="ask"), "nudge", "Je mentor krijgt je voorstel en kan het overnemen."),
        (MENTEE, "nudge", "Verzet het in je eigen agenda, dan verschuift het voor jullie allebei."),
        (MENTEE, "ask", "vraag je collega om het te verzetten"),
        (Setting(), "nudge", "geef het door aan Marieke Smit"),
    ],
)
def test_a_letter_names_a_way_to_move_that_works_for_its_reader(setting: Setting, name: str, said: str) -> None:
    programme = made(setting)

    assert said in LETTERS.letter(letter(name, programme), programme, setting.links()).text


def test_the_mail_around_an_invitation_speaks_to_the_one_who_reads_it() -> None:
    programme = made()
    track = programme.tracks[KEY]
    series = track.items[0]
    event = Writer(installation="specimen", programme=programme, texts=LETTERS).event(series)

    said = [LETTERS.around("invitation", event, person, programme, item=series).text for person in series.people]
    unknown = LETTERS.around("invitation", event, series.people[0], programme).text

    assert "Dan wordt het voor jullie allebei verzet." in said[0]
    assert "Je collega krijgt je voorstel" in said[1]
    assert "geef het door aan Marieke Smit" in unknown


# -- answers -----------------------------------------------------------------------------------------------------------


def test_every_answer_has_a_template_and_every_template_is_proved() -> None:
    files = {path.name.removesuffix(".md.j2") for path in (bundled_templates() / "nl" / "responses").iterdir()}

    proved = {(response.about, response.why) for response in responses(made(), 3)}

    assert files == set(About) == {about for about, _ in proved}
    assert {why for _, why in proved if why} == set(Hindrance)


@every_language
def test_every_setting_and_every_number_of_times_gives_whole_letters(language: str) -> None:
    for setting, count in CASES:
        programme = made(setting, language)
        for mail in mails(programme, setting.links(), count):
            assert not re.search(r"None|\{|\}|\[\]|  \S|\( |,,|(?<!\.)\.\.(?!\.)", mail.text.replace("\n  <", "\n<")), mail.text


@every_language
def test_two_answers_about_two_days_have_two_subjects(language: str) -> None:
    programme = made(READ, language)
    later = timedelta(days=14)

    for response in responses(programme, 1):
        other = replace(
            response,
            was=response.was + later if response.was and not (response.series and response.recurrence_id is None) else response.was,
            start=response.start + later if response.start else None,
            first=response.first + later if response.first else None,
        )
        if other != response:
            assert LETTERS.response(other, programme).subject != LETTERS.response(response, programme).subject


def test_a_move_of_one_of_many_asks_whether_it_is_for_once_and_silence_means_yes() -> None:
    programme, links = made(), READ.links()

    mail = LETTERS.response(ANSWERED, programme, links)
    single = LETTERS.response(replace(ANSWERED, series=False, recurrence_id=None), programme, READ.links())

    assert "- Alleen deze keer\n" in mail.text
    assert "- Voortaan vrijdag om 15.00 uur\n" in mail.text
    assert "Laat je niets horen, dan geldt het alleen deze keer." in mail.text
    assert [token.kind for token in links.made if token.kind is not TokenKind.PAUSE] == [TokenKind.ONCE, TokenKind.HOUR]
    assert "Voortaan" not in single.text


@pytest.mark.parametrize(
    ("series", "recurrence_id", "kind"), [(True, None, TokenKind.HOUR), (True, PLACE, TokenKind.TIME), (False, None, TokenKind.TIME)]
)
def test_times_that_are_offered_move_what_the_answer_is_about(series: bool, recurrence_id: datetime | None, kind: TokenKind) -> None:
    links = READ.links()
    answer = replace(
        ANSWERED, about=About.IMPOSSIBLE, why=Hindrance.TAKEN, series=series, recurrence_id=recurrence_id, offers=offers(3, AMSTERDAM)
    )

    LETTERS.response(answer, made(), links)

    assert [token.kind for token in links.made if token.kind is not TokenKind.PAUSE] == [kind] * 3


@pytest.mark.parametrize(
    ("setting", "person", "said"),
    [
        (replace(READ, mentee_proposal="ask"), SANNE, "Dan wordt het voor jullie allebei verzet."),
        (READ, KARIM, "Sanne krijgt je voorstel en kan het overnemen."),
        (replace(READ, mentor_proposal="apply"), KARIM, "Dan wordt het voor jullie allebei verzet."),
    ],
)
def test_a_time_that_we_offered_is_the_mentees_to_choose_whatever_is_asked_of_proposals(
    setting: Setting, person: Person, said: str
) -> None:
    answer = replace(ANSWERED, about=About.IMPOSSIBLE, person=person.key, why=Hindrance.PAST, offers=offers(1, AMSTERDAM))

    assert said in LETTERS.response(answer, made(setting), setting.links()).text


def test_a_proposal_is_put_with_one_link_and_without_pushing() -> None:
    links = READ.links()

    mail = LETTERS.response(replace(ANSWERED, about=About.PROPOSED), made(), links)

    assert mail.subject == "Karim stelt vrijdag 15 januari om 15.00 uur voor, in plaats van donderdag 14 januari om 15.00 uur"
    assert [dict(token.value) for token in links.made if token.kind is TokenKind.TIME] == [
        {"uid": "u@beklijf", "place": "2027-01-14T14:00:00+00:00", "start": "2027-01-15T15:00:00+01:00", "minutes": "60", "agreed": "yes"}
    ]
    assert "niets doen mag ook: dan blijft het gesprek op donderdag 14 januari om 15.00 uur." in mail.text


def test_a_time_is_told_on_the_readers_clock() -> None:
    programme = made()
    track = programme.tracks[KEY]
    abroad = replace(track.mentorship.mentee, zone=ZoneInfo("Europe/London"))
    programme = replace(programme, tracks={KEY: replace(track, mentorship=replace(track.mentorship, mentee=abroad))})

    mail = LETTERS.response(ANSWERED, programme, READ.links())

    assert "is nu vrijdag 15 januari om 14.00 uur (15.00 uur in Amsterdam)." in mail.text
    assert "- Voortaan vrijdag om 15.00 uur (tijd in Amsterdam)\n" in mail.text


def test_a_noted_goal_is_quoted_as_it_was_written_and_stays_out_of_the_subject() -> None:
    goal = "<b>Eerst</b> *vragen* [bk-x](mailto:x) & {{ dan }}"
    answer = Response(about=About.GOAL_NOTED, mentorship=KEY, person=SANNE.key, goal=goal, first=date(2027, 1, 11))

    mail = LETTERS.response(answer, made(), READ.links())

    assert f"\n> {goal}\n" in mail.text
    assert "<b>" not in mail.html
    assert mail.subject == "Je doel is genoteerd op maandag 11 januari (Coachend leidinggeven)"


# -- mails to staff ----------------------------------------------------------------------------------------------------


PAUSE = {"kinds": "brieven", "first": "maandag 11 januari 2027", "until": ""}
SAID = {
    "aside": {"name": "series-1.ics", "what": "RecursionError"},
    "bounced": {"name": "Sanne de Vries", "address": "sanne@voorbeeld.example", "note": "550 5.1.1 {user} unknown"},
    "forwarded": {"address": "iemand@elders.example"},
    "stranger": {"address": "s.devries@voorbeeld.example", "names": "Sanne en Karim"},
    "unproved": {
        "name": "Sanne de Vries",
        "address": "sanne@voorbeeld.example",
        "asked": words.REQUESTS["move"]["nl"].format(was="di 2 maart 2027 om 10.00 uur", start="wo 3 maart 2027 om 11.00 uur"),
    },
    "silent": {"training": "Coachend leidinggeven", "pairs": "twee koppels", "days": "21"},
    "paused": {"name": "Sanne de Vries"} | PAUSE,
    "resumed": {"name": "Sanne de Vries"} | PAUSE,
    "mailbox-gone": {"name": "Sanne de Vries", "address": "sanne@voorbeeld.example", "other": "Karim"},
}


@pytest.mark.parametrize(("name", "language"), list(product(SAID, LANGUAGES)))
def test_a_mail_to_staff_says_what_happened_in_the_language_of_the_organisation(name: str, language: str) -> None:
    programme = made(READ, language)

    title, lines = words.NOTICES[name][language].format("Sanne"), words.lines(name, language, **SAID[name])
    mail = LETTERS.notice(programme, programme.organisation.coordinator, title, lines)

    assert mail.subject == f"beklijf: {title}"
    assert "\n".join(f"- {line}" for line in lines) in mail.text
    assert all(any(value in line for line in lines) for key, value in SAID[name].items() if (name, key) not in NOT_TOLD)


NOT_TOLD = {("resumed", "first"), ("resumed", "until")}


@every_language
def test_a_link_in_a_mail_to_staff_is_one(language: str) -> None:
    programme = made(READ, language)
    link = READ.links().mailto(TokenKind.CONFIRM, KEY, SANNE.key, {"uid": "u@beklijf"}, subject="Klopt: 10 & 11", body="x")

    mail = LETTERS.notice(programme, programme.organisation.coordinator, "vraag", ["Een regel."], link=link)

    assert links_of_html(mail.html) == links_of_text(mail.text) == [link]


def test_every_mail_to_staff_has_a_title_and_its_lines_in_both_languages() -> None:
    assert {name.removesuffix("-do") for name in words.LINES} == set(SAID) <= set(words.NOTICES)
    texts_of_all = (*words.NOTICES.values(), *words.LINES.values(), *words.REQUESTS.values())
    assert all(set(texts) == set(LANGUAGES) for texts in texts_of_all)


def test_a_pause_is_told_with_its_days() -> None:
    until = words.pausing(["letters", "meetings"], date(2027, 1, 11), date(2027, 2, 5), "nl")
    open_ended = words.pausing(["letters"], date(2027, 1, 11), None, "en")

    assert words.lines("paused", "nl", name="Sanne", **until) == [
        "Sanne: geen brieven en gesprekken, vanaf maandag 11 januari 2027 tot en met vrijdag 5 februari 2027."
    ]
    assert words.lines("paused", "en", name="Sanne", **open_ended) == ["Sanne: no letters, from Monday 11 January 2027."]


def test_pairs_are_counted_in_words() -> None:
    assert [words.pairs(count, "nl") for count in (1, 3)] == ["één koppel", "drie koppels"]
    assert [words.pairs(count, "en") for count in (1, 30)] == ["one pair", "30 pairs"]

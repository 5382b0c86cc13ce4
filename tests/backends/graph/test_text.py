"""An event's text between our lines and Exchange's HTML, with Microsoft's own part below it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.ical.reader import plain_text
from beklijf.mime.html import to_html, to_text

LINE = '<div style="width:100%"><span style="opacity:.36">' + "_" * 80 + "</span></div>"
TEAMS = f'{LINE}<div class="me-email-text"><a href="https://teams.microsoft.com/x">Deelnemen</a></div>{LINE}'


def as_exchange(html: str) -> str:
    """Return HTML as Exchange hands it back: a whole page, with line ends of its own between the blocks."""
    head = '<html>\r\n<head>\r\n<meta http-equiv="Content-Type" content="text/html; charset=utf-8"><style>p {margin:0}</style></head>\r\n'
    blocks = html.replace("</div><div>", "</div>\r\n<div>")
    return f"{head}<body>\r\n{blocks}\r\n</body>\r\n</html>\r\n"


@given(st.text(st.sampled_from("ab <>&;\t\né🙂_\"'-")))
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert to_text(as_exchange(to_html(text))) == plain_text(text)


@pytest.mark.parametrize("text", ["3\u00a0maart", "om 10\u00a0uur,  in zaal\u00a01"])
def test_a_blank_that_keeps_two_words_together_stays_one(text: str) -> None:
    assert to_text(as_exchange(to_html(text))) == text


@given(st.text(st.sampled_from("ab <>&;\n é-")), st.text(st.sampled_from("ab \n<&")))
def test_another_text_in_an_online_meeting_leaves_microsofts_part_byte_for_byte(text: str, another: str) -> None:
    before = as_exchange(to_html(text) + f"<br>\r\n{TEAMS}")

    after = to_html(another, before, online=True)

    assert to_text(before, online=True) == plain_text(text)
    assert to_text(after, online=True) == plain_text(another)
    assert after[after.index("<br>\r\n" + LINE) :] == before[before.index("<br>\r\n" + LINE) :]
    assert after[: after.index("<body>")] == before[: before.index("<body>")]


def test_a_frame_without_its_line_is_microsofts_too() -> None:
    html = as_exchange('<div>Waar wil je aan werken?</div><div><br></div><div class="me-email-text">Microsoft Teams</div>')

    assert to_text(html, online=True) == "Waar wil je aan werken?"
    assert 'class="me-email-text">Microsoft Teams' in to_html("Anders", html, online=True)


def test_an_online_meeting_whose_link_stands_elsewhere_has_nothing_but_our_text() -> None:
    html = as_exchange("<div>Waar wil je aan werken?</div>")

    assert to_text(html, online=True) == "Waar wil je aan werken?"
    assert to_text(to_html("Anders", html, online=True), online=True) == "Anders"


def test_lines_to_fill_in_are_text_where_there_is_no_online_meeting() -> None:
    text = "Mijn doel:\n" + "_" * 70

    assert to_text(as_exchange(to_html(text))) == text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("een<br>twee<br><br>vier", "een\ntwee\n\nvier"),
        ("<p class=MsoNormal>een</p><p class=MsoNormal>&nbsp;</p><p>drie</p>", "een\n\ndrie"),
        ("<div>een<br></div><div><br></div><div>drie</div>", "een\n\ndrie"),
        ("<ul>\r\n<li>een</li>\r\n<li>twee</li></ul>", "een\ntwee"),
        ("<table><tr><td>een</td><td>twee</td></tr></table>", "een twee"),
        ("<h1>Kop</h1>tekst<!-- niet <p>dit --> erna", "Kop\ntekst erna"),
        ("<b>vet</b> en <a href='https://x.example'>hier</a>", "vet en hier"),
        ("<style>p { }</style><title>nee</title>ja", "ja"),
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("<head>nooit gesloten<body>ja", "ja"),
        ("", ""),
    ],
)
def test_what_people_see_is_what_is_read(html: str, text: str) -> None:
    assert to_text(html) == text


@pytest.mark.parametrize("piece", ["<div>", "<a href='", "<!--", "&nbsp;", " ", "\n ", "<", "_" * 59 + "<p>", "<div class=x"])
def test_no_html_takes_long(piece: str) -> None:
    """A hundred thousand times anything: what isn't linear in it would take hours, and pytest would never come back."""
    assert isinstance(to_text(piece * 100_000, online=True), str)

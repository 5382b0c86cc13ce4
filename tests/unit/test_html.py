"""One reader of HTML for mails, for Google's descriptions and for Exchange's events: any HTML at all, in one pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beklijf.backends.google.text import to_description
from beklijf.backends.google.text import to_text as from_description
from beklijf.ical.reader import plain_text
from beklijf.mime.html import lines, to_html, to_text
from beklijf.replies.own_text import from_html

PIECES = ["<p>", "</p>", "<br/>", "<div class='x", "<blockquote>", "</blockquote>", "<td>", "<!--", "-->", "<!", "<?x>", "</", "<", ">"]
PIECES += ["<head>", "<body>", "<script>", "</script>", "<style>", "<title>", "&nbsp;", "&lt;", "&#10;", "&#13;", "&#0;", "&", "&#xffffff;"]
PIECES += ["\n", "\r\n", " ", "\t", "\0", "\ud800", "\u00a0", "a", "b", "_" * 60, "me-email-text"]
TEXT = st.text(st.sampled_from("ab <>&;\né🙂_\"'-/p"))


@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
def test_whatever_html_it_is_it_is_read_and_a_line_is_one_line(html: str) -> None:
    assert not any({"\n", "\r"} & set(line.text) for line in lines(html))
    assert [isinstance(read(html), str) for read in (from_html, from_description, to_text)] == [True] * 3
    assert to_text(to_html("a", html, online=True), online=True) is not None


@given(TEXT)
def test_what_we_wrote_as_html_is_read_in_a_mail_as_well(text: str) -> None:
    assert from_html(to_html(text)).replace("\u00a0", " ") == plain_text(text)


@given(TEXT | st.text(st.sampled_from("&nbsp;<br>\t ")))
def test_what_we_wrote_as_a_description_comes_back(text: str) -> None:
    assert from_description(to_description(text)) == plain_text(text)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>een</p>\n<p>twee</p>", "een\n\ntwee"),
        ("<ul>\n<li>een</li>\n<li>twee</li>\n</ul>", "een\ntwee"),
        ("een\n\n<b>twee</b>\ndrie", "een\n\ntwee\ndrie"),
        ("<div>een<br></div><div>twee</div>", "een\ntwee"),
        ("<table><tr><td>een</td><td>twee</td></tr></table>", "een twee"),
        ("een<!-- niet dit --> twee", "een twee"),
    ],
)
def test_line_ends_in_a_description_are_seen_but_for_those_between_blocks(html: str, text: str) -> None:
    assert from_description(html) == text


@pytest.mark.parametrize("html", ["<script>'<style>'</script>ja", "<head><title>nee</head>ja", "<title>nee<br></title>ja"])
def test_what_is_not_seen_ends_where_it_ends(html: str) -> None:
    assert from_html(html) == from_description(html) == to_text(html) == "ja"


@pytest.mark.parametrize("piece", ["<p>", "</p><p>", "<a href='", "<!--", "&nbsp;", "\n", "<", "<blockquote>", "<script>", "<td>"])
def test_no_html_takes_long_wherever_it_is_read(piece: str) -> None:
    """A hundred thousand times anything: what isn't linear in it would take hours, and pytest would never come back."""
    html = piece * 100_000

    assert isinstance(from_html(html), str)
    assert isinstance(from_description(html), str)

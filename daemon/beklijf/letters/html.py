"""Markdown with people's own words in it -> the HTML part of a mail."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

from beklijf.letters.markup import MAIL_END, MAIL_START, SHOW

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN = {hidden: html.escape(char) for hidden, char in SHOW.items()}
_MAIL = re.compile(f"{MAIL_START}([^{MAIL_START}{MAIL_END}]*){MAIL_END}")
_markdown = MarkdownIt("commonmark", {"html": False})


def to_html(source: str, styles: Mapping[str, str]) -> str:
    """Return Markdown as HTML with a ``style`` on every tag that *styles* names: mail programs drop style sheets."""
    tokens = _markdown.parse(source)
    for token in (each for block in tokens for each in (block, *(block.children or ()))):
        if token.nesting >= 0 and token.tag in styles:
            token.attrSet("style", styles[token.tag])
    rendered: str = _markdown.renderer.render(tokens, _markdown.options, {})
    link = styles.get("a", "")
    linked = _MAIL.sub(lambda found: f'<a href="mailto:{found[1]}" style="{link}">{found[1]}</a>', rendered)
    return linked.translate(_SHOWN)

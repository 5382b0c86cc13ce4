"""Templates -> what people read: letters, event texts, the mail around an invitation, notices to staff.

Decides not who gets what, or when. One Markdown source makes both parts of a mail, so text and HTML can't differ.
Templates are operator-trusted but sandboxed; what one of them does wrong is a `ConfigError` that names its file and line.
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jinja2 import BytecodeCache, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from beklijf.boundary import contents
from beklijf.letters import markup, response_values, template_values
from beklijf.mime.links import Links
from beklijf.mime.messages import Rendered
from beklijf.model import words
from beklijf.model.conversation import Response
from beklijf.model.domain import Kind
from beklijf.model.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from types import CodeType

    from jinja2.bccache import Bucket

    from beklijf.letters.template_values import Value, Values
    from beklijf.model.conversation import Offer
    from beklijf.model.domain import Contact, Event, Item, Letter, LetterRule, Person, Programme, Single, Topic, Track

Around = Literal["invitation", "update", "cancelled", "left"]
"""What the mail is around: a REQUEST that is new or changed, a CANCEL for everybody, or for one person who is no longer asked."""

reply_to = template_values.reply_to

TOO_LARGE = 102_000
"""Gmail cuts a mail off after this many bytes of HTML."""

TEMPLATE_ERRORS = (TemplateError, ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)
"""What reading a template and the code in it can raise; anything else is a defect of ours."""


ALONE = re.compile(r"\s*\{([%#])(?:(?!\1\}).)*\1\}\s*")
AT_END = re.compile(r"(?<![-+])([%#]\})\s*$")


def bundled_templates() -> Path:
    """Return the templates of this version: inside the package in a wheel, at the top of a checkout."""
    installed = Path(__file__).parents[1] / "templates"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "templates"


@dataclass(frozen=True, slots=True)
class Page:
    """A rendered source: its first line (``Subject: ...``) taken apart from the rest."""

    head: str
    body: str


class WholeLines(Extension):
    """Let a tag that stands alone on its line vanish with the line, and keep every other line break.

    ``trim_blocks`` alone also eats the break after ``.. {% endif %}`` at the end of a sentence, and two paragraphs become one.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        del name, filename
        return "\n".join(line if ALONE.fullmatch(line) else AT_END.sub(r"+\1", line) for line in source.split("\n"))


class Compiled(BytecodeCache):
    """Templates as this process compiled them, by their file and text: who reads them again compiles only what changed."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[str, CodeType | None]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self.kept.get(bucket.key, ("", None))
        if checksum == bucket.checksum:
            bucket.code = code

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.checksum, bucket.code


COMPILED = Compiled()


class Letters:
    """The texts of one installation; templates are read once, so that a half-saved edit waits for a reload."""

    def __init__(self, overrides: Path | None = None) -> None:
        self.folders = (*((overrides,) if overrides else ()), bundled_templates())
        if overrides:
            _check_files(overrides)
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader([str(folder) for folder in self.folders], encoding="utf-8-sig"),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            cache_size=-1,
            bytecode_cache=COMPILED,
            autoescape=lambda name: bool(name and name.endswith(".html.j2")),
            extensions=[WholeLines],
        )
        self._environment.filters |= {"cap": _cap, "uncap": _uncap, "html": _html}
        self.names = frozenset(self._environment.list_templates())
        self._read: Programme | None = None
        self._by_reader: dict[str, list[Track]] = {}
        self._questions = lru_cache(maxsize=4096)(self._render_questions)

    # -- letters -------------------------------------------------------------------------------------------------------

    def letter(self, letter: Letter, programme: Programme, links: Links | None = None, *, offers: Sequence[Offer] = ()) -> Rendered:
        """Return a letter in its receiver's language; the tokens of its links are in ``links.made`` then.

        The meetings that it names are those of the programme: where a human moved one, that is for the caller to put into
        the track's ``meetings`` first. *offers* are other hours for a mentee's whole series.
        """
        values = self._values(letter, programme, links or Links(), offers)
        return self._mail(self._letter(letter, values, programme), values, after=self._below(values))

    def response(self, response: Response, programme: Programme, links: Links | None = None) -> Rendered:
        """Return the letter that answers what somebody did; its mentorship and receiver must still be in the programme."""
        values = response_values.response(response, programme, links or Links())
        return self._mail(self._response(response, values), values, after=self._below(values))

    def page(self, letter: Letter | Response, programme: Programme, links: Links | None = None, *, offers: Sequence[Offer] = ()) -> Page:
        """Return a letter's subject and Markdown only; `proof` needs no more to see that a template is sound."""
        links = links or Links()
        if isinstance(letter, Response):
            return self._response(letter, response_values.response(letter, programme, links))
        return self._letter(letter, self._values(letter, programme, links, offers), programme)

    def _response(self, response: Response, values: Values) -> Page:
        return self._page(f"{values['language']}/responses/{response.about}.md.j2", "Subject", values)

    def _below(self, values: Values) -> str:
        """Return what stands below every letter: who gets an answer, and how to pause."""
        return "\n\n".join(self._source(f"{values['language']}/{name}.md.j2", values) for name in ("answer", "pause"))

    def _values(self, letter: Letter, programme: Programme, links: Links, offers: Sequence[Offer]) -> Values:
        return template_values.letter(letter, programme, self._tracks(letter.person, programme), links, offers)

    def _tracks(self, person: Person, programme: Programme) -> list[Track]:
        if self._read is not programme:
            self._read, self._by_reader = programme, template_values.by_reader(programme)
        return self._by_reader.get(person.key, [])

    def _letter(self, letter: Letter, values: Values, programme: Programme) -> Page:
        name = self.template(letter.wishes[0].rule, self._turn(letter, programme), letter.person.language)
        return self._page(name, "Subject", values)

    def variants(self, rule: LetterRule, language: str) -> int:
        """Return how many variants of a letter there are: the files ``1.md.j2`` and up in its folder, or the one file."""
        stem = f"{language}/{rule.template}"
        return next(number for number in count() if f"{stem}/{number + 1}.md.j2" not in self.names) or 1

    def template(self, rule: LetterRule, variant: int, language: str) -> str:
        """Return the file of a letter: ``<template>.md.j2``, or from the folder ``<template>/`` the one whose turn it is."""
        stem = f"{language}/{rule.template}"
        if f"{stem}/1.md.j2" not in self.names:
            return f"{stem}.md.j2"
        return f"{stem}/{(variant - 1) % self.variants(rule, language) + 1}.md.j2"

    def _turn(self, letter: Letter, programme: Programme) -> int:
        """Return which variant it is: of merged wishes the furthest, and in a reader's second training from further on.

        So nobody reads the same questions twice: not a mentor whose third mentee joined late, nor who is in two trainings.
        """
        wish = letter.wishes[0]
        mine = {
            track.mentorship.training
            for track in self._tracks(letter.person, programme)
            if any(each.rule.id == wish.rule.id and each.person.key == wish.person.key for each in track.wishes)
        } | {wish.training}
        begins = sorted(mine, key=lambda key: (programme.trainings[key].sessions[0].date, key))
        numbers = self.variants(wish.rule, wish.person.language)
        return max(each.variant for each in letter.wishes) + begins.index(wish.training) * numbers // len(begins)

    # -- events --------------------------------------------------------------------------------------------------------

    def event(self, item: Item, programme: Programme) -> tuple[str, str]:
        """Return title and text of an event: in the mentee's language, and in the mentor's below it if that differs."""
        if item.kind is Kind.REMINDER:
            page = self._reminder(item, programme)
            return page.head, page.body
        languages = dict.fromkeys(person.language for person in item.people)
        pages = [self._meeting(item, programme, language, brief=index > 0) for index, language in enumerate(languages)]
        return pages[0].head, "\n\n\N{EM DASH}\n\n".join(page.body for page in pages)

    def _meeting(self, item: Item, programme: Programme, language: str, *, brief: bool) -> Page:
        values = template_values.meeting(item, programme, language, brief=brief)
        values["blocks"] = self._blocks(item, programme, language)
        return self._page(f"{language}/meeting.txt.j2", "Title", values)

    def _blocks(self, item: Item, programme: Programme, language: str) -> list[Value]:
        """Return the item's questions by block: the usual ones, then those that only some meetings of a series have.

        usual, or a single meeting       heading and questions
        some meetings of a series        a line for each of them, then the questions
        """
        dated: dict[str, dict[tuple[datetime, str], list[Topic]]] = {item.questions: {}}
        for start, topics in sorted(item.topics.items()):
            for topic in topics:
                dated.setdefault(topic.questions, {}).setdefault((start, topic.training), []).append(topic)
        blocks: list[Value] = []
        for name, meetings in dated.items():
            pages = [self._about(name, topics, item, programme, language) for topics in meetings.values() or ([],)]
            usual = not item.every or name == item.questions
            lines: list[Value] = [
                {"day": words.day(start.date(), language), "about": page.head} for (start, _), page in zip(meetings, pages, strict=False)
            ]
            blocks.append(
                {
                    "heading": "\n".join(dict.fromkeys(page.head for page in pages)) if usual else "",
                    "meetings": [] if usual else lines,
                    "questions": pages[0].body,
                }
            )
        return blocks

    def _about(self, name: str, topics: Sequence[Topic], item: Item, programme: Programme, language: str) -> Page:
        """Return a block of questions about the sessions of one training, which is named where the event serves several."""
        if not topics:
            return self._questions(name, "", "", language)
        training = programme.trainings[topics[0].training]
        several = len(template_values.trainings_of(item)) > 1
        sessions = [day for topic in topics if topic.session for day in template_values.block(training, topic.session)]
        return self._questions(name, training.name if several else "", words.days(sessions, language), language)

    def _render_questions(self, name: str, training: str, session: str, language: str) -> Page:
        values: Values = {"training": training, "session": session}
        return self._page(f"{language}/questions/{name}.txt.j2", "About", values)

    def _reminder(self, item: Item, programme: Programme) -> Page:
        language = item.people[0].language
        values = template_values.meeting(item, programme, language, brief=False)
        body = self._questions(item.questions, "", "", language).body
        lines = [line.removeprefix("- ") for line in body.splitlines() if line]
        values["questions"] = [
            {"day": words.day(start.date(), language), "text": text} for start, text in zip(item.starts, cycle(lines), strict=False)
        ]
        return self._page(f"{language}/reminder.txt.j2", "Title", values)

    # -- mail around invitations, notices ------------------------------------------------------------------------------

    def around(
        self, kind: Around, event: Event, reader: Person, programme: Programme, *, item: Item | None = None, single: Single | None = None
    ) -> Rendered:
        """Return the words around an iTIP message, in the reader's language and on the reader's clock.

        *event* is what the calendar holds (for a cancellation: what it held). *single* is the one meeting of a series
        that moved (kind ``update``) or is off (``cancelled``). *item* is None for what planning no longer knows.
        """
        values = template_values.invitation(event, item, single, reader, programme)
        return self._mail(self._page(f"{reader.language}/{kind}.md.j2", "Subject", values), values)

    def notice(
        self, programme: Programme, reader: Contact, title: str, lines: Sequence[str], command: str = "", *, link: str = ""
    ) -> Rendered:
        """Return a plain mail to coordinator or administrator: what happened, line by line, and what to type, or which link to open."""
        language = programme.organisation.language
        values = template_values.common(programme, language) | {
            "reader": template_values.contact(reader),
            "title": markup.literal(title),
            "lines": [markup.literal(line) for line in lines],
            "command": markup.literal(command),
            "link": link,
        }
        return self._mail(self._page(f"{language}/notice.md.j2", "Subject", values), values)

    # -- from template to page to mail ---------------------------------------------------------------------------------

    def _mail(self, page: Page, values: Values, *, after: str = "") -> Rendered:
        language = str(values["language"])
        signature = self._source(f"{language}/signature.md.j2", values)
        source = f"{page.body}\n\n{after}"
        subject = markup.plain(page.head)
        layout = {"language": language, "subject": subject, "letter": source, "signature": signature}
        return Rendered(
            subject=subject,
            text=f"{markup.to_text(source)}\n-- \n{markup.to_text(signature)}",
            html=self._source("layout.html.j2", layout) + "\n",
            language=language,
        )

    def _page(self, name: str, head: str, values: Values) -> Page:
        """Render a source and take off its first line, ``Subject: ...`` or the like."""
        first, _, body = self._source(name, values).partition("\n")
        label, colon, said = first.partition(":")
        if not colon or label.strip() != head or not said.strip():
            hint = f'the first line of what it gives is "{head}: ...", then an empty line, then the text'
            raise self._wrong(name, 1, f'has no "{head}:" on top', hint)
        return Page(" ".join(said.split()), body.strip())

    def _source(self, name: str, values: Mapping[str, object]) -> str:
        """Render a template without its surplus of empty lines; every error in it becomes one that says where."""
        try:
            rendered = self._environment.get_template(name).render(values)
        except TemplateSyntaxError as error:
            raise self._wrong(error.filename or name, error.lineno, error.message or "not a template", "") from error
        except TemplateNotFound as error:
            raise self._wrong(*self._line(name, error), f"there is no template {error.name}", "see templates/README.md") from error
        except UndefinedError as error:
            hint = f"what it may use: {', '.join(_names(values))}"
            raise self._wrong(*self._line(name, error), str(error.message), hint) from error
        except TEMPLATE_ERRORS as error:
            raise self._wrong(*self._line(name, error), f"{error or type(error).__name__}", "") from error
        return re.sub(r"\n[ \t]*(\n[ \t]*)+\n", "\n\n", rendered.replace("\r\n", "\n")).strip()

    def _line(self, name: str, error: Exception) -> tuple[str, int]:
        """Return the innermost template and line that the error came through: Jinja puts them into the traceback."""
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
        return (frames[-1].filename, frames[-1].lineno or 0) if frames else (name, 0)

    def _wrong(self, name: str, line: int, what: str, hint: str) -> ConfigError:
        found = next((folder / name for folder in self.folders if (folder / name).is_file()), Path(name))
        return ConfigError([Problem(file=str(found), line=line, what=what, hint=hint)])


def _check_files(overrides: Path) -> None:
    """Refuse files among the organisation's own that can't be read: one of ours would be sent in its place, in silence."""
    problems = []
    for path in sorted(overrides.rglob("*.j2")):
        try:
            contents.read(path)
        except OSError as error:
            problems.append(Problem(file=str(path), what=f"cannot be read: {error.strerror}"))
    if problems:
        raise ConfigError(problems)


def _html(source: str, **styles: str) -> Markup:
    """Return Markdown as HTML; what people typed is escaped there, and templates are ours or the operator's."""
    return Markup(markup.to_html(source, styles))  # noqa: S704 - see above: this is the one place that makes HTML


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


def _uncap(text: str) -> str:
    return text[:1].lower() + text[1:]


def _names(values: Mapping[str, object], before: str = "") -> Iterator[str]:
    for name, value in sorted(values.items()):
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, dict):
            yield from _names(first, f"{before}{name}.")
        else:
            yield f"{before}{name}"

"""Templates -> what people read: letters, event texts, the mail around an invitation, notices to staff.

Decides not who gets what, or when. One Markdown source makes both parts of a mail, so text and HTML can't differ.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from beklijf.boundary import contents
from beklijf.letters import markup, response_values, template_values
from beklijf.mime.links import Links
from beklijf.model import words
from beklijf.model.conversation import Response
from beklijf.model.domain import Kind
from beklijf.model.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from beklijf.letters.pages import Page, Pages
    from beklijf.letters.template_values import Value, Values
    from beklijf.mime.messages import Rendered
    from beklijf.model.conversation import Offer
    from beklijf.model.domain import Contact, Event, Item, Letter, LetterRule, Override, Person, Programme, Topic, Track

Around = Literal["invitation", "update", "cancelled", "left"]
"""What the mail is around: a REQUEST that is new or changed, a CANCEL for everybody, or for one person who is no longer asked."""

reply_to = template_values.reply_to

TOO_LARGE = 102_000
"""Gmail cuts a mail off after this many bytes of HTML."""


def bundled_templates() -> Path:
    """Return the templates of this version: inside the package in a wheel, at the top of a checkout."""
    installed = Path(__file__).parents[1] / "templates"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "templates"


class Letters:
    """The texts of one installation; templates are read once, so that a half-saved edit waits for a reload."""

    def __init__(self, overrides: Path | None = None) -> None:
        self.folders = (*((overrides,) if overrides else ()), bundled_templates())
        if overrides:
            _check_files(overrides)
        files = {path: folder for folder in self.folders for path in folder.rglob("*") if path.is_file()}
        self.names = frozenset(path.relative_to(folder).as_posix() for path, folder in files.items())
        statuses = ((path, path.stat()) for path in sorted(files))
        self.version = " ".join(f"{path} {status.st_size} {status.st_mtime_ns}" for path, status in statuses)
        self._read: Programme | None = None
        self._by_reader: dict[str, list[Track]] = {}
        self._questions = lru_cache(maxsize=4096)(self._render_questions)

    @cached_property
    def _pages(self) -> Pages:
        from beklijf.letters.pages import Pages  # noqa: PLC0415  # with the first text (docs/decisions/0010-start.md)

        return Pages(self.folders)

    # -- letters -------------------------------------------------------------------------------------------------------

    def letter(self, letter: Letter, programme: Programme, links: Links | None = None, *, offers: Sequence[Offer] = ()) -> Rendered:
        """Return a letter in its receiver's language; the tokens of its links are in ``links.made`` then.

        The meetings that it names are those of the programme: where a human moved one, that is for the caller to put into
        the track's ``meetings`` first. *offers* are other hours for a mentee's whole series.
        """
        values = self._values(letter, programme, links or Links(), offers)
        return self._pages.mail(self._letter(letter, values, programme), values, after=self._below(values))

    def response(self, response: Response, programme: Programme, links: Links | None = None) -> Rendered:
        """Return the letter that answers what somebody did; its mentorship and receiver must still be in the programme."""
        values = response_values.response(response, programme, links or Links())
        return self._pages.mail(self._response(response, values), values, after=self._below(values))

    def page(self, letter: Letter | Response, programme: Programme, links: Links | None = None, *, offers: Sequence[Offer] = ()) -> Page:
        """Return a letter's subject and Markdown only; `proof` needs no more to see that a template is sound."""
        links = links or Links()
        if isinstance(letter, Response):
            return self._response(letter, response_values.response(letter, programme, links))
        return self._letter(letter, self._values(letter, programme, links, offers), programme)

    def _response(self, response: Response, values: Values) -> Page:
        return self._pages.page(f"{values['language']}/responses/{response.about}.md.j2", "Subject", values)

    def _below(self, values: Values) -> str:
        """Return what stands below every letter: who gets an answer, and how to pause."""
        return "\n\n".join(self._pages.source(f"{values['language']}/{name}.md.j2", values) for name in ("answer", "pause"))

    def _values(self, letter: Letter, programme: Programme, links: Links, offers: Sequence[Offer]) -> Values:
        return template_values.letter(letter, programme, self._tracks(letter.person, programme), links, offers)

    def _tracks(self, person: Person, programme: Programme) -> list[Track]:
        if self._read is not programme:
            self._read, self._by_reader = programme, template_values.by_reader(programme)
        return self._by_reader.get(person.key, [])

    def _letter(self, letter: Letter, values: Values, programme: Programme) -> Page:
        name = self.template(letter.wishes[0].rule, self._turn(letter, programme), letter.person.language)
        return self._pages.page(name, "Subject", values)

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
        return self._pages.page(f"{language}/meeting.txt.j2", "Title", values)

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
        return self._pages.page(f"{language}/questions/{name}.txt.j2", "About", values)

    def _reminder(self, item: Item, programme: Programme) -> Page:
        language = item.people[0].language
        values = template_values.meeting(item, programme, language, brief=False)
        body = self._questions(item.questions, "", "", language).body
        lines = [line.removeprefix("- ") for line in body.splitlines() if line]
        values["questions"] = [
            {"day": words.day(start.date(), language), "text": text} for start, text in zip(item.starts, cycle(lines), strict=False)
        ]
        return self._pages.page(f"{language}/reminder.txt.j2", "Title", values)

    # -- mail around invitations, notices ------------------------------------------------------------------------------

    def around(
        self,
        kind: Around,
        event: Event,
        reader: Person,
        programme: Programme,
        *,
        item: Item | None = None,
        override: Override | None = None,
    ) -> Rendered:
        """Return the words around an iTIP message, in the reader's language and on the reader's clock.

        *event* is what the calendar holds (for a cancellation: what it held). *override* is the one meeting of a series
        that moved (kind ``update``) or is off (``cancelled``). *item* is None for what planning no longer knows.
        """
        values = template_values.invitation(event, item, override, reader, programme)
        return self._pages.mail(self._pages.page(f"{reader.language}/{kind}.md.j2", "Subject", values), values)

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
        return self._pages.mail(self._pages.page(f"{language}/notice.md.j2", "Subject", values), values)


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

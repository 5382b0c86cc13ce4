"""Templates as Jinja has them -> a page, and as a mail with its layout. Knows no letter and no programme.

Templates are operator-trusted but sandboxed; what one of them does wrong is a `ConfigError` that names its file and line.
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import BytecodeCache, FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from beklijf.letters import html, markup
from beklijf.mime.messages import Rendered
from beklijf.model.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType

    from jinja2.bccache import Bucket

    from beklijf.letters.template_values import Values

TEMPLATE_ERRORS = (TemplateError, ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)
"""What reading a template and the code in it can raise; anything else is a defect of ours."""
ALONE = re.compile(r"\s*\{([%#])(?:(?!\1\}).)*\1\}\s*")
AT_END = re.compile(r"(?<![-+])([%#]\})\s*$")


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


class Pages:
    """The templates of one installation, each read once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
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

    def mail(self, page: Page, values: Values, *, after: str = "") -> Rendered:
        language = str(values["language"])
        signature = self.source(f"{language}/signature.md.j2", values)
        source = f"{page.body}\n\n{after}"
        subject = markup.plain(page.head)
        layout = {"language": language, "subject": subject, "letter": source, "signature": signature}
        return Rendered(
            subject=subject,
            text=f"{markup.to_text(source)}\n-- \n{markup.to_text(signature)}",
            html=self.source("layout.html.j2", layout) + "\n",
            language=language,
        )

    def page(self, name: str, head: str, values: Values) -> Page:
        """Render a source and take off its first line, ``Subject: ...`` or the like."""
        first, _, body = self.source(name, values).partition("\n")
        label, colon, said = first.partition(":")
        if not colon or label.strip() != head or not said.strip():
            hint = f'the first line of what it gives is "{head}: ...", then an empty line, then the text'
            raise self._wrong(name, 1, f'has no "{head}:" on top', hint)
        return Page(" ".join(said.split()), body.strip())

    def source(self, name: str, values: Mapping[str, object]) -> str:
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


def _html(source: str, **styles: str) -> Markup:
    """Return Markdown as HTML; what people typed is escaped there, and templates are ours or the operator's."""
    return Markup(html.to_html(source, styles))  # noqa: S704 - see above: this is the one place that makes HTML


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

"""Lay out the site of mkdocs.yml as the repository is: each page where it stands, and each file that a page links to beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[([^\]\n]*)\]\((?!https:|#)([^)#\n]+)(#[^)\n]+)?\)")


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Take README and all that it leads to, instead of the folder docs by itself."""
    for file in [file for file in files if file.abs_src_path and Path(file.abs_src_path).is_relative_to(config.docs_dir)]:
        files.remove(file)
    found, ahead = set[Path](), [ROOT / "README.md"]
    while ahead:
        path = ahead.pop()
        if path.is_file() and path not in found:
            found.add(path)
            files.append(File.generated(config, str(path.relative_to(ROOT)), abs_src_path=str(path)))
            text = path.read_text(encoding="utf-8") if path.suffix == ".md" else ""
            ahead += [(path.parent / target).resolve() for _, target, _ in LINK.findall(text)]


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Name a folder and don't link it, since a site lists none; call JSON what only our tests tell apart."""
    folder = (ROOT / page.file.src_uri).parent
    named = LINK.sub(lambda link: f"`{link[1]}`" if (folder / link[2]).is_dir() else link[0], markdown)
    return re.sub(r"^```json .*$", "```json", named, flags=re.MULTILINE)

"""MkDocs hooks: add pages whose source is outside of docs/, and convert links and Markdown that are written for GitHub.

The same files are read on GitHub, so their links contain paths in the repository.
"""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from collections.abc import Callable

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]

# Pages whose source is not in docs/: the file in the repository, and its name in the site.
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "bench/README.md": "bench.md",
    "examples/README.md": "example.md",
    "helm/flowc/README.md": "chart.md",
}
SOURCES = {name: source for source, name in OUTSIDE.items()}

# The page's column is wider than the theme's default, because commands and tables have lines of up to 120 characters.
STYLE = ".md-grid { max-width: 80rem; }\n"

FENCED = re.compile(r"^(?P<indent> *)```.*?^(?P=indent)```$\n?", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])+)\]\((?!\w+:)(?P<path>[^)#\s]*)(?P<anchor>#[^)\s]+)?\)")
IMAGE = re.compile(r"(?<=!)\[(?P<text>[^\[\]]+)\]\((?P<path>[^):\s]+\.(?:png|svg))\)")
CHECKED_FILE = re.compile(r"^<!-- file: (\S+) -->\n```(\w*)$", re.MULTILINE)
CHECKED_OUTPUT = re.compile(r"^<!-- (?:checked(?: on a cluster)?|cell|output) -->\n", re.MULTILINE)
ITEM = r"(?:[-*]|\d+\.) "
LIST_AFTER_TEXT = re.compile(rf"^(?!{ITEM}|\s)(.+)\n(?={ITEM})", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages whose source is not in docs/, and the style sheet."""
    for source, name in OUTSIDE.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    files.append(File.generated(config, "site.css", content=STYLE))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page's Markdown with links that are valid in the site, and in the form that Python-Markdown parses."""
    source = SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    markdown = CHECKED_FILE.sub(r'```\2 title="\1"', CHECKED_OUTPUT.sub("", markdown))
    return outside_of_code(markdown, lambda text: separate_lists(site_links(text, source, page.file.src_uri)))


def outside_of_code(markdown: str, change: Callable[[str], str]) -> str:
    """Return the text with `change` applied to everything except fenced code blocks.

    A code block in a list item is indented by four spaces, because Python-Markdown needs four; GitHub needs only two.
    """
    parts, end = [], 0
    for block in FENCED.finditer(markdown):
        parts.append(change(markdown[end : block.start()]))
        parts.append(textwrap.indent(textwrap.dedent(block[0]), "    ") if block["indent"] else block[0])
        parts.append("\n")  # a list may begin in the next line
        end = block.end()
    return "".join([*parts, change(markdown[end:])])


def separate_lists(text: str) -> str:
    """Return the text with an empty line before each list, which Python-Markdown needs and GitHub does not."""
    return LIST_AFTER_TEXT.sub(r"\1\n\n", text)


def site_links(text: str, source: str, name: str) -> str:
    """Return the page `name`, whose source is the repository's file `source`, with links to other pages and to pictures
    of the site.

    A link to a file that is not in the site becomes plain text. A link to a missing file is not changed, and MkDocs
    reports it.
    """

    def link(found: re.Match[str]) -> str:
        path, anchor = found["path"], found["anchor"] or ""
        if not path:
            return found[0]
        target = os.path.normpath(os.path.join(os.path.dirname(source), path))
        page = OUTSIDE.get(target) or (target.removeprefix("docs/") if re.fullmatch(r"docs/.*\.md", target) else None)
        if page is not None:
            return f"[{found['text']}]({os.path.relpath(page, os.path.dirname(name) or '.')}{anchor})"
        return found["text"] if (ROOT / target).exists() else found[0]

    def image(found: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(os.path.dirname(source), found["path"]))
        if not target.startswith("docs/"):
            return found[0]
        return f"[{found['text']}]({os.path.relpath(target.removeprefix('docs/'), os.path.dirname(name) or '.')})"

    return IMAGE.sub(image, LINK.sub(link, text))

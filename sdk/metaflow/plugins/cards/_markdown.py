"""Markdown as HTML. HTML in it is escaped, and so are links that run code."""

from __future__ import annotations

import functools
from html import escape
from typing import Any


def to_html(text: str) -> str:
    """The text as HTML; as it is written, where the library is missing (an image of a user's own)."""
    parser = _parser()
    if parser is None:
        return f'<pre class="plain" title="markdown-it-py is not installed">{escape(text)}</pre>'
    return str(parser.render(text))


@functools.cache
def _parser() -> Any:
    try:
        from markdown_it import MarkdownIt
    except ModuleNotFoundError:
        return None
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

"""Conversion of Markdown to HTML. HTML in the Markdown is escaped, and so are links that execute code."""

from __future__ import annotations

import functools
from html import escape
from typing import Any


def to_html(text: str) -> str:
    """Return the text as HTML; as plain text if the Markdown library is missing, for example in a user's own image."""
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

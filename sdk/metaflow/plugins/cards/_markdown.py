"""Conversion of Markdown to HTML. HTML in the Markdown is escaped. Links that would execute code are escaped, too."""

from __future__ import annotations

import functools
from html import escape
from typing import Any


def to_html(text: str) -> str:
    """Return Markdown as HTML. If the Markdown library is missing, for example in a user's own image, return the text
    as escaped plain text."""
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

"""Makes HTML that needs no server: links lead to places of the same file, and a policy allows only its own styles."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_REMOVED: Final = frozenset({"button", "form", "script", "dialog"})
"""Elements that need a server or a script; their content is removed, too."""
_SOURCES: Final = ("src", "data", "poster", "action", "formaction")
"""Attributes that name files; elements whose files are not in the attribute itself are removed."""


class _Rewriter(HTMLParser):
    """Copies HTML, and changes the links and removes the elements that a single file cannot have."""

    def __init__(self, places: Mapping[str, str]) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self._places = places
        self._inside = 0  # the number of open elements that are removed

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copy or remove a tag."""
        if tag in _REMOVED:
            self._inside += 1
        elif not self._inside:
            self._copy(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Copy a tag of SVG that has no content."""
        if tag not in _REMOVED and not self._inside:
            self._copy(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Copy the end of an element."""
        if tag in _REMOVED:
            self._inside = max(0, self._inside - 1)
        else:
            self._keep(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Copy text."""
        self._keep(data)

    def handle_entityref(self, name: str) -> None:
        """Copy a character that is written by its name."""
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Copy a character that is written by its number."""
        self._keep(f"&#{name};")

    def handle_decl(self, decl: str) -> None:
        """Copy the document type."""
        self._keep(f"<!{decl}>")

    def _keep(self, text: str) -> None:
        if not self._inside:
            self.parts.append(text)

    def _copy(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" or any(not (given.get(name) or "data:").startswith("data:") for name in _SOURCES):
            return
        text = self.get_starttag_text() or ""
        href = given.get("href")
        if href is None or href.startswith(("#", "data:")):
            self.parts.append(text)
            return
        if tag != "a":
            return
        place = self._places.get(unquote(href.partition("?")[0].partition("#")[0]))
        # The name of an SVG element or attribute may have capital letters, which the parser does not keep, but those of
        # `a` have none. A link to a page that the file does not contain becomes an `a` without an address.
        kept = [(name, place if name == "href" else value) for name, value in attrs if name != "href" or place]
        end = "/>" if text.endswith("/>") else ">"
        self.parts.append("<a" + "".join(f' {name}="{escape(value or "")}"' for name, value in kept) + end)


def without_server(html: str, places: Mapping[str, str]) -> str:
    """Return HTML without elements that need a server.

    Args:
        html: a page.
        places: the address of a page, without a query and with its characters unquoted → the place in the file, such as
            `#task-start-0`. Links to other pages become text.
    """
    rewriter = _Rewriter(places)
    rewriter.feed(html)
    rewriter.close()
    return "".join(rewriter.parts)


class _Scripts(HTMLParser):
    """Collects the texts of the scripts of a card."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.texts: list[str] = []
        self._script: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a script."""
        self._script = [] if tag == "script" else self._script

    def handle_data(self, data: str) -> None:
        """Note the text of a script."""
        if self._script is not None:
            self._script.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End a script."""
        if tag == "script" and self._script is not None:
            self.texts.append("".join(self._script))
            self._script = None


def policy(style: str, cards: Iterable[str]) -> str:
    """Return the content security policy of a file.

    The frame of a card has the policy of the file, besides its own. So the policy allows the scripts of the cards by
    their digests, and any styles if there are cards. No policy allows to load anything from a network.

    Args:
        style: the text of the file's element `style`.
        cards: the HTML of the cards.
    """
    scripts: dict[str, None] = {}
    evaluates = has_cards = False
    for card in cards:
        has_cards = True
        found = _Scripts()
        found.feed(card.replace("\r\n", "\n").replace("\r", "\n"))  # as browsers read it
        found.close()
        scripts.update({_digest(text): None for text in found.texts if text})
        evaluates = evaluates or "'unsafe-eval'" in card  # the policy of a card with charts
    styles = "'unsafe-inline'" if has_cards else _digest(style)
    rules = [
        "default-src 'none'",
        f"style-src {styles}",
        "img-src data:; media-src data:; font-src data:; base-uri 'none'; form-action 'none'",
        *([" ".join(["script-src", *scripts, *(["'unsafe-eval'"] if evaluates else [])])] if scripts else []),
    ]
    return "; ".join(rules)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

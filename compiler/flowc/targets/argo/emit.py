"""Writes manifests as YAML whose strings every YAML reader reads as the same strings.

Go's YAML library reads `1234e56` as a number and `n` as false. Therefore every string is quoted unless it is a simple
word. Lines are not wrapped. A text of several lines is written as a literal block if YAML can represent it exactly.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_WORD = late_pattern(r"[A-Za-z_/][A-Za-z0-9_./-]*", re.ASCII)
_NOT_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})

# The characters that are not escaped: the printable characters of YAML, without the line breaks of some YAML versions
# (NEL, LS, PS), the byte order mark, and characters that are invisible or change the direction of text.
# str.isprintable() is not used: it depends on Python's version, and the same flow has to give the same bytes.
_VISIBLE = "\x20-\x7e\xa0-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff"
_BLOCK = late_pattern(f"[\t\n{_VISIBLE}]*")
_ESCAPE = late_pattern(f'[^{_VISIBLE}]|["\\\\]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}

# These keys are written first, because people look for them; all other keys keep their order.
_FIRST = ("apiVersion", "kind", "name", "template", "depends", "metadata")


def emit(documents: Iterable[Mapping[str, object]]) -> str:
    """Return the documents as a YAML stream; equal documents give equal text.

    Args:
        documents: mappings of strings to strings, integers, booleans, lists and mappings.

    Raises:
        TypeError: a value in a document has a type that is not listed here.
        ValueError: a string has a lone surrogate, which no YAML can hold.
    """
    texts = []
    for document in documents:
        lines: list[str] = []
        _mapping(document, "", lines)
        texts.append("".join([f"{line}\n" for line in lines]))
    return "---\n".join(texts)


def _mapping(mapping: Mapping[str, object], indent: str, lines: list[str]) -> None:
    """Append the lines of a mapping."""
    for key in [key for key in _FIRST if key in mapping]:
        _entry(f"{indent}{_key(key)}:", mapping[key], indent, lines)
    for key, value in mapping.items():
        if key not in _FIRST:
            _entry(f"{indent}{_key(key)}:", value, indent, lines)


def _entry(head: str, value: object, indent: str, lines: list[str]) -> None:
    """Append the lines of an entry: `head`, which is a key or a dash, and its value, whose further lines are indented
    deeper than `indent`."""
    match value:
        case str():
            if "\n" in value and _is_block(value):
                lines += _block(head, value, f"{indent}  ")
            else:
                lines.append(f"{head} {_inline(value)}")
        case dict() if value:
            lines.append(head)
            _mapping(value, f"{indent}  ", lines)
        case list() if value:
            lines.append(head)
            _list(value, indent, lines)
        case _:
            lines.append(f"{head} {_scalar(value)}")


def _list(items: list[object], indent: str, lines: list[str]) -> None:
    """Append the lines of a list."""
    for item in items:
        match item:
            case dict() | list() if item:
                # The lines of the item are indented by two columns; the dash replaces this indent in the first line.
                first, deeper = len(lines), f"{indent}  "
                if isinstance(item, dict):
                    _mapping(item, deeper, lines)
                else:
                    _list(item, deeper, lines)
                lines[first] = f"{indent}- {lines[first][len(deeper) :]}"
            case _:
                _entry(f"{indent}-", item, indent, lines)


def _scalar(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case dict():
            return "{}"
        case list():
            return "[]"
    raise TypeError(f"a manifest has no value of type {type(value).__name__}")


def _inline(text: str) -> str:
    if _WORD.fullmatch(text) and text.lower() not in _NOT_WORDS:
        return text
    return f'"{_ESCAPE.sub(_escape, text)}"'


@lru_cache(maxsize=256)
def _key(text: str) -> str:
    """Return a key as YAML. The result is cached, because each step has the same few keys."""
    return _inline(text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        raise ValueError("a lone surrogate cannot be written in YAML")
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


def _is_block(text: str) -> bool:
    # A literal block represents a text exactly, unless the last line has only blanks: YAML readers disagree about such
    # a line.
    return _BLOCK.fullmatch(text) is not None and not _ends_blank(text)


def _ends_blank(text: str) -> bool:
    return text.rstrip("\n").rpartition("\n")[2].strip(" \t") == ""


def _block(head: str, text: str, indent: str) -> Iterator[str]:
    body = text.rstrip("\n")
    chomping = {0: "-", 1: ""}.get(len(text) - len(body), "+")
    # If the first line begins with a blank, YAML needs the number of columns of the indent.
    hint = "2" if text[0] in " \t\n" else ""
    yield f"{head} |{hint}{chomping}"
    for line in body.split("\n"):
        yield f"{indent}{line}" if line else ""
    yield from [""] * (len(text) - len(body) - 1)

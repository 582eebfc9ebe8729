"""Recognizes files that a user gives as a flow but that are not Python: their kind, by name or content, and a hint.

The module imports only the standard library, because the `Runner`, which starts a flow's file as a program, uses it
too.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping
else:  # imported at first use, because the import costs start-up time
    ast = LateModule("ast")


class NotPython(NamedTuple):
    """The kind of a file that is not Python, such as "a notebook", and a hint that says what to do."""

    what: str
    hint: str


NOTEBOOK: Final = NotPython(
    "a notebook",
    "a notebook is not a flow by itself: run its flow from a cell, with NBRunner, or save the class in a .py file",
)
_JSON: Final = NotPython("a JSON file", "name the flow's Python file; an IR is read from a file named *.json")
_YAML: Final = NotPython(
    "a YAML file",
    "name the flow's Python file; a pipeline in YAML has a name *.yaml; kubectl applies compiled manifests",
)
_DATA: Final = "name the flow's Python file; a flow reads data in its steps, or takes it with IncludeFile"
_PICKLE: Final = NotPython("a pickle", "name the flow's Python file; `flowc artifact` reads the artifacts of runs")
_IMAGE: Final = NotPython("an image", _DATA)
_ARCHIVE: Final = NotPython("an archive", "unpack it, and name the flow's Python file in it")
_SHELL: Final = NotPython("a shell script", "name the flow's Python file; a step can run the script with subprocess")
_PAGE: Final = NotPython("an HTML page", "save the flow's source itself, such as the raw file of a repository's page")
_TEXT: Final = NotPython("a text file", "name the flow's Python file")

# Files with these suffixes are refused because of their name, even if they do not exist.
BY_SUFFIX: Final[Mapping[str, NotPython]] = {
    ".ipynb": NOTEBOOK,
    ".json": _JSON,
    ".yaml": _YAML,
    ".yml": _YAML,
    ".pyc": NotPython("byte code", "name the .py file that it was made from"),
}
# Files with these suffixes are refused only if they exist, because their content may show their kind more exactly.
_MORE_SUFFIXES: Final[Mapping[str, NotPython]] = {
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".csv": NotPython("a CSV file", _DATA),
    ".parquet": NotPython("a Parquet file", _DATA),
    ".toml": NotPython("a TOML file", "name the flow's Python file; flowc reads flowc.toml without being told"),
    ".md": NotPython("a Markdown file", "name the flow's Python file"),
    ".rst": _TEXT,
    ".html": _PAGE,
    ".sh": _SHELL,
    ".bash": _SHELL,
    ".sql": NotPython("a SQL file", "name the flow's Python file; with --package-suffixes .sql it is packaged"),
}
_BY_START: Final[tuple[tuple[bytes, NotPython], ...]] = (
    (b"\x89PNG\r\n\x1a\n", _IMAGE),
    (b"\xff\xd8\xff", _IMAGE),
    (b"GIF8", _IMAGE),
    (b"II*\0", _IMAGE),
    (b"MM\0*", _IMAGE),
    (b"%PDF-", NotPython("a PDF file", "name the flow's Python file")),
    (b"PK\x03\x04", _ARCHIVE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"\xfd7zXZ\0", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"PAR1", NotPython("a Parquet file", _DATA)),
    (b"\x89HDF", NotPython("an HDF5 file", _DATA)),
    (b"SQLite format 3\0", NotPython("a database of SQLite", _DATA)),
    (b"\x93NUMPY", NotPython("an array of NumPy", _DATA)),
    (b"\x7fELF", NotPython("a compiled program", "name the flow's Python file")),
    (b"version https://git-lfs.github.com", NotPython("a pointer of Git LFS", "fetch the file itself: git lfs pull")),
)
_MARKUP: Final = (b"<!doctype html", b"<html", b"<?xml", b"<svg")
_PROTOCOL: Final = late_pattern(rb"\x80[\x02-\x05]")  # the first bytes of a pickle
_MAPPING: Final = late_pattern(r"\s*(?:---|%YAML|[A-Za-z_][\w.-]*:(?:\s|$)|- )")
_SHEBANG: Final = late_pattern(rb"#!.*\b(?:ba|da|k|z|fi)?sh\b")


def find_other(name: str, content: bytes) -> NotPython | None:
    """Return the kind of a file that is not Python, by its name and content; None if the file may be Python.

    Args:
        name: the file's name; its suffix can decide the kind.
        content: all bytes of the file.
    """
    suffix = _suffix(name)
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix]
    return _by_content(content) or _MORE_SUFFIXES.get(suffix)


def describe_other(name: str, content: bytes) -> str | None:
    """Return the error for a file that is not Python, as one line with a hint; None if the file may be Python.

    Args:
        name: the file's name; its suffix can decide the kind.
        content: all bytes of the file.
    """
    other = find_other(name, content)
    return None if other is None else f"'{name}' is {other.what}, not a Python file: {other.hint}"


def by_name(name: str) -> NotPython | None:
    """Return the kind of a file that is not Python if the file's name alone decides the kind; otherwise None."""
    return BY_SUFFIX.get(_suffix(name))


def _suffix(name: str) -> str:
    head, dot, end = name.rpartition(".")
    return (dot + end).lower() if head else ""


def _by_content(content: bytes) -> NotPython | None:
    """Return the kind of a file by its first bytes; the whole content is parsed only if the file may be JSON or
    YAML."""
    for start, found in _BY_START:
        if content.startswith(start):
            return found
    if _PROTOCOL.match(content):
        return _PICKLE
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _IMAGE
    if _SHEBANG.match(content):
        return _SHELL
    begun = content.lstrip()
    if not begun:
        return NotPython("an empty file", "save the flow's source in it, or name another file")
    if begun[:20].lower().startswith(_MARKUP):
        return _IMAGE if b"<svg" in begun[:1000].lower() else _PAGE
    if begun[:1] in (b"{", b"["):
        return _json(content)
    return _yaml(content)


def _json(content: bytes) -> NotPython | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return NOTEBOOK if isinstance(found, dict) and "cells" in found and "nbformat" in found else _JSON


def _yaml(content: bytes) -> NotPython | None:
    """Return the kind YAML if the first line that is not a comment looks like YAML and the text is not valid Python."""
    text = content.decode("utf-8", "replace")
    head = text[:4096].splitlines()
    first = next((line for line in head if line.strip() and not line.lstrip().startswith("#")), "")
    if not _MAPPING.match(first) or re.match(r"\s*(?:try|else|finally)\s*:", first):
        return None
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return _YAML
    return None

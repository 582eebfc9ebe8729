"""Match files below a directory by patterns: `*`, `?` and `[…]` within a name, `**` for any number of directories.

A name that begins with a dot matches only a part of the pattern that begins with a dot. If the last part of a pattern
is a directory's name without wildcards, the pattern matches all files in the directory, at any depth, including names
that begin with a dot, but no files in stores of flowc.
"""

from __future__ import annotations

import os
import re
from fnmatch import translate
from typing import TYPE_CHECKING

from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MAGIC = late_pattern(r"[*?\[]")
_STORE = ".flowc"


def pattern_fault(pattern: str) -> str | None:
    """Return why a text is not a valid pattern of files below a directory; None if the pattern is valid."""
    if not pattern.strip() or "\0" in pattern:
        return "is empty"
    if pattern.startswith(("/", "~")):
        return "is an absolute path"
    if ".." in pattern.split("/"):
        return "leads out of the data folder"
    return None


def parts_of(pattern: str) -> list[str]:
    """Return the parts of a pattern or a path between slashes; an empty list for the directory itself."""
    return [part for part in pattern.split("/") if part not in ("", ".")]


def files_below(directory: str, pattern: str) -> list[str]:
    """Return the files below a directory that match a pattern, as sorted paths relative to it.

    A symbolic link to a file is treated as a file. A link to a directory is followed only if the pattern contains the
    link's name without wildcards.

    Raises:
        OSError: a directory cannot be read.
    """
    return sorted(set(_matching(directory, "", parts_of(pattern), whole=True)))


def _matching(directory: str, at: str, parts: Sequence[str], *, whole: bool) -> Iterator[str]:
    """Yield the files at and below `at` that match the parts; if no parts are left and `whole` is true, yield all files
    of a directory."""
    here = os.path.join(directory, at) if at else directory
    if not parts:
        if os.path.isfile(here):
            yield at
        elif whole and os.path.isdir(here):
            yield from _all_below(directory, at)
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        yield from _matching(directory, at, rest or ["*"], whole=False)
        for name in _names(here):
            inner = _join(at, name)
            if not name.startswith(".") and _is_directory(directory, inner):
                yield from _matching(directory, inner, parts, whole=False)
    elif _MAGIC.search(first):
        for name in _names(here):
            inner = _join(at, name)
            if _matches_name(name, first) and not (rest and not _is_directory(directory, inner)):
                yield from _matching(directory, inner, rest, whole=False)
    elif os.path.lexists(os.path.join(here, first)):
        yield from _matching(directory, _join(at, first), rest, whole=True)


def _all_below(directory: str, at: str) -> Iterator[str]:
    for name in _names(os.path.join(directory, at)):
        inner = _join(at, name)
        if _is_directory(directory, inner):
            if name != _STORE:
                yield from _all_below(directory, inner)
        elif os.path.isfile(os.path.join(directory, inner)):
            yield inner


def _names(directory: str) -> list[str]:
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def _is_directory(directory: str, at: str) -> bool:
    path = os.path.join(directory, at)
    return os.path.isdir(path) and not os.path.islink(path)


def _join(at: str, name: str) -> str:
    return f"{at}/{name}" if at else name


def _matches_name(name: str, part: str) -> bool:
    if name.startswith(".") and not part.startswith("."):
        return False
    return re.match(translate(part), name) is not None


def matching_names(names: Iterable[str], pattern: str) -> list[str]:
    """Return the sorted names of the files that match a pattern, or that are in a directory that matches it."""
    parts = parts_of(pattern)
    return sorted(name for name in names if _matches(name.split("/"), parts, whole=True))


def _matches(names: Sequence[str], parts: Sequence[str], *, whole: bool) -> bool:
    if not parts:
        return whole or not names
    if not names:
        return False
    first, rest = parts[0], parts[1:]
    if first == "**":
        if _matches(names, rest or ["*"], whole=False):
            return True
        return not names[0].startswith(".") and len(names) > 1 and _matches(names[1:], parts, whole=False)
    return _matches_name(names[0], first) and _matches(names[1:], rest, whole=not _MAGIC.search(first))


def may_match_same(one: str, other: str) -> bool:
    """Return whether a file may match both patterns. The result is false only if no file can match both."""
    for left, right in zip(parts_of(one), parts_of(other), strict=False):
        if "**" in (left, right):
            return True
        magic = [bool(_MAGIC.search(each)) for each in (left, right)]
        if all(magic):
            continue
        matches = (magic[0] and _matches_name(right, left)) or (magic[1] and _matches_name(left, right))
        if left != right and not matches:
            return False
    return True  # one pattern is a prefix of the other: the shorter one may match a directory, and then all files in it

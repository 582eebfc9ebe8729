"""The differences between the sources of two runs, as a unified diff."""

from __future__ import annotations

from difflib import unified_diff
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def diff_lines(name: str, files: Mapping[str, str], other: str, found: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a unified diff, with their newlines; nothing if all files are equal.

    Args:
        name: the name of the first place, which precedes the paths of its files, such as FLOW/RUN.
        files: the texts of its files, by path.
        other: the name of the second place.
        found: the texts of the files there.
    """
    for path in sorted(files.keys() | found.keys()):
        old, new = files.get(path), found.get(path)
        if old == new:
            continue
        names = (
            f"{name}/{path}" if old is not None else "/dev/null",
            f"{other}/{path}" if new is not None else "/dev/null",
        )
        yield from _marked(unified_diff(_split(old), _split(new), *names))


def _split(text: str | None) -> list[str]:
    """Split a text into lines, with their newlines. Unlike in `str.splitlines`, a form feed does not end a line."""
    *ended, last = (text or "").split("\n")
    return [f"{line}\n" for line in ended] + ([last] if last else [])


def _marked(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines of a diff. After a last line without a newline, yield the remark that the program diff prints in
    this case."""
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"

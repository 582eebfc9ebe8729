"""Code blocks of documents that are marked by a comment: commands and their expected output."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = re.compile(
    r"^<!-- (?P<kind>file|checked(?: on a cluster)?|cell|output)(?:: (?P<name>\S+))? -->\n```\w*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)

# Patterns of texts that differ between runs, machines and versions.
VARIABLE = (
    (re.compile(r"\b\d{8}-\d{6}-[a-z0-9]+\b"), "RUN"),
    (re.compile(r"\bfile:///\S*/\.flowc\b"), "STORE"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3})?\b"), "WHEN"),
    (re.compile(r"\b\d+ workers\b"), "N workers"),
    (re.compile(r"\b\d+\.\d+ s\b"), "TIME"),
    (re.compile(r"\bin \d+\.\d+s\b"), "in TIME"),
    (re.compile(r"\b[\d,]+ bytes\b"), "SIZE"),
    (re.compile(r"^read [\d,]+ objects\b"), "read N objects"),
    (re.compile(r"-code-[0-9a-f]{10}\b"), "-code-DIGEST"),
    (re.compile(r"\benvironment [0-9a-f]{16} \(Python [\d.]+:"), "environment DIGEST (Python VERSION:"),
)


class Command(NamedTuple):
    """A command of a document, and the output lines that the document shows."""

    line: str
    expected: list[str]


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a console block, each with the output lines that the block shows."""
    for chunk in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *expected = chunk.splitlines()
        yield Command(line, expected)


def normal(line: str) -> str:
    """Return the line with its varying parts, such as times and versions, replaced by names."""
    for pattern, name in VARIABLE:
        line = pattern.sub(name, line)
    return line.rstrip()


def matches(expected: list[str], printed: list[str]) -> bool:
    """Return whether the printed lines match the expected ones, in which `…` stands for any number of lines."""
    if not expected:
        return not printed
    if expected[0] == "…":
        return any(matches(expected[1:], printed[start:]) for start in range(len(printed) + 1))
    return bool(printed) and printed[0] == expected[0] and matches(expected[1:], printed[1:])

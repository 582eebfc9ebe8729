"""Checks of the values of forms, which become arguments of a command line. No shell reads these arguments, and no value
can be read as an option: it stands behind `--`, follows `=`, or is in a list of known names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST: Final = 10_000
"""The number of characters of one value."""
_NAME: Final = re.compile(r"\w[\w.\-]*")
_CLASS: Final = re.compile(r"[^\W\d]\w*")
_PARAMETER: Final = re.compile(r"[^\W\d][\w\-]*")
_TEMPLATE: Final = re.compile(r"[a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?", re.ASCII)


class ValueRefused(Exception):
    """A value of a form is not valid; the message says what to write."""


def run_of(subject: str) -> tuple[str, str]:
    """Return the flow and the id of FLOW/RUN. Raises ValueRefused."""
    flow, slash, run = subject.partition("/")
    if not slash or not _NAME.fullmatch(flow) or not _NAME.fullmatch(run):
        raise ValueRefused(f"{_shown(subject)} is not FLOW/RUN")
    return flow, run


def template_of(subject: str) -> str:
    """Return the name of a deployed flow. Raises ValueRefused."""
    if not _TEMPLATE.fullmatch(subject):
        raise ValueRefused(f"{_shown(subject)} is not the name of a deployed flow")
    return subject


def one_of(value: str, known: Sequence[str], what: str) -> str:
    """Return a value that is in a list of known names. Raises ValueRefused."""
    if value not in known or value.startswith("-"):
        raise ValueRefused(f"there is no {what} {_shown(value)}")
    return value


def class_of(value: str) -> str:
    """Return the name of a class, or an empty text. Raises ValueRefused."""
    if value and not _CLASS.fullmatch(value):
        raise ValueRefused(f"{_shown(value)} is not the name of a class")
    return value


def tags_of(text: str) -> list[str]:
    """Return the tags in a text, one in each line. Raises ValueRefused."""
    tags = [line.strip() for line in text.splitlines() if line.strip()]
    for tag in tags:
        if tag.startswith("-") or not tag.isprintable() or len(tag) > LONGEST:
            raise ValueRefused(f"{_shown(tag)} is not a tag: a tag begins with another character than '-'")
    return tags


def parameters_of(text: str) -> dict[str, str]:
    """Return the parameters in a text with one NAME=VALUE in each line. Raises ValueRefused."""
    found: dict[str, str] = {}
    for line in filter(str.strip, text.splitlines()):
        name, equals, value = line.partition("=")
        name = name.strip()
        if not equals or not _PARAMETER.fullmatch(name):
            raise ValueRefused(f"{_shown(line)} is not NAME=VALUE: write one parameter in each line")
        if name in found:
            raise ValueRefused(f"the parameter {name} has two values")
        if "\0" in value or len(value) > LONGEST:
            raise ValueRefused(f"the value of {name} has a null character, or more than {LONGEST:,} characters")
        found[name] = value
    return found


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}…")

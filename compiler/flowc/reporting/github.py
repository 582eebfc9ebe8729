"""Writes faults as workflow commands of GitHub Actions. GitHub shows these commands as annotations beside the lines of
a change."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.reporting.facts import Fact


def write(facts: Sequence[Fact]) -> str:
    """Return one workflow command for each fault or warning: `::error file=…,line=…::message`.

    Paths are relative to the repository (`GITHUB_WORKSPACE`) or, if that is not set, to the working directory.

    The format follows GitHub's documentation of workflow commands; characters are escaped like in GitHub's toolkit.
    """
    return "".join(f"{_command(fact)}\n" for fact in facts)


def _command(fact: Fact) -> str:
    # GitHub needs paths relative to the repository, but the job may run in a subdirectory.
    base = os.environ.get("GITHUB_WORKSPACE") or os.getcwd()
    properties: dict[str, object] = {}
    if fact.at is not None:
        properties = {
            "file": fact.at.relative_to(base),
            "line": fact.at.line,
            "endLine": fact.at.line,
            "col": fact.at.column,
            "endColumn": fact.at.end,
        }
    if fact.code is not None:
        properties["title"] = fact.code
    lines = [fact.message]
    lines += [f"{spot.relative_to(base)}:{spot.line}: {spot.label}" for spot in fact.also]
    lines += [f"hint: {fact.hint}"] if fact.hint is not None else []
    lines += [f"note: {fact.note}"] if fact.note is not None else []
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    kind = "warning" if fact.is_warning else "error"
    return f"::{kind}{f' {given}' if given else ''}::{_data(chr(10).join(lines))}"


def _data(text: str) -> str:
    """Escape the message of a workflow command, like GitHub's toolkit."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape the value of a property, in which `:` and `,` would end the value."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")

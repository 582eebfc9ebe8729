"""Constructions that are hard to read are refused in the project's texts.

Each row of `REFUSED` is a construction, and what to write instead. Docstrings, comments, help texts, errors, pages of docs and
the changelog are searched; the tests are not, since they quote what users see.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

# construction → what to write instead
REFUSED = {
    r"but for": "except",
    r"so many": "the number itself",
    r"of which": "a sentence of its own, or `whose`",
    r"is as|are as": "has the …, equals, matches",
    r"that there (?:is|are)": "the noun alone",
    r"what it does not": "name it: the other options, a missing file",
    r"what (?:is|are|has|have|does|do|was|were) \w+ (?:is|are|has|goes|comes)": "the noun, then the verb",
    r"who may": "the user or account that is allowed to",
    r"nobody": "no process, no user, no run",
    r"no \w+ needs": "unreferenced, unused",
    r"as this says": "matching this expression",
    r"what happens anyway": "the default",
    r"it goes on": "the run continues",
    r"is well": "succeeded, is healthy",
    r"see to it": "ensure",
    r"as \w+ does it": "like …",
    r"is that which": "is the … that",
    r"from now on": "afterwards, later",
    r"by themselves": "independently, automatically",
    r"the one that": "the noun",
    r"makes a \w+ complete": "completes",
    r"told by name": "named",
    r"say (?:what|how|which|who) [\w/]+ (?:is|are|do|does)\b": "show the …",
    r"how (?:it|they|runs|flows|tasks) (?:do|does)\b": "the status of …",
    r"a look at": "checking",
    r"what (?:it|they|there) (?:is|are) (?:made|found|told|said)": "the noun",
    r"that no module has": "that cannot be imported",
    r"code of the user's": "user code",
    r"registers what": "registers a function that …",
    r"the name of the number": "the name under which … is read",
}
PATTERN = re.compile(rf"\b({'|'.join(REFUSED)})\b", re.IGNORECASE)
SEARCHED = ("sdk", "compiler", "emulator", "runtime_image", "docs", "helm", "bench", "examples")
MOST = 0  # the number of lines that may contain such constructions; reduce it when you rewrite lines


def odd(line: str) -> str:
    """Return the refused construction that the line contains, or an empty text."""
    found = PATTERN.search(line)
    return found.group(0) if found and len(line.strip()) > 30 else ""


def rows() -> list[str]:
    """Return `file:line: construction: text` for each line with a refused construction."""
    files = [file for top in SEARCHED for kind in ("*.py", "*.md") for file in (REPOSITORY / top).rglob(kind)]
    out = []
    for file in sorted([*files, *(REPOSITORY / name for name in ("README.md", "CHANGELOG.md"))]):
        lines = file.read_text(encoding="utf-8").splitlines()
        place = file.relative_to(REPOSITORY)
        out += [f"{place}:{number}: {odd(line)}: {line.strip()}" for number, line in enumerate(lines, 1) if odd(line)]
    return out


@pytest.mark.parametrize("construction", [
    "Say what FLOW/RUN is: how it does, its parameters, tags and steps",
    "Only those whose tags are as this says: no others are listed",
    "Also a run of which nobody here can tell whether it has ended",
    "the first run is well, and then the second one is started",
])  # fmt: skip
def test_a_construction_is_found(construction: str) -> None:
    assert odd(construction)


def test_plain_words_pass() -> None:
    assert not odd("Show a run's status, parameters, tags and steps; runs that match every option are deleted")


def test_no_line_makes_a_reader_read_twice() -> None:
    found = rows()
    assert len(found) <= MOST, "write these plainly (REFUSED says how):\n" + "\n".join(found)

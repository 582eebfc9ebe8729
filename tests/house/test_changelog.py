"""The form of the changelog: each change once, in the group of its kind and its area, in at most five lines.

A union merge of two branches can bring back lines that one of them rewrote. If this has happened, keep the lines of
main, and add to them the new lines of the branch.
"""

from __future__ import annotations

import re
from pathlib import Path

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
KINDS = ["Added", "Changed", "Removed", "Fixed"]
LONGEST = 5  # lines of one entry


def sections(text: str) -> list[tuple[str, str]]:
    """Return (heading, body) of each heading."""
    parts = re.split(r"^(#+ .*)$", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def entries(text: str) -> list[str]:
    """Return the list items in a text, including their continuation lines."""
    return re.findall(r"^- (?:.*\n?(?:  .*\n?)*)", text, re.MULTILINE)


def faults(text: str) -> list[str]:
    """Return the errors in the topmost version's section of a changelog."""
    version = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    found, kinds, seen = [], [], set()
    for heading, body in sections(version):
        if heading.startswith("### "):
            kinds.append(heading.removeprefix("### "))
            areas = set()
        elif heading in areas:
            found.append(f"a second {heading!r} in {kinds[-1]!r}")
        else:
            areas.add(heading)
        if heading in ("### Added", "### Changed", "### Fixed") and entries(body):
            found.append(
                f"{entries(body)[0].splitlines()[0]!r} has no area: move it below a `####` heading of its kind"
            )
        for entry in entries(body):
            first = entry.splitlines()[0]
            if len(entry.splitlines()) > LONGEST:
                found.append(f"{first!r} has more than {LONGEST} lines: one change per entry")
            if first in seen:
                found.append(f"{first!r} is there twice")
            seen.add(first)
    if kinds != KINDS:
        found.append(f"the kinds are {kinds}, not {KINDS}")
    return found


def test_the_changelog_has_its_form() -> None:
    assert faults(CHANGELOG.read_text(encoding="utf-8")) == []


def test_faults_of_the_form_are_found() -> None:
    text = (
        "# Changelog\n\n## [1.0]\n\n### Added\n\n- without an area\n\n#### A\n\n- once\n- once\n\n#### A\n\n"
        "- long\n  2\n  3\n  4\n  5\n  6\n\n### Changed\n\n## [0.9]\n\n- older\n"
    )
    assert faults(text) == [
        "'- without an area' has no area: move it below a `####` heading of its kind",
        "'- once' is there twice",
        "a second '#### A' in 'Added'",
        "'- long' has more than 5 lines: one change per entry",
        "the kinds are ['Added', 'Changed'], not ['Added', 'Changed', 'Removed', 'Fixed']",
    ]

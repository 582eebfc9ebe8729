"""docs/metaflow.md lists every feature and the tests of features that work; refusals have the documented errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from compat.cases import CASES, HERE, PACKAGE_CASES
from compat.refusals import DOCUMENT, Refusal, refusals, refuse
from project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

TEXT = DOCUMENT.read_text(encoding="utf-8")
NAMES = Path(HERE, "names.txt").read_text(encoding="utf-8").split()
REFUSED = refusals()


def rows() -> Iterator[list[str]]:
    """Yield the cells of the tables of features."""
    for line in TEXT.partition("## Refused")[0].splitlines():
        if line.startswith("| ") and not line.startswith("| Metaflow |"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_told_of(name: str) -> None:
    """The tables name every public name of Metaflow's module, and its decorators, commands and options."""
    assert re.search(rf"`[^`]*(?<![\w-]){re.escape(name)}(?![\w-])[^`]*`", TEXT), name


def test_every_row_says_how_it_is_and_where_that_is_shown() -> None:
    flows = {f"flows/{case.flow}" for case in CASES} | {f"packages/{case.flow}" for case in PACKAGE_CASES}
    for what, how, shown in rows():
        assert what, how
        if how.startswith("refused") or how == "refused":
            continue
        assert shown, f"{what}: no test"
        for test in re.findall(r"`([^`]+)`", shown):
            if test.startswith(("flows/", "packages/")):
                assert test in flows, test
                continue
            file, _, function = test.partition("::")
            path = ROOT / "tests" / file
            assert path.is_file(), test
            assert f"def {function}" in path.read_text(encoding="utf-8"), test


@pytest.mark.parametrize("refusal", REFUSED, ids=lambda refusal: refusal.written)
def test_what_is_refused_says_so(project: Project, refusal: Refusal) -> None:
    done = refuse(project, refusal.written)
    said = done.out + done.err
    assert done.code in (1, 2), said
    assert refusal.error in said
    assert refusal.hint in said

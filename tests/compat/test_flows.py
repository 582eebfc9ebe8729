"""Every flow of `flows/` ends with the expected result; `make compat` compares flowc's results with Metaflow's."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from compat.cases import CASES, Case
from compat.runs import Program, differences, dump, faults, run_case
from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from pathlib import Path

FLOWC = Program("flowc", sys.executable, tuple(str(ROOT / part) for part in PACKAGES))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_flow_ends_as_under_metaflow(case: Case, tmp_path: Path) -> None:
    assert faults(case, run_case(FLOWC, case, tmp_path / "flow")) == []


def test_what_a_run_left_is_read_the_same_way_under_both(tmp_path: Path) -> None:
    case = Case(flow="configs")
    run_case(FLOWC, case, tmp_path / "flow")
    found = dump(FLOWC, tmp_path / "flow", case)
    assert found["end"][0]["depth"] == 3
    assert found["end"][0]["kept"] == {"dict": [["depth", 3], ["names", {"list": ["a", "b"]}]]}
    assert found["end"][0]["settings"]["dict"][0] == ["env", "prod"]


def test_a_difference_between_two_runs_is_found() -> None:
    one = {"start": [{"a": 1, "b": [1, 2]}]}
    assert differences(one, {"start": [{"a": 1, "b": [1, 2]}]}) == []
    assert differences(one, {"start": [{"a": True, "b": [1, 3]}]}) == [
        "/start/0/b/1: 2 is not 3",
    ]
    assert differences(one, {"start": [{"a": 1}]}) == ['/start/0/b: [1, 2] is not "(not there)"']

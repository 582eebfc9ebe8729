"""The command line and the client answer like Metaflow's; `make compat` compares the answers of flowc and of
Metaflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compat.test_flows import FLOWC
from compat.transcripts import read, run_flows, wrong

if TYPE_CHECKING:
    from pathlib import Path


def test_commands_of_a_flow_s_file(tmp_path: Path) -> None:
    assert list(wrong(FLOWC, tmp_path / "flow")) == []


def test_a_program_reads_what_two_runs_left(tmp_path: Path) -> None:
    assert list(read(FLOWC, tmp_path / "client")) == []


def test_a_program_runs_flows(tmp_path: Path) -> None:
    assert list(run_flows(FLOWC, tmp_path / "runner")) == []

"""Writes docs/benchmarks.md and its charts from one run of the bench. The text of the page is in `bench/report.md`."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING

from bench.measure import ROOT
from bench.peers import WORKS, version
from bench.plots import bars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.figures import Figure
    from bench.measure import Floors
    from bench.peers import PeerFigure

PAGE = ROOT / "docs" / "benchmarks.md"
WORDS = ROOT / "bench" / "report.md"


def write_report(figures: Sequence[Figure], peers: Sequence[PeerFigure], floors: Floors, load: float) -> None:
    """Write docs/benchmarks.md and its charts.

    Args:
        figures: the figures with targets.
        peers: the figures of flowc and other programs.
        floors: the machine's least times, measured in the same run.
        load: the load average of the machine when the run began.
    """
    charts = PAGE.parent / "benchmarks"
    charts.mkdir(exist_ok=True)
    tables = {
        "{machine}": _machine(floors, load),
        "{peers}": "\n\n".join(_peers_of(work, peers, charts) for work in WORKS),
        "{figures}": "\n".join(_row(figure) for figure in figures),
        "{missed}": "\n".join(f"- {figure.name}" for figure in figures if not figure.ok) or "- none",
    }
    text = WORDS.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = text.replace(name, table)
    PAGE.write_text(text, encoding="utf-8")


def _machine(floors: Floors, load: float) -> str:
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    start, fork = floors.python.median * 1e3, floors.fork.median * 1e3
    return (
        f"Measured on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} processors ({_processor()}), {system}, load "
        f"{load:.1f} before the first measurement.\nA Python start takes {start:.1f} ms, a fork with its wait "
        f"{fork:.2f} ms, and writing 256 MiB {floors.write.median:.2f} s."
    )


def _processor() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = {line.partition(":")[2].strip() for line in file if line.startswith("model name")}
    return ", ".join(sorted(names)) or platform.machine()


def _peers_of(work: str, peers: Sequence[PeerFigure], charts: Path) -> str:
    """Return a section of the page: the heading, the chart and the table of one workload."""
    found = sorted((each for each in peers if each.work == work), key=lambda each: (each.ratio != 1, each.wall))
    name = "-".join(work.lower().replace(",", "").split())
    rows = [(each.peer.name, each.wall, f"{_seconds(each.wall)}, {each.ratio:.1f} ×") for each in found]
    (charts / f"{name}.svg").write_text(bars(work, rows), encoding="utf-8")
    lines = [
        f"### {work[0].upper()}{work[1:]}",
        "",
        f"![{work}: seconds of each program](benchmarks/{name}.svg)",
        "",
        "| program | wall time | CPU time of all processes | wall time / flowc's | |",
        "|---|---:|---:|---:|---|",
    ]
    for each in found:
        program = f"{each.peer.name} {version(each.peer)}".rstrip()
        times = f"{_seconds(each.wall)} | {_seconds(each.cpu)} | {each.ratio:.1f} ×"
        lines.append(f"| {program} | {times} | {each.peer.note} |".replace("|  |", "| |"))
    return "\n".join(lines)


def _row(figure: Figure) -> str:
    value, target = (f"{number:.3g} {figure.unit}".rstrip() for number in (figure.value, figure.target))
    return f"| {figure.name} | {value} | {target} | {'yes' if figure.ok else '**no**'} | {figure.ratio} |".replace(
        "|  |", "| |"
    )


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"

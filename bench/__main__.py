"""The command line of the bench, which measures flowc and prints a table of the figures."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

from bench.cases import GROUPS, SLOW
from bench.figures import Bench, Figure
from bench.measure import Floors, measure_floors
from bench.peers import PeerFigure, measure_peers, version
from bench.profiling import write_profile
from bench.report import write_report


def main() -> int:
    """Measure and print. Return the exit code: 1 if `--check` is given and a target is missed, otherwise 0."""
    arguments = _arguments()
    if arguments.profile:
        write_profile()
        return 0
    figures: list[Figure] = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="flowc-bench-", dir=arguments.directory) as name:
        directory = Path(name)
        floors = measure_floors(directory, arguments.times)
        print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
        print(f"medians of {arguments.times}; the load was {load:.1f} at the start")
        _print_floors(floors)
        print(f"\n{'figure':42} {'target':>9} {'measured':>9} {'least':>9}        against the floor")
        bench = Bench(directory, arguments.times, floors, arguments.baseline)
        for group in arguments.only or [name for name in GROUPS if name not in SLOW]:
            for figure in GROUPS[group](bench):
                figures.append(figure)
                print(_row(figure), flush=True)
        peers = _print_peers(directory, arguments.times) if arguments.peers or arguments.report else []
        if arguments.report:
            write_report(figures, peers, floors, load)
    missed = sum(not figure.ok for figure in figures)
    if missed:
        print(f"\n{missed} missed")
    return 1 if missed and arguments.check else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--times", type=int, default=5, metavar="N", help="measure each N times [default: 5]")
    parser.add_argument("--only", action="append", choices=GROUPS, help="measure this group; may be repeated")
    parser.add_argument("--directory", type=Path, help="measure on this disk, in a new directory")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a target is missed")
    parser.add_argument(
        "--baseline", metavar="COMMIT", help="also compare compilations and cards with those of this commit"
    )
    parser.add_argument("--peers", action="store_true", help="install other programs and run the same flows under them")
    parser.add_argument("--report", action="store_true", help="measure everything and write docs/benchmarks.md")
    parser.add_argument("--profile", action="store_true", help="only profile two flows and write docs/hot-path.md")
    arguments = parser.parse_args()
    if arguments.report and arguments.only:
        parser.error("--report measures everything: leave out --only")
    return arguments


def _print_floors(floors: Floors) -> None:
    start, fork, write = floors.python.median * 1e3, floors.fork.median * 1e3, floors.write.median
    print(f"floors: a Python start {start:.1f} ms, fork and wait {fork:.2f} ms, 256 MiB written raw {write:.2f} s")


def _row(figure: Figure) -> str:
    least = "" if figure.least is None else _number(figure.least, figure.unit)
    cells = f"{_number(figure.target, figure.unit):>9} {_number(figure.value, figure.unit):>9} {least:>9}"
    return f"{figure.name:42} {cells}  {'ok  ' if figure.ok else 'MISS'}  {figure.ratio}".rstrip()


def _number(value: float, unit: str) -> str:
    digits = {"s": 3, "×": 2 if value >= 0.5 else 3, "": 0}.get(unit, 1)
    return f"{value:.{digits}f} {unit}".rstrip()


def _print_peers(directory: Path, times: int) -> list[PeerFigure]:
    print(f"\n{'the same, two workers':32} {'by':28} {'wall':>8} {'CPU':>8} {'/ flowc':>8}")
    figures = []
    for figure in measure_peers(directory, max(1, times // 2)):
        by = f"{figure.peer.name} {version(figure.peer)}"
        print(f"{figure.work:32} {by:28} {figure.wall:8.2f} {figure.cpu:8.2f} {figure.ratio:8.1f}", flush=True)
        figures.append(figure)
    return figures


if __name__ == "__main__":
    sys.exit(main())

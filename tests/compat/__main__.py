"""Run the flows and the commands of this directory under flowc and under Metaflow, and compare.

    PYTHONPATH=tests python -m compat [WORD…]

Metaflow is installed into a virtual environment of its own that is kept in the user's cache.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from bench.environments import METAFLOW, make_environment

from compat.cases import CASES, PACKAGE_CASES
from compat.packages import with_packages
from compat.runs import Program, differences, dump, faults, run_case
from compat.transcripts import read, run_flows, wrong
from metaflow.metaflow_version import API_VERSION
from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from compat.cases import Case

FLOWC = Program("flowc", sys.executable, tuple(str(ROOT / part) for part in PACKAGES))


def compare_flow(metaflow: Program, case: Case, directory: Path) -> list[str]:
    """Return the differences between the runs of a case, and between each run and the case's expected result."""
    found: list[str] = []
    dumps = []
    for program in (with_packages(FLOWC, case), with_packages(metaflow, case)):
        place = directory / program.name
        found += [f"{program.name}: {fault}" for fault in faults(case, run_case(program, case, place))]
        if case.leaves_the_same:
            dumps.append(dump(program, place, case))
    return found or (differences(*dumps) if dumps else [])


def print_answers(metaflow: Program) -> int:
    """Test commands, the client and `Runner`, under flowc and Metaflow; return the number of wrong results."""
    count = 0
    for what, ask in (("commands", wrong), ("client", read), ("runner", run_flows)):
        for program in (FLOWC, metaflow):
            with tempfile.TemporaryDirectory(prefix="compat-") as scratch:
                found = list(ask(program, Path(scratch, "flow")))
            print(f"{'right' if not found else 'WRONG'}  {what} of {program.name}", *found, sep="\n    ", flush=True)
            count += len(found)
    return count


def main() -> int:
    """Compare all cases, print a line for each, and return the number of differences."""
    parser = argparse.ArgumentParser(prog="python -m compat", description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only cases with one of these words [default: all]")
    parser.add_argument("--python", help="a Python that has Metaflow [default: one made for it, and kept]")
    arguments = parser.parse_args()
    metaflow = Program("Metaflow", arguments.python or make_environment(*METAFLOW))
    cases = [
        case
        for case in (*CASES, *PACKAGE_CASES)
        if not arguments.words or any(word in str(case) for word in arguments.words)
    ]
    different = 0
    if not arguments.words:
        different += print_answers(metaflow)
    with tempfile.TemporaryDirectory(prefix="compat-") as scratch, ThreadPoolExecutor(2) as pool:
        places = (Path(scratch, str(number)) for number in range(len(cases)))
        for case, found in zip(cases, pool.map(compare_flow, [metaflow] * len(cases), cases, places), strict=True):
            print(f"{'same' if not found else 'DIFFERENT'}  {case}", *found, sep="\n    ", flush=True)
            different += bool(found)
    print(f"{different} of {len(cases)} flows and of the answers differ between flowc and Metaflow {API_VERSION}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())

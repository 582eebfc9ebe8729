"""The cost of short programs, in counts that do not depend on the machine's speed: imported modules, system calls,
instructions, files.

`counts.json` has the counts for each version of Python; the counts of `python -c pass` are subtracted. A count that
differs from `counts.json` by more than 5 % is a failure, even a smaller one, so that improvements are recorded. After
an intended change:

    pytest tests/house/test_counts.py --update-golden
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from project import ROOT
from tools.apt import program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

STORED = ROOT / "tests" / "house" / "counts.json"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
TOLERANCE = 0.05
FLOWS = (
    "linear.py",
    "fanout.py",
    "cards.py",
    "plain_functions.py",
    "pipelines.py",
    "made_pipelines.py",
)  # files in bench/flows


class Program(NamedTuple):
    """The arguments of a Python program.

    Attributes:
        arguments: the arguments of Python.
        variables: environment variables of the program.
        before: the arguments of a program that runs first, in the same directory, and is not counted.
    """

    arguments: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()
    before: tuple[str, ...] = ()


LINEAR = ("linear.py", "run")


def completion(words: str) -> Program:
    """Return the program that completes the last word of a command line for bash."""
    variables = (("_FLOWC_COMPLETE", "bash_complete"), ("COMP_LINE", words))
    return Program(("-m", "flowc"), variables, before=LINEAR if "/" in words else ())


MADE = ("made_pipelines.py:ten", "--count", "0")
COMPILE = ("-m", "flowc", "compile", "--target", "argo")
PROGRAMS: dict[str, Program] = {
    "import metaflow": Program(("-c", "import metaflow")),
    "from metaflow import FlowSpec": Program(("-c", "from metaflow import FlowSpec, step, Parameter, current")),
    "import flowc.pipeline": Program(("-c", "import flowc.pipeline")),
    "flowc --help": Program(("-m", "flowc", "--help")),
    "flowc runs": Program(("-m", "flowc", "runs"), before=LINEAR),
    "flowc show": Program(("-m", "flowc", "show", "LinearBench/latest"), before=LINEAR),
    "completion of a command": completion("flowc ru"),
    "completion of an option": completion("flowc run --"),
    "completion of a run": completion("flowc show LinearBench/"),
    "a flow of 3 steps": Program(LINEAR),
    "compile 3 steps": Program((*COMPILE, "linear.py", "-o", "argo.yaml")),
    "compile a pipeline of 50 steps": Program((*COMPILE, "made_pipelines.py:fifty", "-o", "argo.yaml")),
    "a pipeline of 10 steps": Program(("pipelines.py", "flowc.pipeline", "chain", "10")),
    "10 steps of a named pipeline": Program(("-m", "flowc", "run", "--local", *MADE)),
    "10 mocked steps": Program(("-m", "flowc", "run", "--local", "--mock", *MADE)),
}
# The programs whose instructions are counted: callgrind is slow, and counts only the first process of a program.
MEASURED = {
    name: PROGRAMS[name]
    for name in (
        "import metaflow", "from metaflow import FlowSpec", "import flowc.pipeline", "flowc --help", "flowc runs",
        "flowc show", "completion of an option", "completion of a run", "a flow of 3 steps", "compile 3 steps",
        "10 mocked steps",
    )
}  # fmt: skip
# System calls that are not counted, because their number depends on timing.
TIMING = {"futex", "epoll_wait", "epoll_pwait", "poll", "select", "pselect6", "wait4", "waitid", "restart_syscall",
          "clock_nanosleep", "sched_yield", "rt_sigreturn"}  # fmt: skip
BARE = Program(("-c", "pass"))


def run(counter: list[str], program: Program, directory: Path) -> str:
    """Run a program without settings, in a new directory with the flows and outside of a git repository.

    Return the program's stderr.

    Args:
        counter: Python's command and its options, which may begin with a program that counts.
        program: the program.
        directory: the directory, which must not exist.
    """
    directory.mkdir()
    for name in FLOWS:
        shutil.copy(ROOT / "bench" / "flows" / name, directory)
    variables = {"PATH": os.environ["PATH"], "HOME": str(directory), "USER": "bench", "PYTHONHASHSEED": "0"}
    if program.before:
        subprocess.run(
            [sys.executable, *program.before], cwd=directory, env=variables, stdout=subprocess.DEVNULL, check=True
        )
    command, variables = [*counter, *program.arguments], variables | dict(program.variables)
    done = subprocess.run(command, cwd=directory, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stderr


def modules(program: Program, directory: Path) -> int:
    """Return the number of modules that a program and its child processes import."""
    stderr = run([sys.executable, "-X", "importtime"], program, directory)
    return len({*re.findall(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", stderr, re.MULTILINE)})


def system_calls(counted: Program, directory: Path) -> int:
    """Return the number of system calls of a program and its children, without calls that depend on timing."""
    strace = program("strace")
    assert strace is not None
    table = directory.with_suffix(".calls")
    run([strace, "-f", "-q", "-c", "-o", str(table), sys.executable], counted, directory)
    rows = [line.split() for line in table.read_text().splitlines()[2:]]
    return sum(int(row[3]) for row in rows if row and row[0][0].isdigit() and row[-1] not in {*TIMING, "total"})


def instructions(counted: Program, directory: Path) -> int:
    """Return the number of instructions of a program, without its child processes and without the kernel, in thousands.

    Callgrind executes the program in a simulated processor, so the number hardly varies.
    """
    valgrind = program("valgrind")
    assert valgrind is not None
    written = directory.with_suffix(".callgrind")
    command = [valgrind, "--tool=callgrind", "--quiet", f"--callgrind-out-file={written}.%p", sys.executable]
    run(command, counted, directory)
    # The program's process began before its children, and the file of a process begins with this process's number.
    first = min(written.parent.glob(f"{written.name}.*"), key=lambda path: int(path.suffix[1:]))
    total = re.search(r"^(?:summary|totals): (\d+)", first.read_text(), re.MULTILINE)
    assert total is not None
    return int(total[1]) // 1000


def files(program: Program, directory: Path) -> int:
    """Return the number of files of a run, in its store and its temporary directory."""
    run([sys.executable], program, directory)
    return sum(path.is_file() for path in directory.rglob(".flowc/**/*"))


def imports(program: Program, directory: Path) -> int:
    """Return the number of imports in a program and its processes; a module that two processes import counts twice."""
    stderr = run([sys.executable, "-X", "importtime"], program, directory)
    return len(re.findall(r"^import time: +\d+ ", stderr, re.MULTILINE))


def of_a_task(count: Callable[[Program, Path], int], place: Path, flow: str = "fanout.py") -> float:
    """Return the count for one more task of a foreach, computed from runs with 5 and with 25 items."""
    few, many = 5, 25
    counts = {}
    for width in (few, many):
        program = Program((flow, "run", "--max-workers", "1", "--width", str(width)))
        counts[width] = count(program, place / f"width-{width}")
    return (counts[many] - counts[few]) / (many - few)


def check(
    kind: str,
    count: Callable[[Program, Path], int],
    config: pytest.Config,
    place: Path,
    programs: Mapping[str, Program] = PROGRAMS,
) -> None:
    """Compare the counts of programs with counts.json. With `--update-golden`, write counts.json first."""
    for number, each in enumerate(programs.values()):
        run([sys.executable], each, place / f"cached-{number}")  # writes the bytecode
    bare = count(BARE, place / "bare")
    counts = {name: count(each, place / f"{number}") - bare for number, (name, each) in enumerate(programs.items())}
    stored = json.loads(STORED.read_text()) if STORED.exists() else {}
    if config.getoption("--update-golden"):
        stored.setdefault(VERSION, {})[kind] = counts
        STORED.write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n")
    if VERSION not in stored:
        pytest.skip(f"counts.json has no counts for Python {VERSION}; --update-golden adds them")
    assert differing(counts, stored[VERSION][kind]) == []


def differing(counts: dict[str, int], stored: dict[str, int]) -> list[str]:
    """Return a line for each count that differs by more than 5 % from the stored count."""
    return [
        f"{name}: {counts.get(name)}, stored {stored.get(name)}"
        for name in counts | stored
        if name not in counts or name not in stored or abs(counts[name] - stored[name]) > TOLERANCE * stored[name]
    ]


def test_counts_of_imported_modules(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    check("modules", modules, request.config, tmp_path)


def skip_without_strace() -> None:
    """Skip the test if no process can be traced."""
    if program("strace") is None:
        pytest.skip("strace is not installed, and cannot be installed here")
    if subprocess.run(
        [str(program("strace")), "-q", "-o", os.devnull, "true"], capture_output=True, check=False
    ).returncode:
        pytest.skip("processes may not be traced here")


def test_counts_of_system_calls(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    skip_without_strace()
    check("system calls", system_calls, request.config, tmp_path)


def test_counts_of_instructions(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if program("valgrind") is None:
        pytest.skip("valgrind is not installed, and cannot be installed here")
    check("instructions", instructions, request.config, tmp_path, MEASURED)


def test_a_task_has_two_files_and_a_log_only_if_it_prints(tmp_path: Path) -> None:
    assert of_a_task(files, tmp_path) == 2


@pytest.mark.parametrize("flow", ["fanout.py", "cards.py"])
def test_a_task_imports_nothing(tmp_path: Path, flow: str) -> None:
    """A task imports no module, not even modules that render cards: they are imported before the fork."""
    assert of_a_task(imports, tmp_path, flow) == 0


def test_system_calls_of_a_task(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    skip_without_strace()
    counts: dict[str, int] = {}
    for name, flow in (("a task", "fanout.py"), ("a task with a card", "cards.py")):
        place = tmp_path / flow
        place.mkdir()
        run([sys.executable], Program((flow, "run")), place / "cached")  # writes the bytecode
        counts[name] = round(of_a_task(system_calls, place, flow))
    stored = json.loads(STORED.read_text())
    if request.config.getoption("--update-golden"):
        stored.setdefault(VERSION, {})["system calls of a task"] = counts
        STORED.write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n")
    if VERSION not in stored:
        pytest.skip(f"counts.json has no counts for Python {VERSION}; --update-golden adds them")
    assert differing(counts, stored[VERSION]["system calls of a task"]) == []


def test_both_directions_are_differences() -> None:
    stored = {"a": 100, "b": 100, "c": 100, "d": 100}
    assert differing({"a": 105, "b": 106, "c": 94, "e": 1}, stored) == [
        "b: 106, stored 100",
        "c: 94, stored 100",
        "e: 1, stored None",
        "d: None, stored 100",
    ]

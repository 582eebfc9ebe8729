"""Writes the page docs/hot-path.md, which shows the code in which a run and a task spend their time. A sampling
profiler measures the time.

The text of the page is in `bench/hot_path.md`.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, final

from bench.environments import make_environment
from bench.measure import FLOWS, ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

PROFILER = "py-spy==0.4.3"
PAGE = ROOT / "docs" / "hot-path.md"
WORDS = ROOT / "bench" / "hot_path.md"
RUNS = {"linear": 30, "fanout": 4}
ROWS = 12
LOADING, BODIES, OTHERS = (
    "find, read and unmarshal modules",
    "run the bodies of modules",
    "other packages and the standard library",
)
NATIVE = "the interpreter itself, without a Python function"
GUARDIAN = "flowc_emulator/processes/guardian.py"
PACKAGES = ("flowc_emulator", "flowc_runtime", "flowc_ir", "metaflow", "flowc")
_IMPORTLIB = ("<frozen importlib", "importlib/")


@final
class Stack(NamedTuple):
    """The stack of one process, and the number of samples with this stack.

    Attributes:
        in_task: whether the process is a child of the first process, as the processes of tasks are.
        frames: the frames, outermost first, each `function (file:line)`.
        samples: the number of samples.
    """

    in_task: bool
    frames: tuple[str, ...]
    samples: int


def write_profile() -> None:
    """Profile the two flows and write the page."""
    linear, fanout = list(_stacks("linear")), [stack for stack in _stacks("fanout") if stack.in_task]
    run, tasks = [stack for stack in linear if not stack.in_task], [stack for stack in linear if stack.in_task]
    total = sum(stack.samples for stack in linear)
    tables = {
        "{machine}": _machine(),
        "{run_share}": f"{sum(stack.samples for stack in run) / total:.0%}",
        "{tasks_share}": f"{sum(stack.samples for stack in tasks) / total:.0%}",
        "{run}": _table(run, _part, "part"),
        "{run_functions}": _table(run, _function, "function"),
        "{task}": _table(fanout, _part, "part"),
        "{task_functions}": _table(fanout, _function, "function"),
    }
    text = WORDS.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = text.replace(name, table)
    PAGE.write_text(text, encoding="utf-8")


def _machine() -> str:
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} processors, {platform.system()}, {python}, {PROFILER}, {time.strftime('%Y-%m-%d')}"


def _stacks(flow: str) -> Iterator[Stack]:
    """Run a flow several times under the profiler and yield the stacks that it found."""
    profiler = Path(make_environment(PROFILER.replace("==", "-"), (PROFILER,))).with_name("py-spy")
    for _ in range(RUNS[flow]):
        with tempfile.TemporaryDirectory(prefix="flowc-bench-") as name:
            out = Path(name, "stacks.txt")
            words = [sys.executable, str(FLOWS / f"{flow}.py"), "run", "--max-workers", "1"]
            subprocess.run(
                # 1,000 samples a second, of child processes too; the samples of a function are counted together.
                [
                    profiler,
                    "record",
                    "--rate",
                    "1000",
                    "--subprocesses",
                    "--function",
                    "--format",
                    "raw",
                    "-o",
                    out,
                    "--",
                    *words,
                ],
                cwd=name,
                env=environment(Path(name)),
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            yield from parse(out.read_text(encoding="utf-8").splitlines())


def parse(lines: Iterable[str]) -> Iterator[Stack]:
    """Yield the stacks in the lines of the profiler's output, such as `process 7:"…";process 9:"…";frame;frame 12`.

    The stacks of the guardian, a child process that only waits for the end of the run, are omitted.
    """
    for line in lines:
        stack, _, samples = line.rpartition(" ")
        frames = stack.split(";")
        if any(GUARDIAN in frame for frame in frames):
            continue
        processes = sum(frame.startswith("process ") for frame in frames)
        yield Stack(processes > 1, tuple(frames[processes:]), int(samples))


def _file(frame: str) -> str:
    return frame.rpartition(" (")[2].rpartition(":")[0]


def _package(frame: str) -> str | None:
    """Return the directory of flowc that contains the code of a frame, such as `flowc/cli`, or None for other
    packages."""
    directories = _file(frame).split("/")
    return (
        "/".join(directories[:2] if len(directories) > 2 else directories[:1]) if directories[0] in PACKAGES else None
    )


def _part(stack: Stack) -> str:
    """Return the row of the table in which a stack is counted: a kind of work, or a directory of flowc."""
    if not stack.frames:
        return NATIVE
    if any(_file(frame).startswith(_IMPORTLIB) for frame in stack.frames):
        return LOADING if _file(stack.frames[-1]).startswith(_IMPORTLIB) else BODIES
    return next((f"`{found}`" for frame in reversed(stack.frames) if (found := _package(frame))), OTHERS)


def _function(stack: Stack) -> str:
    """Return the name and the file of the innermost function of a stack."""
    if not stack.frames:
        return NATIVE
    frame = stack.frames[-1]
    return f"`{frame.rpartition(' (')[0]}` in `{_file(frame)}`"


def _table(stacks: Sequence[Stack], key: Callable[[Stack], str], heading: str) -> str:
    """Return a Markdown table of the keys with the most samples."""
    counts: Counter[str] = Counter()
    for stack in stacks:
        counts[key(stack)] += stack.samples
    total = counts.total()
    lines = [f"| {heading} | share |", "|---|---:|"]
    lines += [f"| {name} | {count / total:.1%} |" for name, count in counts.most_common(ROWS)]
    rest = total - sum(count for _, count in counts.most_common(ROWS))
    return "\n".join([*lines, f"| the rest | {rest / total:.1%} |"])

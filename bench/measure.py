"""Run programs and measure them, and measure the floors with which the programs are compared.

The floors are the shortest times of basic operations on this machine, such as the start of a Python process.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ARRAY_BYTES = 256 << 20
MIB = 1 << 20
ROOT = Path(__file__).parents[1]
FLOWS = ROOT / "bench" / "flows"


@final
@dataclass(frozen=True, slots=True)
class Sample:
    """Several measurements of one program, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.seconds)

    @property
    def least(self) -> float:
        """The minimum, which is closest to the time on an idle machine."""
        return min(self.seconds)


class Use(NamedTuple):
    """The wall time and the CPU time of a program, in seconds."""

    wall: float
    cpu: float  # user and system time of the program and of the child processes that it waited for


class Floors(NamedTuple):
    """The shortest times of three basic operations on this machine. A program that needs one of these operations takes
    at least this time."""

    python: Sample  # start a Python that does nothing, and wait for its end
    fork: Sample  # fork a small Python process, and wait for the child's end
    write: Sample  # write 256 MiB to a new file


def new_directory(parent: Path) -> Path:
    """Make a directory for one run of a program.

    The directory is deleted only at the end of the bench. After many files have been deleted, ext4 without a journal
    creates new files slowly for up to five minutes, because it does not reuse the inode numbers of recently deleted
    files. After many files had been deleted, a run of 400 tasks took a third more CPU time.
    """
    return Path(tempfile.mkdtemp(prefix="run-", dir=parent))


def repeat(times: int, action: Callable[[], float]) -> Sample:
    """Call `action` the given number of times, and return the seconds that each call measured."""
    return Sample(tuple(action() for _ in range(times)))


def environment(home: Path) -> dict[str, str]:
    """Return the environment variables of measured programs: an empty home directory, cached bytecode, and no settings
    of the caller."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"HOME": str(home), "USER": "bench", "PYTHONHASHSEED": "0"}


def run(command: Sequence[str], directory: Path, variables: Mapping[str, str] | None = None) -> float:
    """Run a program, discard its output, and return its wall time in seconds. Raises CalledProcessError."""
    began = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment(directory) | dict(variables or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    took = time.perf_counter() - began
    if done.returncode:
        sys.stderr.buffer.write(done.stderr)
        done.check_returncode()
    return took


def use(command: Sequence[str], directory: Path, variables: Mapping[str, str] | None = None) -> Use:
    """Run a program, discard its output, and return its wall time and the CPU time of its processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = run(command, directory, variables)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Use(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def output(command: Sequence[str], directory: Path, variables: Mapping[str, str] | None = None) -> str:
    """Return the stdout of a program."""
    around = environment(directory) | dict(variables or {})
    return subprocess.run(command, cwd=directory, env=around, stdout=subprocess.PIPE, text=True, check=True).stdout


def module_output(directory: Path, module: str, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
    """Return the stdout of a module of the bench. The directory is the working directory and the home directory of the
    module's process, so that nothing is written into the repository."""
    command = [sys.executable, "-m", f"bench.{module}", *arguments]
    return output(command, directory, {**(variables or {}), "PYTHONPATH": str(ROOT)})


def measure_floors(directory: Path, times: int) -> Floors:
    """Measure the three `Floors` of this machine; the files are written in a directory on the disk of the store."""
    bare = [sys.executable, "-I", "-S", "-c", ""]
    return Floors(
        python=repeat(4 * times, lambda: run(bare, directory)),
        fork=repeat(50, _fork),
        write=repeat(times, lambda: _write(directory / "floor")),
    )


def _fork() -> float:
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - began


def _write(path: Path) -> float:
    block = memoryview(bytes(range(256)) * (MIB // 256))
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in range(ARRAY_BYTES // MIB):
            file.write(block)
    took = time.perf_counter() - began
    path.unlink()
    return took

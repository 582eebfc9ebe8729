"""Running programs and measuring them, and the floors: what the machine itself takes for the least that is needed."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
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
    """The same thing measured several times, in seconds."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def least(self) -> float:
        """The fastest one: what the others would have been on an idle machine."""
        return min(self.seconds)


class Floors(NamedTuple):
    """The least that the operating system and Python take, measured in the same run as everything else."""

    python: Sample  # a Python that does nothing
    fork: Sample  # a fork of a small Python process, and waiting for its end
    write: Sample  # 256 MiB written to a new file


def repeat(times: int, action: Callable[[], float]) -> Sample:
    """Measure `times` times what the action says it took."""
    return Sample(tuple(action() for _ in range(times)))


def environment(home: Path) -> dict[str, str]:
    """What programs are measured in: an empty home, byte code kept as for a user, no settings of the caller."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"HOME": str(home), "USER": "bench", "PYTHONHASHSEED": "0"}


def run(command: Sequence[str], directory: Path, variables: Mapping[str, str] | None = None) -> float:
    """Run a program to its end, its output thrown away, and give the seconds it took. Raises CalledProcessError."""
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


def output(command: Sequence[str], directory: Path, variables: Mapping[str, str] | None = None) -> str:
    """What a program prints on stdout."""
    around = environment(directory) | dict(variables or {})
    return subprocess.run(command, cwd=directory, env=around, stdout=subprocess.PIPE, text=True, check=True).stdout


def measure_floors(directory: Path, times: int) -> Floors:
    """The floors, in a directory on the disk that the store will be on."""
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

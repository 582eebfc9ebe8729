"""Measure how long large artifacts take to be saved and loaded, relative to sha256 and to reading the file.

A value of each type is saved in a new store. The times of sha256 and of reading are measured in the same process, just
before saving and loading, so that a busy machine slows all of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import statistics
import sys
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from bench.figures import Bench, Figure
from bench.measure import MIB, module_output

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 256 * MIB
# row of the table -> the package that must be installed to measure this row; empty for none
TYPES = {"numpy": "numpy", "bytes": "", "pandas": "pandas", "Arrow": "pyarrow", "torch": "torch"}


def measure_artifacts(bench: Bench) -> Iterator[Figure]:
    """Yield the times of saving and loading 256 MiB of each type whose package is installed."""
    for kind, package in TYPES.items():
        if package and find_spec(package) is None:
            continue
        place = bench.directory / "artifacts"
        place.mkdir()
        rounds = [json.loads(module_output(bench.directory, "artifacts", kind, str(place))) for _ in range(bench.times)]
        shutil.rmtree(place)

        what = f"256 MiB of {kind}"
        yield ratio_of(f"{what}: saved / sha256", rounds, "save", "digest", 1 / 0.75)
        yield ratio_of(f"{what}: first loaded / sha256", rounds, "first", "digest", 1 / 0.85)
        yield ratio_of(f"{what}: loaded again / read()", rounds, "load", "read", 1 / 0.9)
        yield ratio_of(f"{what}: peak memory of a load / size", rounds, "peak", "size", 1.1)


def ratio_of(name: str, rounds: list[dict[str, float]], one: str, other: str, target: float) -> Figure:
    """Return the figure with the ratio of two measurements of each round: seconds, or bytes for `peak`."""
    found = [each[one] / each[other] for each in rounds]
    median = statistics.median(each[one] for each in rounds)
    text = f"{median / MIB:.0f} MiB" if one == "peak" else f"{median * 1e3:.0f} ms"
    return Figure(name, statistics.median(found), target, "×", min(found), text)


def value_of(kind: str, seed: int) -> Any:
    """Return a value of this type with SIZE random bytes."""
    import numpy

    array = numpy.random.default_rng(seed).integers(0, 255, SIZE, dtype=numpy.uint8)
    if kind == "bytes":
        return array.tobytes()
    if kind == "pandas":
        import pandas

        return pandas.DataFrame(array.view(numpy.float64).reshape(-1, 8))
    if kind == "Arrow":
        import pyarrow

        return pyarrow.table({"x": pyarrow.array(array.view(numpy.int64))})
    if kind == "torch":
        import torch

        return torch.from_numpy(array)
    return array


def main(kind: str, place: str) -> None:
    """Save and load one value of this type, and print the times in seconds and the memory in bytes."""
    from flowc_runtime.store.records.store import Store
    from flowc_runtime.store.values.codecs import load_value, store_value

    value, raw = value_of(kind, 1), os.urandom(SIZE)
    times: dict[str, float] = {"size": SIZE}

    def measure(name: str, action: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        answer = action(*arguments)
        times[name] = time.perf_counter() - began
        return answer

    measure("digest", hashlib.sha256, raw)
    del raw
    objects = Store.open(place).objects
    ref = measure("save", store_value, objects, value)
    path = f"{place}/blobs/{ref['digest'][:2]}/{ref['digest']}"
    del value
    measure("read", _read, path)
    pid = os.fork()
    if pid == 0:  # loaded in a child process, because the peak memory of this process already includes the value
        before = _peak()
        measure("first", load_value, objects, ref)
        loaded = measure("load", load_value, Store.open(place).objects, ref)
        assert loaded is not None
        print(json.dumps({**times, "peak": _peak() - before}), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
    os.unlink(path)


def _read(path: str) -> int:
    with open(path, "rb", buffering=0) as file:
        return len(file.read())


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main(*sys.argv[1:])

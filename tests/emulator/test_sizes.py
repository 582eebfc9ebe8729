"""Very large values and many tasks; `make test-slow` runs these tests. Each test prints its measurements."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from flowc_runtime.store.values.codecs import load_value

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore
    from project import Project

pytestmark = pytest.mark.slow

MEASURED = """
import resource, sys, flowc.cli
sys.argv = ["flowc", "run", "flow.py"]
try:
    flowc.cli.main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def run(project: Project, text: str) -> tuple[RunStore, int, float]:
    """Run a flow; return the run, the supervisor's peak memory in MiB, and the duration in seconds."""
    project.write("flow.py", text)
    began = time.monotonic()
    done = project.python("-c", MEASURED, timeout=590)
    seconds = time.monotonic() - began
    assert done.code == 0, done.err[-3000:]
    return project.latest(), int(done.err.splitlines()[-1]) // 1024, seconds


@pytest.mark.parametrize("kind", ["bytes", "array"])
def test_an_artifact_of_2_gib(project: Project, kind: str) -> None:
    if shutil.disk_usage(project.root).free < 6 << 30:
        pytest.skip("needs 6 GB of disk")
    made = {
        "bytes": "b'x' * ((2 << 30) + 1)",
        "array": "numpy.ones((2 << 30) + 1, dtype=numpy.uint8)",
    }[kind]
    left, _, seconds = run(
        project,
        f"""
        import numpy
        from metaflow import FlowSpec, step

        class Large(FlowSpec):
            @step
            def start(self):
                self.big = {made}
                self.next(self.end)

            @step
            def end(self):
                self.size, self.last = len(self.big), self.big[-1]
        """,
    )
    refs = left.task("end", "0")["artifacts"]
    assert load_value(left.objects, refs["size"]) == (2 << 30) + 1
    peaks = {step: left.task(step, "0")["exit"]["peak_rss"] / (1 << 30) for step in ("start", "end")}
    print(f"\n2 GiB of {kind}: {seconds:.1f} s, peak GiB {peaks}")
    assert all(peak < 4.6 for peak in peaks.values())  # the value of 2 GiB and one copy of it, at most
    assert kind == "bytes" or peaks["end"] < 0.5  # an array is mapped, so only the pages that the step reads use memory
    shutil.rmtree(project.root / ".flowc")


def test_a_foreach_over_50_000_items(project: Project) -> None:
    left, peak, seconds = run(
        project,
        """
        from metaflow import FlowSpec, step

        class Wide(FlowSpec):
            @step
            def start(self):
                self.items = list(range(50_000))
                self.next(self.work, foreach="items")

            @step
            def work(self):
                self.square = self.input**2
                self.next(self.join)

            @step
            def join(self, inputs):
                self.total = sum(inp.square for inp in inputs)
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    assert project.artifacts(left, "end")["total"] == sum(n * n for n in range(50_000))
    print(f"\n50,000 items: {seconds:.0f} s, the supervisor's peak {peak} MiB")
    assert peak < 500


def test_100_mb_of_output(project: Project) -> None:
    left, peak, seconds = run(
        project,
        """
        from metaflow import FlowSpec, step

        class Loud(FlowSpec):
            @step
            def start(self):
                for number in range(1_000_000):
                    print(f"{number:099}")
                self.next(self.end)

            @step
            def end(self):
                pass
        """,
    )
    done = project.flowc("logs", f"Loud/{left.id}/start/0")
    assert done.out == "".join(f"{number:099}\n" for number in range(1_000_000))
    print(f"\n100 MB of output in a million lines: {seconds:.1f} s, the supervisor's peak {peak} MiB")
    assert peak < 200

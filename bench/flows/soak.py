"""A foreach over many small items: some tasks count descriptors, children and memory of the run's process."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from metaflow import FlowSpec, Parameter, step

SAMPLES = 20


def sample(number: int) -> dict[str, int]:
    """Return the descriptors, children and memory of the parent process, and the numbers of the run's temporary files
    and unfinished objects."""
    supervisor = Path(f"/proc/{os.getppid()}")
    status = dict(line.split(":", 1) for line in (supervisor / "status").read_text().splitlines())
    return {
        "task": number,
        "descriptors": len(list((supervisor / "fd").iterdir())),
        "children": len((supervisor / f"task/{os.getppid()}/children").read_text().split()),
        "kB": int(status["VmRSS"].split()[0]),
        "temporary files": len(list(Path(tempfile.gettempdir()).iterdir())),
        "unfinished objects": len(list(Path(".flowc/tmp").iterdir())),
    }


class SoakBench(FlowSpec):
    width = Parameter("width", default=100)

    @step
    def start(self) -> None:
        self.items = list(range(self.width))
        self.next(self.square, foreach="items")

    @step
    def square(self) -> None:
        self.result = self.input**2
        every = max(1, self.width // SAMPLES)
        self.seen = sample(self.input) if self.input % every == every - 1 else None
        self.next(self.join)

    @step
    def join(self, inputs: Any) -> None:
        assert sum(task.result for task in inputs) == sum(item**2 for item in range(len(inputs)))
        self.samples = [task.seen for task in inputs if task.seen is not None]
        self.next(self.end)

    @step
    def end(self) -> None:
        Path("samples.json").write_text(json.dumps(self.samples))


if __name__ == "__main__":
    SoakBench()

"""A flow that measures digest checks: the tasks of a foreach read a 256 MiB array; the flow also stores 20 MiB of text.

If the environment variable BENCH_UNCHECKED is set, mapped files are not hashed.
"""

import os
from typing import Any

import numpy

from flowc_runtime.store.backends import marks
from metaflow import FlowSpec, step

if "BENCH_UNCHECKED" in os.environ:
    marks.digest_of = lambda descriptor, expected: expected


class ChecksBench(FlowSpec):
    @step
    def start(self) -> None:
        self.array = numpy.arange(1 << 25, dtype=numpy.float64)
        self.text = "twenty bytes of text" * (1 << 20)
        self.items = list(range(20))
        self.next(self.look, foreach="items")

    @step
    def look(self) -> None:
        self.number = float(self.array[self.input << 20])
        self.next(self.join)

    @step
    def join(self, inputs: Any) -> None:
        self.numbers = [given.number for given in inputs]
        self.merge_artifacts(inputs, include=["text"])
        self.next(self.end)

    @step
    def end(self) -> None:
        assert self.numbers[-1] == 19 << 20


if __name__ == "__main__":
    ChecksBench()

"""A foreach over items that each compute for some milliseconds: measures how the work scales with workers."""

import time
from typing import Any

from metaflow import FlowSpec, Parameter, step


class BusyBench(FlowSpec):
    width = Parameter("width", default=40)
    milliseconds = Parameter("milliseconds", default=50)

    @step
    def start(self) -> None:
        self.items = list(range(self.width))
        self.next(self.compute, foreach="items")

    @step
    def compute(self) -> None:
        end = time.process_time() + self.milliseconds / 1000
        while time.process_time() < end:
            pass
        self.next(self.join)

    @step
    def join(self, inputs: Any) -> None:
        self.next(self.end)

    @step
    def end(self) -> None:
        pass


if __name__ == "__main__":
    BusyBench()

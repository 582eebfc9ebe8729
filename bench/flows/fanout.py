"""A foreach over many small items: measures the cost of a task."""

from typing import Any

from metaflow import FlowSpec, Parameter, step


class FanoutBench(FlowSpec):
    width = Parameter("width", default=100)

    @step
    def start(self) -> None:
        self.items = list(range(self.width))
        self.next(self.square, foreach="items")

    @step
    def square(self) -> None:
        self.result = self.input**2
        self.next(self.add)

    @step
    def add(self, inputs: Any) -> None:
        self.total = sum(task.result for task in inputs)
        self.next(self.end)

    @step
    def end(self) -> None:
        assert self.total == sum(item**2 for item in range(self.width))


if __name__ == "__main__":
    FanoutBench()

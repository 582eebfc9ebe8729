"""Three trivial steps: measures the fixed cost of a run."""

from metaflow import FlowSpec, step


class LinearBench(FlowSpec):
    @step
    def start(self) -> None:
        self.count = 1
        self.next(self.middle)

    @step
    def middle(self) -> None:
        self.count += 1
        self.next(self.end)

    @step
    def end(self) -> None:
        assert self.count == 2


if __name__ == "__main__":
    LinearBench()

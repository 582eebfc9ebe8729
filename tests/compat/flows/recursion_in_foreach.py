"""A loop for each item of a foreach: each item has its own number of iterations."""

from metaflow import FlowSpec, step


class RecursionInForeach(FlowSpec):
    @step
    def start(self):
        self.numbers = [1, 3, 2]
        self.next(self.begin, foreach="numbers")

    @step
    def begin(self):
        self.left = self.input
        self.trace = []
        self.next(self.count)

    @step
    def count(self):
        self.trace = [*self.trace, self.left]
        self.left -= 1
        self.state = "again" if self.left > 0 else "done"
        self.next({"again": self.count, "done": self.finish}, condition="state")

    @step
    def finish(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.traces = sorted(i.trace for i in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.traces == [[1], [2, 1], [3, 2, 1]]


if __name__ == "__main__":
    RecursionInForeach()

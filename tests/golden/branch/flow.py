"""Two branches that meet in a join, which merges what they agree on."""

from metaflow import FlowSpec, step


class BranchFlow(FlowSpec):
    @step
    def start(self):
        self.base = 10
        self.next(self.double, self.square)

    @step
    def double(self):
        self.doubled = self.base * 2
        self.next(self.join)

    @step
    def square(self):
        self.squared = self.base**2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.total = inputs.double.doubled + inputs.square.squared
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        assert (self.base, self.doubled, self.squared, self.total) == (10, 20, 100, 120)


if __name__ == "__main__":
    BranchFlow()

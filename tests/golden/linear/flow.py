"""A chain of three steps."""

from metaflow import FlowSpec, step


class LinearFlow(FlowSpec):
    """Counts to three."""

    @step
    def start(self):
        """Begin with one."""
        self.count = 1
        self.next(self.middle)

    @step
    def middle(self):
        self.count += 1
        self.next(self.end)

    @step
    def end(self):
        self.count += 1


if __name__ == "__main__":
    LinearFlow()

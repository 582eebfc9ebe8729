"""metaflow-measure"""

from metaflow import FlowSpec, step
from metaflow.plugins import measure


class Measured(FlowSpec):
    @step
    def start(self):
        with measure.TimeDistribution("work"):
            self.total = sum(range(100))
        self.next(self.end)

    @step
    def end(self):
        self.seen = self.total


if __name__ == "__main__":
    Measured()

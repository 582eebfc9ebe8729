"""Steps, parameters and a schedule of a base class in another file; one step is overridden."""

from base import TrainBase
from metaflow import step


class InheritanceFlow(TrainBase):
    @step
    def train(self):
        """Train better than the base."""
        self.score = self.rounds * 2
        self.next(self.check)

    @step
    def check(self):
        self.good = self.score > self.rounds
        self.next(self.end)


if __name__ == "__main__":
    InheritanceFlow()

"""A flow whose last step has no successor and is not named `end`."""

from metaflow import FlowSpec, step


class Faulty(FlowSpec):
    @step
    def start(self):
        self.next(self.middle)

    @step
    def middle(self):
        self.next(self.start)


if __name__ == "__main__":
    Faulty()

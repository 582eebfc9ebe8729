"""A step without a predecessor."""

from metaflow import FlowSpec, step


class Faulty(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def orphan(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

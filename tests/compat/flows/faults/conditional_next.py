"""A step that chooses between two transitions by an ordinary `if`."""

from metaflow import FlowSpec, Parameter, step


class Faulty(FlowSpec):
    n = Parameter("n", default=1)

    @step
    def start(self):
        if self.n:
            self.next(self.end)
        else:
            self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

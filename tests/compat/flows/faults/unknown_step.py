"""A transition to an unknown step."""

from metaflow import FlowSpec, Parameter, step


class Faulty(FlowSpec):
    n = Parameter("n", default=1)

    @step
    def start(self):
        self.next(self.ende)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

"""A step raises an error."""

from metaflow import FlowSpec, Parameter, step


class Faulty(FlowSpec):
    n = Parameter("n", default=1)

    @step
    def start(self):
        raise ValueError("no luck")
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

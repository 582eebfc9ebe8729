"""A step ends its process."""

from metaflow import FlowSpec, Parameter, step


class Faulty(FlowSpec):
    n = Parameter("n", default=1)

    @step
    def start(self):
        raise SystemExit(3)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

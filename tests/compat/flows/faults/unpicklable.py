"""An artifact that cannot be stored."""

from metaflow import FlowSpec, Parameter, step


class Faulty(FlowSpec):
    n = Parameter("n", default=1)

    @step
    def start(self):
        self.lock = __import__("threading").Lock()
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

"""A step without self.next."""

from metaflow import FlowSpec, Parameter, step


class Faulty(FlowSpec):
    n = Parameter("n", default=1)

    @step
    def start(self):
        self.a = 1

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

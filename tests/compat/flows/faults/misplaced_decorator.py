"""A decorator of steps on a method that is not a step."""

from metaflow import FlowSpec, retry, step


class Faulty(FlowSpec):
    @retry(tims=3)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

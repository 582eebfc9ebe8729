"""A switch that leads to its own step: a loop."""

from metaflow import FlowSpec, step


class RecursionSelf(FlowSpec):
    @step
    def start(self):
        self.count = 0
        self.next(self.loop)

    @step
    def loop(self):
        self.count += 1
        self.more = "yes" if self.count < 5 else "no"
        self.next({"yes": self.loop, "no": self.end}, condition="more")

    @step
    def end(self):
        assert self.count == 5


if __name__ == "__main__":
    RecursionSelf()

"""One of several ways: a nested switch, an arm of several steps, one that leads straight on, all meeting in one step."""

from metaflow import FlowSpec, Parameter, step


class SwitchFlow(FlowSpec):
    size = Parameter("size", default=30)

    @step
    def start(self):
        self.kind = "small" if self.size < 10 else "large" if self.size < 100 else "none"
        self.next({"small": self.small, "large": self.large, "none": self.report}, condition="kind")

    @step
    def small(self):
        self.how = "at once"
        self.next(self.report)

    @step
    def large(self):
        self.even = self.size % 2 == 0
        self.next({True: self.halves, False: self.thirds}, condition="even")

    @step
    def halves(self):
        self.parts = [1, 2]
        self.next(self.part, foreach="parts")

    @step
    def thirds(self):
        self.how = "in thirds"
        self.next(self.report)

    @step
    def part(self):
        self.done = self.size // self.input
        self.next(self.together)

    @step
    def together(self, inputs):
        self.how = f"in halves: {[i.done for i in inputs]}"
        self.next(self.report)

    @step
    def report(self):
        self.how = getattr(self, "how", "not at all")
        self.next(self.end)

    @step
    def end(self):
        print(self.how)


if __name__ == "__main__":
    SwitchFlow()

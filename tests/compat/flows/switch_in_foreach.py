"""A switch in a foreach: each item takes its own branch, and the join gets all items."""

from metaflow import FlowSpec, step


class SwitchInForeach(FlowSpec):
    @step
    def start(self):
        self.numbers = [1, 2, 3, 4]
        self.next(self.decide, foreach="numbers")

    @step
    def decide(self):
        self.kind = "even" if self.input % 2 == 0 else "odd"
        self.next({"even": self.even, "odd": self.odd}, condition="kind")

    @step
    def even(self):
        self.result = f"{self.input} even"
        self.next(self.join)

    @step
    def odd(self):
        self.result = f"{self.input} odd"
        self.next(self.join)

    @step
    def join(self, inputs):
        self.results = sorted(i.result for i in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.results == ["1 odd", "2 even", "3 odd", "4 even"]


if __name__ == "__main__":
    SwitchInForeach()

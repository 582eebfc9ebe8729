"""A switch in each item of a foreach, whose arms end in the join of the foreach; and one in an arm of a branch."""

from metaflow import FlowSpec, step


class SwitchJoinFlow(FlowSpec):
    @step
    def start(self):
        self.numbers = [3, 4, 5]
        self.next(self.look, foreach="numbers")

    @step
    def look(self):
        self.odd = self.input % 2
        self.next({1: self.triple, 0: self.halve}, condition="odd")

    @step
    def triple(self):
        self.result = 3 * self.input
        self.next(self.collect)

    @step
    def halve(self):
        self.result = self.input // 2
        self.next(self.collect)

    @step
    def collect(self, inputs):
        self.results = [i.result for i in inputs]
        self.next(self.choose, self.other)

    @step
    def choose(self):
        self.way = "right"
        self.next({"left": self.left, "right": self.join}, condition="way")

    @step
    def left(self):
        self.next(self.join)

    @step
    def other(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.way = inputs.choose.way
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.results == [9, 2, 15]
        assert self.way == "right"


if __name__ == "__main__":
    SwitchJoinFlow()

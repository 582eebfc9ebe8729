"""A foreach in one branch of a switch, and a switch in another switch."""

from metaflow import FlowSpec, step


class SwitchWithForeach(FlowSpec):
    @step
    def start(self):
        self.way = "many"
        self.next({"many": self.many, "one": self.one}, condition="way")

    @step
    def many(self):
        self.items = [1, 2]
        self.next(self.item, foreach="items")

    @step
    def item(self):
        self.twice = 2 * self.input
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.total = sum(i.twice for i in inputs)
        self.next(self.weigh)

    @step
    def weigh(self):
        self.size = "big" if self.total > 5 else "small"
        self.next({"big": self.big, "small": self.small}, condition="size")

    @step
    def big(self):
        self.said = "big"
        self.next(self.end)

    @step
    def small(self):
        self.said = "small"
        self.next(self.end)

    @step
    def one(self):
        self.said = "one"
        self.next(self.end)

    @step
    def end(self):
        assert self.said == "big"


if __name__ == "__main__":
    SwitchWithForeach()

"""One branch holds a foreach, the other a branch of its own; every split has its own join."""

from metaflow import FlowSpec, step


class ForeachInBranchFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.many, self.fork)

    @step
    def many(self):
        self.items = [1, 2, 3, 4]
        self.next(self.item, foreach="items")

    @step
    def item(self):
        self.square = self.input**2
        self.next(self.join_items)

    @step
    def join_items(self, inputs):
        self.sum_of_squares = sum(i.square for i in inputs)
        self.next(self.join)

    @step
    def fork(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.side = "left"
        self.next(self.join_fork)

    @step
    def right(self):
        self.side = "right"
        self.next(self.join_fork)

    @step
    def join_fork(self, inputs):
        self.sides = [i.side for i in inputs]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.result = (inputs.join_items.sum_of_squares, inputs.join_fork.sides)
        self.next(self.end)

    @step
    def end(self):
        assert self.result == (30, ["left", "right"])


if __name__ == "__main__":
    ForeachInBranchFlow()

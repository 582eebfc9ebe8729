"""Four nested foreaches: the stack, the index and the input at each level."""

from metaflow import FlowSpec, step


class NestedForeach(FlowSpec):
    @step
    def start(self):
        self.a = ["x", "y"]
        assert self.input is None
        assert self.index is None
        assert self.foreach_stack() == []
        self.next(self.one, foreach="a")

    @step
    def one(self):
        self.b = [1, 2, 3]
        assert self.foreach_stack() == [(self.index, 2, self.input)]
        self.next(self.two, foreach="b")

    @step
    def two(self):
        self.c = ["p"]
        self.next(self.three, foreach="c")

    @step
    def three(self):
        self.d = range(2)
        self.next(self.four, foreach="d")

    @step
    def four(self):
        stack = self.foreach_stack()
        assert [frame[1] for frame in stack] == [2, 3, 1, 2]
        assert stack[-1] == (self.index, 2, self.input)
        self.seen = "".join(str(frame[2]) for frame in stack)
        self.next(self.join_d)

    @step
    def join_d(self, inputs):
        self.seen = [i.seen for i in inputs]
        assert self.index == 0
        self.next(self.join_c)

    @step
    def join_c(self, inputs):
        self.seen = sum((i.seen for i in inputs), [])
        assert self.index in (0, 1, 2)
        self.next(self.join_b)

    @step
    def join_b(self, inputs):
        self.seen = sum((i.seen for i in inputs), [])
        assert self.index in (0, 1)
        self.next(self.join_a)

    @step
    def join_a(self, inputs):
        self.seen = sum((i.seen for i in inputs), [])
        assert self.input is None
        self.next(self.end)

    @step
    def end(self):
        assert self.seen == [f"{a}{b}p{d}" for a in "xy" for b in (1, 2, 3) for d in (0, 1)], self.seen


if __name__ == "__main__":
    NestedForeach()

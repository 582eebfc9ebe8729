"""Branches inside branches, a foreach inside a branch, and a branch inside a foreach."""

from metaflow import FlowSpec, step


class Branches(FlowSpec):
    @step
    def start(self):
        self.label = "start"
        self.next(self.left, self.right)

    @step
    def left(self):
        self.items = [1, 2, 3]
        self.next(self.item, foreach="items")

    @step
    def item(self):
        self.value = self.input
        self.next(self.up, self.down)

    @step
    def up(self):
        self.moved = self.value + 1
        assert self.index in (0, 1, 2)
        self.next(self.meet)

    @step
    def down(self):
        self.moved = self.value - 1
        self.next(self.meet)

    @step
    def meet(self, inputs):
        assert inputs.up.value == inputs.down.value
        self.pair = (inputs.up.moved, inputs.down.moved)
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.pairs = [i.pair for i in inputs]
        self.next(self.final)

    @step
    def right(self):
        self.next(self.x, self.y, self.z)

    @step
    def x(self):
        self.letter = "x"
        self.next(self.letters)

    @step
    def y(self):
        self.letter = "y"
        self.next(self.letters)

    @step
    def z(self):
        self.letter = "z"
        self.next(self.letters)

    @step
    def letters(self, inputs):
        self.word = "".join(sorted(i.letter for i in inputs))
        self.next(self.final)

    @step
    def final(self, inputs):
        self.pairs = inputs.gather.pairs
        self.word = inputs.letters.word
        self.next(self.end)

    @step
    def end(self):
        assert self.pairs == [(2, 0), (3, 1), (4, 2)]
        assert self.word == "xyz"


if __name__ == "__main__":
    Branches()

"""One task for each item of a list, joined in the list's order; then the same over an empty list."""

from metaflow import FlowSpec, step


class ForeachFlow(FlowSpec):
    @step
    def start(self):
        self.letters = ["a", "b", "c"]
        self.next(self.upper, foreach="letters")

    @step
    def upper(self):
        self.letter = self.input.upper()
        self.place = self.index
        self.next(self.join)

    @step
    def join(self, inputs):
        self.word = "".join(i.letter for i in inputs)
        self.places = [i.place for i in inputs]
        self.nothing = []
        self.next(self.never, foreach="nothing")

    @step
    def never(self):
        self.ran = True
        self.next(self.join_nothing)

    @step
    def join_nothing(self, inputs):
        self.none_ran = len(list(inputs)) == 0
        self.next(self.end)

    @step
    def end(self):
        assert self.none_ran


if __name__ == "__main__":
    ForeachFlow()

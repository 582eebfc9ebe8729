"""A foreach iterates over anything with a length and items: lists, tuples, texts, ranges."""

from metaflow import FlowSpec, step


class ForeachIterables(FlowSpec):
    @step
    def start(self):
        self.items = ("0", "1", "2")
        self.next(self.from_tuple, foreach="items")

    @step
    def from_tuple(self):
        self.got = self.input
        self.next(self.after_tuple)

    @step
    def after_tuple(self, inputs):
        assert [i.got for i in inputs] == ["0", "1", "2"]
        self.next(self.split_letters)

    @step
    def split_letters(self):
        self.text = "xyz"
        self.next(self.letters, foreach="text")

    @step
    def letters(self):
        self.letter = self.input
        self.next(self.after_letters)

    @step
    def after_letters(self, inputs):
        assert [i.letter for i in inputs] == ["x", "y", "z"]
        assert inputs[1].letter == "y"
        assert len(list(inputs)) == 3
        self.next(self.end)

    @step
    def end(self):
        print("done")


if __name__ == "__main__":
    ForeachIterables()

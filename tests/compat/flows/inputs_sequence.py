"""The inputs of a join as a sequence: slices, negative indexes, `in`, unpacking, and access by a step's name."""

from metaflow import FlowSpec, step


class InputsSequence(FlowSpec):
    @step
    def start(self):
        self.numbers = [1, 2, 3, 4]
        self.next(self.each, foreach="numbers")

    @step
    def each(self):
        self.number = self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.first_two = [i.number for i in inputs[:2]]
        self.backwards = [i.number for i in inputs[::-1]]
        self.every_other = [i.number for i in inputs[-3::2]]
        self.empty = inputs[4:]
        self.differences = [b.number - inputs[at].number for at, b in enumerate(inputs[1:])]
        self.last = inputs[-1].number
        self.named = inputs.each.number
        first, *rest = inputs
        self.unpacked = first.number, [i.number for i in rest]
        assert first in inputs and inputs[-1] in inputs and 1 not in inputs
        for number, error in ((4, IndexError), (-5, IndexError), (1.5, TypeError), ("each", TypeError)):
            try:
                inputs[number]
            except error:
                continue
            raise AssertionError(number)
        self.merge_artifacts(inputs[:1])
        self.next(self.fan)

    @step
    def fan(self):
        self.next(self.count, self.steps, self.state)

    @step
    def count(self):
        self.me = "count"
        self.next(self.branches)

    @step
    def steps(self):
        self.me = "steps"
        self.next(self.branches)

    @step
    def state(self):
        self.me = "state"
        self.next(self.branches)

    @step
    def branches(self, inputs):
        self.by_name = inputs.count.me, inputs.steps.me, inputs.state.me
        self.of_two = len(inputs[1:])
        self.merge_artifacts(inputs[:2], exclude=["me"])
        self.next(self.end)

    @step
    def end(self):
        assert self.first_two == [1, 2]
        assert self.number == 1


if __name__ == "__main__":
    InputsSequence()

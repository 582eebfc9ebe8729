"""A foreach in each iteration of a loop, and a loop in each item of a foreach."""

from metaflow import FlowSpec, step


class LoopForeachFlow(FlowSpec):
    @step
    def start(self):
        self.seen = []
        self.next(self.spread)

    @step
    def spread(self):
        self.items = [len(self.seen), 10]
        self.next(self.work, foreach="items")

    @step
    def work(self):
        self.steps = 0
        self.next(self.walk)

    @step
    def walk(self):
        self.steps += 1
        self.arrived = self.steps > self.input % 10
        self.next({False: self.walk, True: self.tell}, condition="arrived")

    @step
    def tell(self):
        self.told = (self.index, self.steps)
        self.next(self.gather)

    @step
    def gather(self, inputs):
        self.seen = [*inputs[0].seen, [i.told for i in inputs]]
        self.next(self.decide)

    @step
    def decide(self):
        self.again = len(self.seen) < 3
        self.next({True: self.spread, False: self.end}, condition="again")

    @step
    def end(self):
        assert self.seen == [[(0, 1), (1, 1)], [(0, 2), (1, 1)], [(0, 3), (1, 1)]], self.seen


if __name__ == "__main__":
    LoopForeachFlow()

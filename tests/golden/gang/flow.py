"""Tasks that run all at once and know of each other."""

from metaflow import FlowSpec, current, parallel, step


class GangFlow(FlowSpec):
    @step
    def start(self):
        self.nodes = 3
        self.next(self.train, num_parallel=self.nodes)

    @parallel
    @step
    def train(self):
        self.place = (current.parallel.node_index, current.parallel.num_nodes)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.places = [i.place for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        assert self.places == [(0, 3), (1, 3), (2, 3)], self.places


if __name__ == "__main__":
    GangFlow()

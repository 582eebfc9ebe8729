"""A gang: tasks of one step that run at the same time, with `num_parallel` and `current.parallel`."""

from metaflow import FlowSpec, current, parallel, step


class Gang(FlowSpec):
    @step
    def start(self):
        self.size = 3
        self.next(self.train, num_parallel=self.size)

    @parallel
    @step
    def train(self):
        assert current.parallel.num_nodes == 3
        self.rank = current.parallel.node_index
        self.address = current.parallel.main_ip
        self._control = current.parallel.control_task_id
        assert self.input == self.rank, (self.input, self.rank)
        if self.rank > 0:
            return
        self.next(self.join)

    @step
    def join(self, inputs):
        self.ranks = sorted(i.rank for i in inputs)
        assert len({i._control for i in inputs}) == 1
        assert len({i.address for i in inputs}) == 1
        self.next(self.end)

    @step
    def end(self):
        assert self.ranks == [0, 1, 2]


if __name__ == "__main__":
    Gang()

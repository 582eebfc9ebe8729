"""metaflow-ray"""

from metaflow import FlowSpec, current, metaflow_ray, step


class Gang(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @metaflow_ray
    @step
    def train(self):
        self.node = current.parallel.node_index
        self.next(self.join)

    @step
    def join(self, inputs):
        self.nodes = sorted(one.node for one in inputs)
        self.next(self.end)

    @step
    def end(self):
        self.seen = self.nodes


if __name__ == "__main__":
    Gang()

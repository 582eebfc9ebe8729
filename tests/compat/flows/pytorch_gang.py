"""A gang whose tasks find each other through PyTorch's variables, without PyTorch itself."""

import os

from metaflow import FlowSpec, current, pytorch_parallel, step


class PytorchGang(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=3)

    @pytorch_parallel(master_port=23456)
    @step
    def train(self):
        names = ("MASTER_ADDR", "MASTER_PORT", "NUM_NODES", "WORLD_SIZE", "PL_TORCH_DISTRIBUTED_BACKEND")
        self.told = [os.environ[name] for name in names]
        self.rank = int(os.environ["NODE_RANK"])
        assert self.rank == current.parallel.node_index
        self.next(self.join)

    @step
    def join(self, inputs):
        self.ranks = sorted(each.rank for each in inputs)
        self.told = next(each.told for each in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.ranks == [0, 1, 2]


if __name__ == "__main__":
    PytorchGang()

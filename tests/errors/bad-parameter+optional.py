from typing import Optional

from metaflow import FlowSpec, Parameter, step


class Train(FlowSpec):
    depth = Parameter("depth", type=Optional[int], default=3)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

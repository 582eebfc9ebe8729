"""metaflow-helper"""

import metaflow_helper

from metaflow import FlowSpec, step


class Helped(FlowSpec):
    @step
    def start(self):
        self.module = metaflow_helper.__name__
        self.next(self.end)

    @step
    def end(self):
        self.seen = self.module


if __name__ == "__main__":
    Helped()

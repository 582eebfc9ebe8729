"""A flow that other programs run."""

import os
import sys
import time

from metaflow import FlowSpec, JSONType, Parameter, step


class Train(FlowSpec):
    alpha = Parameter("alpha", default=1.5)
    n_items = Parameter("n-items", default=3)
    data = Parameter("data", type=JSONType, default="null")
    loud = Parameter("loud", default=False)
    seconds = Parameter("seconds", default=0)

    @step
    def start(self):
        print("alpha is", self.alpha, flush=True)
        time.sleep(self.seconds)
        self.color = os.environ.get("COLOR")
        self.items = [1, 2]
        self.next(self.each, foreach="items")

    @step
    def each(self):
        assert "FAIL_EACH" not in os.environ, "each as well"
        self.value = self.input * self.alpha
        self.next(self.join)

    @step
    def join(self, inputs):
        assert "FAIL" not in os.environ, "as it was told to"
        self.sum = sum(given.value for given in inputs)
        self.next(self.end)

    @step
    def end(self):
        print("a warning", file=sys.stderr)
        self.given = [self.alpha, self.n_items, self.data, self.loud]


if __name__ == "__main__":
    Train()

"""A flow with a branch, a foreach, a retry and logs; other programs read its runs."""

import sys

from metaflow import FlowSpec, Parameter, card, current, retry, step


class ClientFlow(FlowSpec):
    """Doc of the flow."""

    alpha = Parameter("alpha", default=3)
    fail = Parameter("fail", default=False)

    @card(id="page")
    @step
    def start(self):
        self.items = ["a", "b", "c"]
        self.none = None
        print("hello out")
        print("hello err", file=sys.stderr)
        self.next(self.each, foreach="items")

    @retry(times=2, minutes_between_retries=0)
    @step
    def each(self):
        print("attempt", current.retry_count)
        if self.input == "b" and current.retry_count < 1:
            raise ValueError("once")
        self.letter = self.input.upper()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.letters = "".join(i.letter for i in inputs)
        self.next(self.end)

    @step
    def end(self):
        if self.fail:
            raise KeyError("as asked")
        self.done = True


if __name__ == "__main__":
    ClientFlow()

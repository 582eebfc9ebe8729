"""Some tasks of a foreach fail: `@catch` stores the failures, and the join runs."""

from metaflow import FlowSpec, catch, retry, step


class ForeachCatch(FlowSpec):
    @step
    def start(self):
        self.divisors = [1, 0, 2, 0]
        self.next(self.divide, foreach="divisors")

    @catch(var="why")
    @retry(times=1, minutes_between_retries=0)
    @step
    def divide(self):
        self.before = "kept"
        self.quotient = 10 // self.input
        self.next(self.join)

    @step
    def join(self, inputs):
        self.quotients = [i.quotient for i in inputs if not i.why]
        self.failed = [i.index if hasattr(i, "nothing") else i.why.type for i in inputs if i.why]
        assert all(not hasattr(i, "quotient") for i in inputs if i.why)
        self.next(self.end)

    @step
    def end(self):
        assert self.quotients == [10, 5]
        assert self.failed == ["builtins.ZeroDivisionError"] * 2, self.failed


if __name__ == "__main__":
    ForeachCatch()

"""Policies of steps, in any order relative to `@step`, and a failure that is caught."""

import os

from metaflow import FlowSpec, catch, environment, resources, retry, step, timeout


class PoliciesFlow(FlowSpec):
    @retry
    @step
    def start(self):
        self.next(self.fail)

    @catch(var="failure", print_exception=False)
    @retry(times=1, minutes_between_retries=0)
    @timeout(seconds=30, minutes=1)
    @step
    def fail(self):
        self.before = "kept"
        raise ValueError("this is caught")
        self.next(self.look)

    @step
    @resources(cpu=0.5, memory=256, disk="1024", gpu=0, shared_memory=64)
    @environment(vars={"GREETING": "hello there", "EMPTY": ""})
    def look(self):
        self.greeting = os.environ["GREETING"]
        self.next(self.end)

    @step
    def end(self):
        assert self.failure
        assert self.greeting == "hello there"


if __name__ == "__main__":
    PoliciesFlow()

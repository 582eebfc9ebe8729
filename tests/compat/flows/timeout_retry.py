"""A step whose first attempt exceeds its timeout is tried again."""

import time

from metaflow import FlowSpec, current, resources, retry, step, timeout


class TimeoutRetry(FlowSpec):
    @resources(cpu=1, memory=100)
    @retry(times=2, minutes_between_retries=0)
    @timeout(seconds=1)
    @step
    def start(self):
        if current.retry_count == 0:
            self.of_a_failed_attempt = True
            time.sleep(30)
        self.attempt = current.retry_count
        self.next(self.end)

    @step
    def end(self):
        assert self.attempt == 1
        assert not hasattr(self, "of_a_failed_attempt")


if __name__ == "__main__":
    TimeoutRetry()

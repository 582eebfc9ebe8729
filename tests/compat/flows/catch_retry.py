"""`@catch` together with `@retry`: exceptions, timeouts and killed processes."""

import os
import signal
import time

from metaflow import FlowSpec, catch, current, retry, step, timeout


class CatchRetry(FlowSpec):
    @step
    def start(self):
        self.next(self.raises, self.dies, self.late, self.flaky, self.nothing)

    @catch(var="failure")
    @step
    def raises(self):
        self.kept = "before"
        raise ValueError("no luck")
        self.next(self.join)

    @catch(var="failure", print_exception=False)
    @retry(times=1, minutes_between_retries=0)
    @step
    def dies(self):
        os.kill(os.getpid(), signal.SIGKILL)
        self.next(self.join)

    @catch(var="failure")
    @timeout(seconds=1)
    @step
    def late(self):
        time.sleep(30)
        self.next(self.join)

    @retry(times=3, minutes_between_retries=0)
    @step
    def flaky(self):
        self.attempt = current.retry_count
        if self.attempt < 2:
            raise RuntimeError("again")
        self.next(self.join)

    @catch(var="failure")
    @step
    def nothing(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        raised = inputs.raises.failure
        assert "ValueError" in raised.type, raised.type
        assert "no luck" in raised.exception, raised.exception
        assert "no luck" in str(raised)
        assert inputs.dies.failure
        print("dies:", inputs.dies.failure.type)
        assert inputs.late.failure.type.endswith("TimeoutException"), inputs.late.failure.type
        print("late:", inputs.late.failure.type)
        assert inputs.flaky.attempt == 2
        assert inputs.nothing.failure is None
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    CatchRetry()

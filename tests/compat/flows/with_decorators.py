"""Decorators that the command line adds: `run --with retry`."""

from metaflow import FlowSpec, current, retry, step


class WithDecorators(FlowSpec):
    @step
    def start(self):
        if current.retry_count < 1:
            raise RuntimeError("the first attempt fails")
        self.attempt = current.retry_count
        self.next(self.own)

    @retry(times=2, minutes_between_retries=0)
    @step
    def own(self):
        if current.retry_count < 2:
            raise RuntimeError("the first two attempts fail")
        self.next(self.end)

    @step
    def end(self):
        if current.retry_count < 1:
            raise RuntimeError("the first attempt fails")


if __name__ == "__main__":
    WithDecorators()

"""metaflow-sentry-logger"""

from metaflow import FlowSpec, sentry, step


class Watched(FlowSpec):
    @sentry
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        self.seen = True


if __name__ == "__main__":
    Watched()

"""metaflow-logs"""

from metaflow import FlowSpec, logs, step


class Logged(FlowSpec):
    @logs
    @step
    def start(self):
        print("one line")
        self.next(self.end)

    @step
    def end(self):
        self.seen = True


if __name__ == "__main__":
    Logged()

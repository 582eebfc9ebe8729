"""The flow's file cannot be imported."""

import a_module_that_there_is_not  # noqa: F401

from metaflow import FlowSpec, step


class Faulty(FlowSpec):
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Faulty()

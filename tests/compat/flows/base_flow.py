"""A flow derived from a flow in another module has its parameters, configs, steps and decorators."""

from support.base import Base, counted

from metaflow import step


class BaseFlow(Base):
    @counted
    @step
    def work(self):
        self.result = self.rate * 2
        self.next(self.end)

    def finish(self):
        assert self.started == "base"
        assert self.result == 1.0
        assert self.counted_steps == ["start", "work", "end"], self.counted_steps


if __name__ == "__main__":
    BaseFlow()

"""A fully annotated flow, which strict modes of type checkers accept."""

from __future__ import annotations

from metaflow import FlowSpec, Parameter, current, retry, step
from metaflow.flowspec import Inputs


class Base(FlowSpec):
    n = Parameter("n", type=int, default=3)

    def helper(self) -> int:
        return self.n + 1


class Annotated(Base):
    alpha = Parameter("alpha", default=0.1)

    @step
    def start(self) -> None:
        self.items: list[int] = list(range(self.helper()))
        self.next(self.train, foreach="items")

    @retry
    @step
    def train(self) -> None:
        self.score: float = self.input * self.alpha
        assert self.index is not None
        self.rank: int = self.index
        self.next(self.join)

    @step
    def join(self, inputs: Inputs[Annotated]) -> None:
        self.total: float = sum(i.score for i in inputs) + sum(i.score for i in inputs[:1]) + inputs[-1].score
        self.next(self.end)

    @step
    def end(self) -> None:
        print(self.total, current.run_id)


if __name__ == "__main__":
    Annotated()

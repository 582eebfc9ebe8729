"""Type checkers find types and errors in this flow, at the lines with comments; the flow never runs."""

from metaflow import FlowSpec, JSONType, Parameter, batch, current, parallel_map, retry, stpe, timeout  # error
from metaflow import Flow, step


class Faulty(FlowSpec):
    n = Parameter("n", type=int, default=3)
    alpha = Parameter("alpha", default=0.1)
    title = Parameter("title", required=True)
    data = Parameter("data", type=JSONType)

    @retry(tims=3)  # error
    @step
    def start(self):
        reveal_type(self.n)  # is int
        reveal_type(self.alpha)  # is float
        reveal_type(self.title)  # is str
        reveal_type(self.data)  # is Any
        reveal_type(self.anything)  # is Any
        reveal_type(self.input)  # is Any
        reveal_type(self.index)  # is int | None
        reveal_type(current.run_id)  # is str
        reveal_type(parallel_map(str, [1, 2]))  # is list[str]
        self.n.upper()  # error
        self.n = 4  # error (mypy only)
        self.nxt(self.end)
        self.next(self.end, foreach=3)  # error

    @timeout(minutes="5")  # error
    @step
    def middle(self):
        pass

    @retry
    @timeout(minutes=5)
    @step
    def train(self) -> int:
        return 3

    @step
    def end(self):
        reveal_type(self.train())  # is int
        for run in Flow("Faulty"):
            reveal_type(run.successful)  # is bool
            reveal_type([task.index for each in run for task in each])  # is list[int | None]
            reveal_type([artifact.size for artifact in run["end"]["0"]])  # is list[int]
        reveal_type(Flow("Faulty").artifact_versions("x")[0]["size"])  # is int

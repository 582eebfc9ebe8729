"""A flow without annotations that uses all features of the API."""

from metaflow import (
    FlowSpec,
    JSONType,
    Parameter,
    catch,
    current,
    environment,
    parallel_map,
    profile,
    resources,
    retry,
    schedule,
    step,
    timeout,
)
from metaflow.exception import MetaflowException


@schedule(daily=True)
class Plain(FlowSpec):
    n = Parameter("n", type=int, default=3, help="how many")
    alpha = Parameter("alpha", default=0.1)
    title = Parameter("title", default="x")
    needed = Parameter("needed", default="y")
    flag = Parameter("flag", type=bool, default=False)
    late = Parameter("late", type=int, default=lambda: 3)
    data = Parameter("data", type=JSONType, default="{}")
    constant = 3

    @step
    def start(self):
        self.items = list(range(self.n))
        self.anything = {"a": 1}
        self.next(self.train, foreach="items")

    @retry(times=3, minutes_between_retries=1)
    @catch(var="failure")
    @timeout(minutes=5)
    @resources(cpu=2, memory=1000)
    @environment(vars={"A": "b"})
    @step
    def train(self):
        self.score = self.input * self.alpha + self.index
        print(current.run_id, current.step_name, current.task_id, current.pathspec)
        with profile("x"):
            self.squares = parallel_map(lambda x: x * x, [1, 2, 3])
        self.next(self.join)

    @step
    def join(self, inputs):
        self.scores = [i.score for i in inputs]
        self.first = inputs[0].anything
        self.merge_artifacts(inputs, exclude=["score"])
        self.next(self.a, self.b)

    @step
    def a(self):
        self.x = self.scores[0]
        self.next(self.meet)

    @step
    def b(self):
        self.x = 2.0
        self.next(self.meet)

    @step
    def meet(self, inputs):
        self.x = inputs.a.x + inputs.b.x
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print(self.x, self.data.get("k"), self.constant + 1)
        if self.x > 3:
            raise MetaflowException("too much")


if __name__ == "__main__":
    Plain()

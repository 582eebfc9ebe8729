"""Less common forms: a foreach over constants, a default for a join's `inputs`, `node_info` of a step."""

from metaflow import FlowSpec, schedule, step

OVER = "items"


class Names:
    OVER = "items"


@schedule(cron="0 10 * * ? *", timezone="Etc/UTC")
class OtherForms(FlowSpec):
    """The schedule has no effect on this machine."""

    OVER_INNER = "parts"

    @step(node_info={"team": "x", "ranks": [1, 2]})
    def start(self):
        self.items = [1, 2]
        self.info = self._graph["start"].node_info
        self.none = self._graph["end"].node_info
        self.next(self.outer, foreach=OVER)

    @step
    def outer(self):
        self.parts = [self.input, self.input * 10]
        self.next(self.inner, foreach=self.OVER_INNER)

    @step
    def inner(self, **more):
        self.x = self.input
        self.next(self.join_inner)

    @step
    def join_inner(self, inputs=None):
        self.total = sum(i.x for i in inputs)
        self.merge_artifacts(inputs, include=["items", "info", "none"])
        self.next(self.join_outer)

    @step
    def join_outer(self, inputs=None, *, more=None):
        self.total = sum(i.total for i in inputs)
        self.merge_artifacts(inputs, include=["items", "info", "none"])
        self.next(self.split)

    @step
    def split(self):
        self.next(self.again, foreach=f"{Names.OVER}")

    @step
    def again(self):
        self.x = self.input
        self.next(self.end_join)

    @step
    def end_join(self, inputs=()):
        self.total = sum(i.x for i in inputs)
        self.next(self.end)

    @step
    def end(self):
        assert self.total == 3


if __name__ == "__main__":
    OtherForms()

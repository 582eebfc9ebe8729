"""A flow reads its own graph, in a step and outside of a run."""

from metaflow import FlowSpec, step


class GraphSeen(FlowSpec):
    """A flow that reads its own graph."""

    @step
    def start(self):
        """The first step."""
        self.items = [1, 2]
        self.next(self.each, foreach="items")

    @step
    def each(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.split)

    @step
    def split(self):
        self.next(self.a, self.b)

    @step
    def a(self):
        self.next(self.meet)

    @step
    def b(self):
        self.next(self.meet)

    @step
    def meet(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        self.types = {name: self._graph[name].type for name in ("start", "each", "join", "split", "a", "meet", "end")}
        self.after = {node.name: sorted(node.out_funcs) for node in self._graph}
        self.before = {node.name: sorted(node.in_funcs) for node in self._graph}
        self.doc = self._graph["start"].doc
        assert {item.name for item in self} >= set(self.types)


if __name__ == "__main__":
    GraphSeen()

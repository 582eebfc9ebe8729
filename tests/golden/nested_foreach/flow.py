"""A foreach inside a foreach: the inner joins run once for each item of the outer list."""

from metaflow import FlowSpec, step


class NestedForeachFlow(FlowSpec):
    @step
    def start(self):
        self.rows = [1, 2]
        self.next(self.row, foreach="rows")

    @step
    def row(self):
        self.factor = self.input
        self.columns = [10, 20, 30]
        self.next(self.cell, foreach="columns")

    @step
    def cell(self):
        self.product = self.factor * self.input
        self.next(self.join_row)

    @step
    def join_row(self, inputs):
        self.products = [i.product for i in inputs]
        self.next(self.join)

    @step
    def join(self, inputs):
        self.table = [i.products for i in inputs]
        self.next(self.end)

    @step
    def end(self):
        assert self.table == [[10, 20, 30], [20, 40, 60]]


if __name__ == "__main__":
    NestedForeachFlow()

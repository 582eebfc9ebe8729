from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.a, foreach=self.items)

    @step
    def a(self):
        self.next(self.b, foreach=[1, 2])

    @step
    def b(self):
        self.next(self.join, foreach="not a name")

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

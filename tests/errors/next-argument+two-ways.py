from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.items = [1, 2]
        self.next(self.work, foreach="items", num_parallel=2)

    @step
    def work(self):
        self.next(self.join, condition="items")

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

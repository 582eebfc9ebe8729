from metaflow import FlowSpec, batch, step


class Demo(FlowSpec):
    @batch(cpu=4)
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

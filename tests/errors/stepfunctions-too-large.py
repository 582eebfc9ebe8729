from metaflow import FlowSpec, Parameter, step


class Demo(FlowSpec):
    text = Parameter("text", default="x" * 9_000)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

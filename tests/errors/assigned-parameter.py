from metaflow import FlowSpec, Parameter, step


class Demo(FlowSpec):
    alpha = Parameter("alpha", default=0.1)

    @step
    def start(self):
        self.alpha = 0.2
        self.next(self.end)

    @step
    def end(self):
        self.alpha += 1

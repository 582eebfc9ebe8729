from metaflow import Config, FlowSpec, Parameter, step


class Demo(FlowSpec):
    alpha = Parameter("alpha", default=0.1)
    config = Config("config", default_value={})

    @step
    def start(self):
        self.alpha = 0.2
        self.config = {}
        self.next(self.end)

    @step
    def end(self):
        self.alpha += 1

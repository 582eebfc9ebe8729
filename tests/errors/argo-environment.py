from metaflow import FlowSpec, environment, step


class Demo(FlowSpec):
    @environment(vars={"FLOWC_STORE": "s3://mine"})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

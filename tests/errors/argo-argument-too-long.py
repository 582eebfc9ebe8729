from metaflow import FlowSpec, environment, step


class Demo(FlowSpec):
    @environment(vars={"TEXT": "x" * 131_072})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

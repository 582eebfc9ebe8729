from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.train)

    @step
    def train(self):
        self.next(self.end)

    @step
    def train(self):
        self.score = 2
        self.next(self.end)

    @step
    def end(self):
        pass

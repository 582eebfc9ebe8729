from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.train)

    @step
    def train(self):
        self.next(self.test)

    @step
    def test(self):
        self.next(self.train)

    @step
    def end(self):
        pass

from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.train)

    def train(self):
        self.next(self.check)

    def check(self):
        pass

    @step
    def end(self):
        pass

from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.train)

    @step
    def train(self):
        if self.input:
            return

    @step
    def end(self):
        pass

from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.train)

    @step
    def train(self, data, rounds=3):
        self.next(self.test)

    @step
    def test():
        self.next(self.end)

    @staticmethod
    @step
    def end(self):
        pass

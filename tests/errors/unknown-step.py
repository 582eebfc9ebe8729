from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.trian, self.test)

    @step
    def train(self):
        self.next(self.join)

    @step
    def test(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.rate)

    rate = 3

    @step
    def far(self):
        self.next(self.somewhere_else)

    @step
    def end(self):
        pass

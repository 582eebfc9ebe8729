from metaflow import FlowSpec, parallel, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=4)

    @step
    def train(self):
        self.next(self.more)

    @step
    def more(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.last)

    @parallel
    @step
    def last(self):
        self.next(self.end)

    @step
    def end(self):
        pass

from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next("train")

    @step
    def train(self):
        self.next(self.test())

    @step
    def test(self):
        self.next(*self.steps)

    @step
    def look(self):
        self.next(self.say, forech="items")

    @step
    def say(self):
        self.next()

    @step
    def end(self):
        pass

from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.train)

    @step
    def train(self):
        self.next(self.test)
        print("never")

    @step
    def test(self):
        if self.score > 1:
            self.next(self.good)
        else:
            self.next(self.end)

    @step
    def good(self):
        for step in (self.shown, self.end):
            self.next(step)

    @step
    def shown(self):
        return self.next(self.end)

    @step
    def end(self):
        pass

from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.next(self.a, self.b, self.c)

    @step
    def a(self):
        self.next(self.join)

    @step
    def b(self):
        self.next(self.join)

    @step
    def c(self):
        self.next(self.join_again)

    @step
    def join(self, inputs):
        self.next(self.join_again)

    @step
    def join_again(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass

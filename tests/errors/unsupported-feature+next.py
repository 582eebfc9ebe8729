from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.choice = "a"
        self.next({"a": self.a, "b": self.b}, condition="choice")

    @step
    def a(self):
        self.next({"a": self.b})

    @step
    def b(self):
        self.next(self.end, num_parallel=4)

    @step
    def end(self):
        pass

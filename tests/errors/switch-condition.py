from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.choice = "a"
        self.next({"a": self.a, "b": self.b})

    @step
    def a(self):
        self.choice = "a"
        self.next({"a": self.b, "b": self.end}, condition=self.choice)

    @step
    def b(self):
        self.next(self.end)

    @step
    def end(self):
        pass

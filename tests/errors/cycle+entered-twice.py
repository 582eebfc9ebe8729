from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.way = "a"
        self.next({"a": self.a, "b": self.b}, condition="way")

    @step
    def a(self):
        self.next(self.b)

    @step
    def b(self):
        self.next({"a": self.a, "b": self.end}, condition="way")

    @step
    def end(self):
        pass

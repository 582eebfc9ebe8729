from metaflow import FlowSpec, step


class Demo(FlowSpec):
    @step
    def start(self):
        self.choice = "a"
        self.next({"a": self.a}, condition="choice")

    @step
    def a(self):
        kind = "x"
        self.next({kind: self.b, "y": self.end}, condition="choice")

    @step
    def b(self):
        self.next({1: self.c, True: self.end}, condition="choice")

    @step
    def c(self):
        self.next({"x": self.end(), "y": self.end}, condition="choice")

    @step
    def end(self):
        pass

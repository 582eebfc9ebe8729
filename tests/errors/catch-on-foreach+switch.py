from metaflow import FlowSpec, catch, step


class Demo(FlowSpec):
    @catch
    @step
    def start(self):
        self.way = "a"
        self.next({"a": self.a, "b": self.end}, condition="way")

    @step
    def a(self):
        self.next(self.end)

    @step
    def end(self):
        pass

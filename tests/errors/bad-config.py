from metaflow import Config, FlowSpec, step


class Demo(FlowSpec):
    a = Config("a", default="a.json", default_value={})
    b = Config("b", defualt="b.json")
    c = Config("a")
    d = Config(3)
    e = Config("e", default_value=[1, 2])
    f = Config("f", parser=7, required="yes")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

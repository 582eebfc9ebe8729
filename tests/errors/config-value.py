import threading

from metaflow import Config, FlowSpec, step


class Demo(FlowSpec):
    a = Config("a", required=True)
    b = Config("b", default="no-such-file.json")
    c = Config("c", default_value="{not json")
    d = Config("d", default_value="x", parser=lambda text: 1 / 0)
    e = Config("e", default_value="[1, 2]")
    f = Config("f", default_value="x", parser="no_such_module.parse")
    g = Config("g", default_value="x", parser=lambda text: {"lock": threading.Lock()})
    h = Config("h", default_value=lambda context: {}["no such key"])

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

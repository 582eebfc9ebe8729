from metaflow import FlowSpec, JSONType, Parameter, step


class Demo(FlowSpec):
    a = Parameter("a", default=[1, 2])
    b = Parameter("b", type=list)
    c = Parameter("c", type=int, default="three")
    d = Parameter("d", type=JSONType, default="{not json")
    e = Parameter("not an option")
    f = Parameter()
    g = Parameter("g", multiple=True, separator=",", defalt=1)
    h = Parameter("h", required="yes", help=3)
    i = Parameter("i", type=JSONType, default={1: "one"})

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

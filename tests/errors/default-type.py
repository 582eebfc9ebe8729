from metaflow import FlowSpec, Parameter, step


class Train(FlowSpec):
    depth = Parameter("depth", type=int, default=1.5)
    sure = Parameter("sure", type=int, default=True)
    label = Parameter("label", type=str, default=3)
    rate = Parameter("rate", type=float, default=1)
    read = Parameter("read", type=int, default="4")
    items = Parameter("items", type=str, multiple=True, default=[1, 2])

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

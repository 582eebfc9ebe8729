from metaflow import FlowSpec, Parameter, step


def broken(context):
    raise RuntimeError(f"no default for {context.parameter_name}")


class Demo(FlowSpec):
    a = Parameter("a", default=broken)
    b = Parameter("b", type=int, default=lambda: "three")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

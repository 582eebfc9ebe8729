from metaflow import FlowSpec, Parameter, step


class Demo(FlowSpec):
    alpha = Parameter("alpha", default=0.1)
    again = Parameter("alpha", default=0.2)
    upper = Parameter("ALPHA", default=0.3)
    train = Parameter("train")
    other = Parameter("end")  # names of options are no names of attributes
    dashed = Parameter("a-b")
    underscored = Parameter("a_b")

    @step
    def start(self):
        self.next(self.train)

    @step
    def train(self):
        self.next(self.end)

    @step
    def end(self):
        pass

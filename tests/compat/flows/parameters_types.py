"""Parameters of every type, with a separator, and with a computed default; steps cannot assign to parameters."""

from metaflow import FlowSpec, JSONType, Parameter, step


def computed(context):
    return f"{context.flow_name}/{context.parameter_name}"


class ParametersTypes(FlowSpec):
    text = Parameter("text", default="t", help="a text")
    whole = Parameter("whole", default=3)
    part = Parameter("part", default=0.5)
    flag = Parameter("flag", default=True)
    data = Parameter("data", type=JSONType, default='{"a": [1, 2]}')
    words = Parameter("words", separator=",", default="a,b,c")
    late = Parameter("late", default=computed)
    maybe = Parameter("maybe", type=int)
    dashed = Parameter("dashed-name", default="d")

    @step
    def start(self):
        self.check()
        try:
            self.text = "other"
        except AttributeError:
            pass
        else:
            raise AssertionError("a parameter was assigned")
        self.next(self.a, self.b)

    @step
    def a(self):
        self.check()
        self.next(self.join)

    @step
    def b(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        assert inputs.a.whole == self.whole == 3
        self.check()
        self.next(self.end)

    @step
    def end(self):
        self.check()

    def check(self):
        assert self.text == "t"
        assert self.whole == 3 and self.part == 0.5 and self.flag is True
        assert self.data == {"a": [1, 2]}
        assert list(self.words) == ["a", "b", "c"], self.words
        assert self.late == "ParametersTypes/late", self.late
        assert self.maybe is None
        assert self.dashed == "d"


if __name__ == "__main__":
    ParametersTypes()

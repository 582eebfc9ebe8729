"""Parameters given on the command line and by variables of the environment."""

from metaflow import FlowSpec, JSONType, Parameter, step


class ParametersGiven(FlowSpec):
    whole = Parameter("whole", type=int, required=True, help="a number")
    data = Parameter("data", type=JSONType, default={"a": 1})
    flag = Parameter("flag", type=bool, default=False)
    part = Parameter("part", type=float, default=1.5)
    text = Parameter("text", default="")
    many = Parameter("many", type=str, multiple=True, default=("x",))
    split = Parameter("split", separator="|", default="a|b")
    kind = Parameter("kind", default="small")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        print(self.whole, self.data, self.flag, self.part, repr(self.text), self.many, self.split, self.kind)


if __name__ == "__main__":
    ParametersGiven()

"""Every type of parameter, given by `type=`, by the default, or by a function."""

from metaflow import FlowSpec, JSONType, Parameter, step


def double_name(context):
    return f"{context.flow_name}/{context.parameter_name}"


class ParametersFlow(FlowSpec):
    greeting = Parameter("greeting", default="hello, wörld", help="What to say.")
    count = Parameter("count", default=3)
    rate = Parameter("learning-rate", type=float, default=1, help="Its attribute is called `rate`.")
    verbose = Parameter("verbose", default=False)
    model = Parameter("model", type=JSONType, default='{"depth": [1, 2], "name": null}')
    weights = Parameter("weights", type=JSONType, default={"a": 0.5})
    seed = Parameter("seed", type=int, default=lambda: 42)
    label = Parameter("label", default=double_name)
    note = Parameter("note")
    depths = Parameter("depths", type=int, multiple=True, default=[1, 2])
    names = Parameter("names", multiple=True)
    columns = Parameter("columns", separator=",", default="a,b", help="Split into a list.")
    mode = Parameter("mode", choices=["fast", "slow"], default="fast")
    dry = Parameter("dry", is_flag=True)

    @step
    def start(self):
        self.seen = {
            "greeting": self.greeting,
            "count": self.count,
            "rate": self.rate,
            "verbose": self.verbose,
            "model": self.model,
            "weights": self.weights,
            "seed": self.seed,
            "label": self.label,
            "note": self.note,
            "depths": self.depths,
            "names": self.names,
            "columns": self.columns,
            "mode": self.mode,
            "dry": self.dry,
        }
        self.next(self.end)

    @step
    def end(self):
        assert type(self.seen["rate"]) is float
        assert self.depths == (1, 2)
        assert self.columns == ["a", "b"]


if __name__ == "__main__":
    ParametersFlow()

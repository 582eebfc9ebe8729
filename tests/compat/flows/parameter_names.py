"""`current.parameter_names` contains attribute names, also of configs; the names of the options may differ."""

from metaflow import Config, FlowSpec, IncludeFile, Parameter, current, step


class Base(FlowSpec):
    inherited = Parameter("in-herited", default=0)


class ParameterNames(Base):
    rate = Parameter("learning-rate", default=0.1)
    depth = Parameter("depth", default=3)
    notes = IncludeFile("notes-file", default=__file__)
    cfg = Config("my-cfg", default_value={"a": 1})
    nothing = Config("nothing")
    # Parameters whose options are named like a step, a property, a method, a constant or another attribute, or with
    # letters of other languages.
    one = Parameter("start", default=1)
    two = Parameter("doubled", default=2)
    three = Parameter("helper", default=3)
    four = Parameter("limit", default=4)
    five = Parameter("six", default=5)
    six = Parameter("five", default=6)
    größe = Parameter("größe", default="m")
    _own = Parameter("class", default=7)
    limit = 5

    @property
    def doubled(self):
        return 2 * self.two

    def helper(self):
        return self.three

    @step
    def start(self):
        self.names = current.parameter_names
        self.values = [getattr(self, name) for name in current.parameter_names if name not in ("notes", "cfg")]
        self.next(self.end)

    @step
    def end(self):
        assert self.names == current.parameter_names
        assert (self.doubled, self.helper(), self.limit, self.five, self.six) == (4, 3, 5, 5, 6)


if __name__ == "__main__":
    ParameterNames()

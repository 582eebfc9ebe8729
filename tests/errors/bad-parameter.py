import click

from metaflow import FlowSpec, IncludeFile, JSONType, Parameter, step


class Demo(FlowSpec):
    a = Parameter("a", type=click.File())
    b = Parameter("b", type=(str, int))
    c = Parameter("c", type=int, default="three")
    d = Parameter("d", type=JSONType, default="{not json")
    e = Parameter("not an option")
    f = Parameter()
    g = Parameter("g", nargs=2, defalt=1)
    h = Parameter("h", required="yes", help=3)
    i = Parameter("i", type=set, separator=",")
    j = Parameter("j", multiple=True, separator=",")
    k = Parameter("k", separator=",", type=int)
    m = Parameter("m", type=click.Choice(["a", "b"]), default="c")
    n = Parameter("n", type=click.Tuple([str, int]))
    o = Parameter("o", type=click.IntRange(1, 5), default=9)
    p = Parameter("p", choices="ab")
    q = Parameter("q", is_flag=True, type=int)
    r = IncludeFile("r", type=int, encoding="utf-9")
    s = IncludeFile("s", parser="no_such_module.parse")

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

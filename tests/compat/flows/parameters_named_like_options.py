"""Parameters named like options of a command line, which Metaflow accepts."""

from metaflow import FlowSpec, IncludeFile, Parameter, step


class ParametersNamedLikeOptions(FlowSpec):
    flow = Parameter("flow", default="f")
    store = IncludeFile("store", default=__file__)
    local = Parameter("local", default=1)
    begin = Parameter("start", default=0.5)
    help = Parameter("help", default="h")
    setting = Parameter("config", default="c")
    value = Parameter("config-value", default="v")
    file = Parameter("params-file", default="p")
    form = Parameter("log-format", default="xml")
    tagged = Parameter("Tag", default="t")
    quiet = Parameter("quiet", default=True)
    origin = Parameter("origin-run-id", default="o")
    größe = Parameter("größe", default="m")

    @property
    def config(self):
        return "from " + self.setting

    @step
    def start(self):
        self.read = len(self.store) > 100
        self.seen = [self.flow, self.local, self.begin, self.help, self.config, self.value, self.file, self.form]
        self.more = [self.tagged, self.quiet, self.origin, self.größe]
        print("seen:", *self.seen, *self.more)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ParametersNamedLikeOptions()

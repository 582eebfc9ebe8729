from metaflow import Config, FlowSpec, Parameter, config_expr, environment, retry, step


class Demo(FlowSpec):
    config = Config("config", default_value={"times": 2})

    rate = Parameter("rate", default=config.rate)
    depth = Parameter("depth", default=config_expr("conf.depth + 1"))

    @retry(times=config.time)
    @environment(vars={"TIMES": config_expr("str(config.times)")})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

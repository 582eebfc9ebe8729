"""Configurations in decorators, in parameters and in steps."""

import os

from metaflow import Config, FlowSpec, Parameter, config_expr, environment, retry, schedule, step


def lines(text):
    return dict(line.split("=", 1) for line in text.splitlines())


class Base(FlowSpec):
    shared = Config("shared", default_value={"team": "blue"})


@schedule(cron=config_expr("settings").cron)
class ConfigsFlow(Base):
    settings = Config("settings", default_value='{"cron": "0 6 * * *", "rate": 0.5, "model": {"depth": [1, {"b": 2}]}}')
    limits = Config("limits", default_value="low=1\nhigh=9", parser=lines)
    words = Config("words", default_value="b a", parser=str.split, plain=True)
    nothing = Config("nothing")
    policy = Config("retry-policy", default_value={"times": 1, "minutes_between_retries": 0})

    rate = Parameter("rate", default=settings.rate)
    twice = Parameter("twice", default=config_expr("settings.rate * 2"))
    team = Parameter("team", default=lambda context: context.configs.shared.team)

    @retry(**policy)
    @environment(vars={"TEAM": config_expr("shared").team, "DEPTH": config_expr("str(settings.model.depth[1].b)")})
    @step
    def start(self):
        self.seen = (self.rate, self.twice, self.team, os.environ["TEAM"], os.environ["DEPTH"])
        self.kept = self.settings.model
        self.next(self.end)

    @step
    def end(self):
        assert self.seen == (0.5, 1.0, "blue", "blue", "2")
        assert self.kept.depth[1].b == self.settings["model"]["depth"][1]["b"] == 2
        assert self.limits.to_dict() == {"low": "1", "high": "9"}
        assert self.words == ["b", "a"]
        assert self.nothing is None


if __name__ == "__main__":
    ConfigsFlow()

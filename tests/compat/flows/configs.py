"""Configuration: nested, read-only values in decorators and in steps."""

import os

from metaflow import Config, FlowSpec, Parameter, config_expr, current, environment, retry, step


class Configs(FlowSpec):
    settings = Config(
        "settings", default_value={"model": {"depth": 3, "names": ["a", "b"]}, "retries": 2, "env": "prod"}
    )
    depth = Parameter("depth", type=int, default=settings.model.depth)

    @retry(times=settings.retries, minutes_between_retries=0)
    @environment(vars={"WHERE": config_expr("settings.env.upper()")})
    @step
    def start(self):
        assert self.depth == 3
        assert self.settings.model.depth == 3
        assert self.settings["model"]["depth"] == 3
        assert self.settings.model.names == ["a", "b"] or tuple(self.settings.model.names) == ("a", "b")
        assert os.environ["WHERE"] == "PROD"
        assert sorted(self.settings) == ["env", "model", "retries"]
        assert "env" in self.settings
        assert self.settings.get("nothing", 7) == 7
        try:
            self.settings.env = "dev"
        except TypeError:
            pass
        else:
            raise AssertionError("a config was changed")
        try:
            self.settings["env"] = "dev"
        except TypeError:
            pass
        else:
            raise AssertionError("a config was changed")
        assert self.settings.to_dict() == {"model": {"depth": 3, "names": ["a", "b"]}, "retries": 2, "env": "prod"}
        if current.retry_count < 2:
            raise RuntimeError("twice")
        self.kept = self.settings.model
        self.next(self.end)

    @step
    def end(self):
        assert self.kept.depth == 3
        assert self.settings.model.depth == 3


if __name__ == "__main__":
    Configs()

"""Defaults of parameters that are functions: each is called once per run, with a ParameterContext."""

import json

from metaflow import FlowSpec, JSONType, Parameter, step


def told(context):
    return f"{context.flow_name} {context.user_name} {context.parameter_name}"


def listed(context):
    return json.dumps({"of": context.parameter_name})


class DefaultFunctions(FlowSpec):
    told = Parameter("told", default=told, type=str)
    listed = Parameter("listed", default=listed, type=JSONType)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        assert self.told == "DefaultFunctions me told", self.told
        assert self.listed == {"of": "listed"}, self.listed


if __name__ == "__main__":
    DefaultFunctions()

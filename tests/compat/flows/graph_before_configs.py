"""A program reads a flow's steps before its configs have values, and then sets the values."""

import json
import os

from metaflow import Config, FlowSpec, Parameter, config_expr, environment, step

# the required config `given` gets its value before the class is defined
os.environ["METAFLOW_FLOW_CONFIG_VALUE"] = json.dumps({"given": {"depth": 3}})


class GraphBeforeConfigs(FlowSpec):
    model = Config("model", default="written_later.json")
    given = Config("given", required=True)
    deep = Parameter("deep", default=config_expr("given.depth + 1"))

    @environment(vars={"LAYERS": config_expr("str(model.layers)")})
    @step
    def start(self):
        self.layers = os.environ["LAYERS"]
        self.next(self.a, self.b)

    @step
    def a(self):
        self.next(self.join)

    @step
    def b(self):
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        self.seen = os.environ["STEPS_SEEN"]
        assert (self.deep, self.given.depth, self.model.layers) == (4, 3, 2)


if __name__ == "__main__":
    flow = GraphBeforeConfigs(use_cli=False)
    names = [step.name for step in flow]
    kinds = [f"{node.name} {node.type}" for node in flow._graph]
    os.environ["STEPS_SEEN"] = "; ".join((*names, *kinds))
    with open("written_later.json", "w") as file:
        json.dump({"layers": 2}, file)
    os.environ["METAFLOW_FLOW_CONFIG"] = json.dumps({"model": "written_later.json"})  # after it
    GraphBeforeConfigs()

"""Configurations from files, through user-written parsers, and from the command line."""

import json

from metaflow import Config, FlowSpec, Parameter, step


def pairs(text):
    """Return the lines `name = value` as a dict."""
    return dict((part.strip() for part in line.split("=")) for line in text.splitlines() if line.strip())


class ConfigFiles(FlowSpec):
    model = Config("model", default="support/model.json")
    lines = Config("lines", default="support/lines.txt", parser=pairs)
    listed = Config("listed", default_value='{"all": [1, {"deep": true}]}')
    maybe = Config("maybe")
    expected_layers = Parameter("expected-layers", default=3)

    @step
    def start(self):
        assert self.model.layers == self.expected_layers, self.model
        assert self.model.optimizer.name == "adam"
        assert self.lines == {"left": "1", "right": "2"}, self.lines
        assert self.listed["all"][1]["deep"] is True
        assert self.maybe is None or self.maybe.given
        self.text = json.dumps(self.model.to_dict(), sort_keys=True)
        self.next(self.end)

    @step
    def end(self):
        assert json.loads(self.text)["layers"] == self.expected_layers


if __name__ == "__main__":
    ConfigFiles()

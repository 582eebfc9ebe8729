"""Configs have the values that their parsers return: tuples, and dicts with keys that are not strings, also nested."""

import json

from metaflow import Config, FlowSpec, Parameter, step


def to_tuple(text):
    return tuple(json.loads(text))


def by_number(text):
    return dict(enumerate(json.loads(text)))


def nested(text):
    return {
        "pair": tuple(json.loads(text)),
        "deep": {1: (2, {"k": (3,)})},
        "list": [{"z": (1,)}],
        "rate": 1.5,
        "no": None,
    }


class ConfigParsers(FlowSpec):
    pair = Config("pair", default_value="[1, 2]", parser=to_tuple, plain=True)
    numbers = Config("numbers", default_value="[1, 2]", parser=by_number, plain=True)
    nested = Config("nested", default_value="[1, 2]", parser=nested)
    given = Config("given", default_value={"a": (1, 2), 3: "x", "d": {"e": 1}})
    text = Config("text", default_value="text", plain=True)
    rate = Parameter("rate", default=nested.rate)

    @step
    def start(self):
        self.check()
        self.kept = self.nested.to_dict()
        self.next(self.end)

    @step
    def end(self):
        self.check()

    def check(self):
        assert self.pair == (1, 2), self.pair
        assert self.numbers == {0: 1, 1: 2}, self.numbers
        assert type(self.numbers) is dict
        assert self.nested.pair == (1, 2), self.nested
        assert self.nested.deep[1][1].k == (3,), self.nested
        assert self.nested["list"][0].z == (1,), self.nested
        assert self.given.to_dict() == {"a": [1, 2], "3": "x", "d": {"e": 1}}, self.given
        assert (self.text, self.rate) == ("text", 1.5)


if __name__ == "__main__":
    ConfigParsers()

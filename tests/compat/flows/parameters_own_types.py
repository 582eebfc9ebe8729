"""Parameters whose types the file defines, click provides, or the defaults determine; all tasks see the same values."""

import datetime
import decimal
import enum
import fractions
import pathlib
import uuid

from metaflow import FlowSpec, JSONType, Parameter, step
from metaflow._vendor import click


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Pair:
    def __init__(self, text):
        self.text = str(text)


def shout(text):
    return text.upper()


class ParametersOwnTypes(FlowSpec):
    path = Parameter("path", type=pathlib.Path, default="a/b")
    path_value = Parameter("path-value", default=pathlib.Path("a/b"))
    date = Parameter("date", type=datetime.date.fromisoformat, default="2024-01-02")
    money = Parameter("money", type=decimal.Decimal, default="1.10")
    part = Parameter("part", default=fractions.Fraction(1, 3))
    color = Parameter("color", type=Color, default="red")
    color_value = Parameter("color-value", type=Color, default=Color.BLUE)
    pair = Parameter("pair", type=Pair, default="p")
    loud = Parameter("loud", type=shout, default=lambda context: "quiet")
    none = Parameter("none", type=shout)
    letters = Parameter("letters", type=tuple, default="ab")
    both = Parameter("both", default=("a", 1))
    some = Parameter("some", default={1, 2})
    paths = Parameter("paths", type=pathlib.Path, multiple=True, default=["a", "b"])
    dims = Parameter("dims", type=JSONType, default=(1, 2))
    count = Parameter("count", type=int, default="5")
    cut = Parameter("cut", type=int, default=1.5)
    number = Parameter("number", type=str, default=1)
    yes = Parameter("yes", type=bool, default="yes")
    when = Parameter("when", type=click.DateTime(), default="2024-01-02")
    key = Parameter("key", type=click.UUID, default="12345678123456781234567812345678")
    place = Parameter("place", type=click.Path(), default="x/y")
    within = Parameter("within", type=click.IntRange(0, 5), default="3")
    clamped = Parameter("clamped", type=click.IntRange(0, 5, clamp=True), default=3)
    word = Parameter("word", type=click.Choice(["A", "b"], case_sensitive=False), default="A")

    @step
    def start(self):
        self.first = self.everything()
        assert self.pair is self.pair
        self.next(self.end)

    @step
    def end(self):
        self.last = self.everything()
        assert self.first == self.last
        assert isinstance(self.pair, Pair)
        print("seen:", *self.last, sep="\n")

    def everything(self):
        names = "path path_value date money part color color_value loud none letters both some paths dims count cut"
        more = "number yes when key place within clamped word"
        assert isinstance(self.key, uuid.UUID)
        return [f"{name} {getattr(self, name)!r}" for name in (*names.split(), *more.split())]


if __name__ == "__main__":
    ParametersOwnTypes()

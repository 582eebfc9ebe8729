"""Values of many kinds are stored in one step and compared in the next."""

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import re
import uuid

from metaflow import FlowSpec, step

Pair = collections.namedtuple("Pair", "left right")


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Size:
    wide: int
    high: int = 2


class Tree(dict):
    """A class derived from a builtin one."""


class KindsOfValues(FlowSpec):
    @step
    def start(self):
        self.pair = Pair(1, "b")
        self.color = Color.BLUE
        self.size = Size(1)
        self.tree = Tree(a=1)
        self.when = datetime.datetime(2024, 2, 29, 12, 30)
        self.span = datetime.timedelta(days=2)
        self.amount = decimal.Decimal("1.10")
        self.part = fractions.Fraction(1, 3)
        self.pattern = re.compile("a+")
        self.id = uuid.UUID(int=5)
        self.huge = 10**100
        self.infinite = float("inf")
        self.imaginary = 1j
        self.counts = collections.Counter("banana")
        self.defaults = collections.defaultdict(list, a=[1])
        self.frozen = frozenset({1, 2})
        self.function = len
        self.error = ValueError("kept as a value")
        self.text = "\u00e4\U0001f600\x00"
        self.one = self.other = [1]
        self._private = "private"
        self.next(self.end)

    @step
    def end(self):
        assert self.pair.right == "b" and self.color is Color.BLUE and self.size == Size(1, 2)
        assert type(self.tree) is Tree and self.tree == {"a": 1}
        assert self.when.month == 2 and self.span.days == 2 and self.amount + 1 == decimal.Decimal("2.10")
        assert self.part * 3 == 1 and self.pattern.match("aa") and self.id == uuid.UUID(int=5)
        assert self.huge == 10**100 and self.infinite > self.huge and self.imaginary**2 == -1
        assert self.counts["a"] == 3 and self.defaults["b"] == [] and 2 in self.frozen
        assert self.function("abc") == 3 and str(self.error) == "kept as a value"
        assert self.text == "\u00e4\U0001f600\x00"
        assert self._private == "private"
        assert self.one is not self.other and self.one == self.other


if __name__ == "__main__":
    KindsOfValues()

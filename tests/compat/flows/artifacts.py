"""Artifacts that later steps read: shared references, None, and objects of classes in the flow's own file."""

from metaflow import FlowSpec, step


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x


class Artifacts(FlowSpec):
    @step
    def start(self):
        self.point = Point(3)
        self.nothing = None
        self.empty = b""
        self.unicode_ü = "äöü"
        self.nested = {"points": [Point(1), Point(2)], (1, 2): {3}}
        self.next(self.middle)

    @step
    def middle(self):
        assert self.point == Point(3)
        self.nested["more"] = 1
        self.next(self.end)

    @step
    def end(self):
        assert self.nothing is None and self.empty == b"" and self.unicode_ü == "äöü"
        assert self.nested["more"] == 1 and self.nested["points"][1] == Point(2)
        try:
            print(self.never)
        except AttributeError as error:
            assert "never" in str(error)
        else:
            raise AssertionError("an artifact out of nothing")


if __name__ == "__main__":
    Artifacts()

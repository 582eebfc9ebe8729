"""Steps, parameters, properties and constants from base classes and mixins."""

from metaflow import FlowSpec, Parameter, step


class Helpers:
    FACTOR = 10

    @staticmethod
    def scale(value):
        return Helpers.FACTOR * value

    @classmethod
    def described(cls):
        return cls.__name__

    @property
    def doubled(self):
        return 2 * self.value


class Base(FlowSpec):
    """The base of several flows."""

    size = Parameter("size", default=2)

    @step
    def start(self):
        self.value = self.size
        self.next(self.work)


class Inheritance(Helpers, Base):
    """A flow that takes its first step from a base class."""

    GREETING = "hello"

    @step
    def work(self):
        assert self.doubled == 4
        self.scaled = self.scale(self.doubled)
        assert self.described() == "Inheritance"
        assert self.GREETING == "hello"
        try:
            self.GREETING = "bye"
        except AttributeError:
            pass
        else:
            raise AssertionError("a constant was assigned")
        self.next(self.end)

    @step
    def end(self):
        assert self.scaled == 40


if __name__ == "__main__":
    Inheritance()

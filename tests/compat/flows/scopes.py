"""Classes, functions, lambdas and comprehensions inside a step with their own `self`, which is not the flow."""

from metaflow import FlowSpec, Parameter, step


class Scopes(FlowSpec):
    size = Parameter("size", default=8)
    version = "1.0"

    @step
    def start(self):
        class Net:
            size = 3

            def __init__(self, size):
                self.size = size
                self.version = 2
                self.input = None
                self.train = True
                del self.train

            def next(self):
                return self.next_of(self)

            def next_of(self, other):
                other.start = self.size
                return self.size + 1

        def grow(self, by):
            self.size += by
            self.end = True

        net = Net(self.size)
        grow(net, 2)
        self.grown = net.size
        self.after = net.next()
        self.names = [self.version for self in (net, net)]
        self.by_key = (lambda self: self.size)(net)
        self.next(self.train)

    @step
    def train(self):
        self.size: int
        self.mine = self.size

        class Model:
            size = tuple(self.size for self in [self])

            def __init__(this):
                this.size = [*self.__dict__]
                this.next = None

        self.model = len(Model().size) > 0
        self.next(self.end)

    @step
    def end(self):
        assert (self.grown, self.after, self.names, self.by_key) == (10, 11, [2, 2], 10)
        assert (self.mine, self.model, self.version) == (8, True, "1.0")


if __name__ == "__main__":
    Scopes()

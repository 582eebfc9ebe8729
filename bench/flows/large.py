"""A 256 MiB array is created, modified, passed on and read: measures the cost of data."""

import numpy

from metaflow import FlowSpec, step


class ArrayBench(FlowSpec):
    @step
    def start(self) -> None:
        self.array = numpy.arange(1 << 25, dtype=numpy.float64)
        self.next(self.add)

    @step
    def add(self) -> None:
        self.more = self.array + 1
        self.next(self.hand_on)

    @step
    def hand_on(self) -> None:
        self.touched = False
        self.next(self.end)

    @step
    def end(self) -> None:
        assert float(self.more.sum() - self.array.sum()) == len(self.array)


if __name__ == "__main__":
    ArrayBench()

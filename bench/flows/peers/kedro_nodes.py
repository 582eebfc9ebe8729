"""Three trivial nodes, or a hundred small nodes and their sum, for Kedro with two processes."""

import sys

from kedro.io import MemoryDataset, SharedMemoryDataCatalog
from kedro.pipeline import node, pipeline
from kedro.runner import ParallelRunner


def count() -> int:
    return 1


def increase(value: int) -> int:
    return value + 1


def square(number: int) -> int:
    return number**2


def add(*numbers: int) -> int:
    total = sum(numbers)
    assert total == sum(number**2 for number in range(100))
    return total


linear = pipeline([node(count, None, "one"), node(increase, "one", "two"), node(increase, "two", "three")])
fanout = pipeline(
    [
        *(node(square, f"item{number}", f"square{number}", name=f"square{number}") for number in range(100)),
        node(add, [f"square{number}" for number in range(100)], "total"),
    ]
)

if __name__ == "__main__":
    if sys.argv[1] == "linear":
        ParallelRunner(max_workers=2).run(linear, SharedMemoryDataCatalog())
    else:
        items = {f"item{number}": MemoryDataset(number) for number in range(100)}
        ParallelRunner(max_workers=2).run(fanout, SharedMemoryDataCatalog(items))

"""Three trivial components, or ten small components and their sum, for Kubeflow Pipelines' local runner."""

import sys

from kfp import dsl, local


@dsl.component
def count() -> int:
    return 1


@dsl.component
def increase(value: int) -> int:
    return value + 1


@dsl.component
def square(number: int) -> int:
    return number**2


@dsl.component
def add(numbers: list) -> int:
    return int(sum(numbers))  # the local runner passes the ints in a list as floats


@dsl.pipeline
def linear() -> int:
    first = increase(value=count().output)
    return increase(value=first.output).output


@dsl.pipeline
def fanout(items: list[int]) -> int:
    with dsl.ParallelFor(items) as item:
        one = square(number=item)
    return add(numbers=dsl.Collected(one.output)).output


if __name__ == "__main__":
    local.init(runner=local.SubprocessRunner(use_venv=False))
    if sys.argv[1] == "linear":
        assert linear().output == 3
    else:
        numbers = list(range(int(sys.argv[2])))
        assert fanout(items=numbers).output == sum(number**2 for number in numbers)

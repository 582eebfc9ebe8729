"""Three trivial ops, or a hundred small ops and their sum, for Dagster with two processes."""

import sys

from dagster import (
    DagsterInstance,
    DynamicOut,
    DynamicOutput,
    execute_job,
    job,
    multiprocess_executor,
    op,
    reconstructable,
)

two = multiprocess_executor.configured({"max_concurrent": 2})


@op
def count():
    return 1


@op
def increase(value):
    return value + 1


@op(out=DynamicOut())
def items():
    for number in range(100):
        yield DynamicOutput(number, mapping_key=str(number))


@op
def square(number):
    return number**2


@op
def add(numbers):
    total = sum(numbers)
    assert total == sum(number**2 for number in range(100))
    return total


@job(executor_def=two)
def linear():
    increase.alias("last")(increase(count()))


@job(executor_def=two)
def fanout():
    add(items().map(square).collect())


if __name__ == "__main__":
    chosen = linear if sys.argv[1] == "linear" else fanout
    assert execute_job(reconstructable(chosen), instance=DagsterInstance.get()).success

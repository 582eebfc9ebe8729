"""Three trivial tasks, or a hundred small tasks and their sum, for Prefect with two processes."""

import sys

from prefect import flow, task
from prefect.task_runners import ProcessPoolTaskRunner


@task
def count() -> int:
    return 1


@task
def increase(value: int) -> int:
    return value + 1


@task
def square(number: int) -> int:
    return number**2


@task
def add(numbers: list[int]) -> int:
    return sum(numbers)


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def linear() -> int:
    return increase.submit(increase.submit(count.submit())).result()


@flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
def fanout() -> int:
    return add.submit(square.map(range(100))).result()


if __name__ == "__main__":
    if sys.argv[1] == "linear":
        assert linear() == 3
    else:
        assert fanout() == sum(number**2 for number in range(100))

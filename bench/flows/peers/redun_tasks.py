"""Three trivial tasks, or a hundred small tasks and their sum, for redun with two processes."""

from redun import task

redun_namespace = "bench"


@task(executor="process")
def count() -> int:
    return 1


@task(executor="process")
def increase(value: int) -> int:
    return value + 1


@task(executor="process")
def square(number: int) -> int:
    return number**2


@task(executor="process")
def add(numbers: list[int]) -> int:
    total = sum(numbers)
    assert total == sum(number**2 for number in range(100))
    return total


@task
def linear() -> int:
    return increase(increase(count()))


@task
def fanout() -> int:
    return add([square(number) for number in range(100)])

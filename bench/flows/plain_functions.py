"""Functions that import nothing: the steps of the pipelines that are measured."""


def numbers(width: int) -> list[int]:
    return list(range(width))


def square(item: int) -> int:
    return item * item


def total(squares: list[int]) -> None:
    assert len(squares) > 0


def add(count: int) -> int:
    return count + 1

"""Decorators record their arguments, in any order and form, and return the function unchanged."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

from metaflow.decorators import applied_to, catch, environment, retry, schedule, step, timeout


def names(target: object) -> list[str]:
    return [applied.name for applied in applied_to(target)]


def test_bare_and_called_in_both_orders() -> None:
    @retry
    @step
    def above(self: object) -> int:
        return 1

    @step
    @retry(times=2)
    def below(self: object) -> int:
        return 1

    assert names(above) == ["step", "retry"]
    assert names(below) == ["retry", "step"]
    assert [applied.kwargs for applied in applied_to(below)] == [{"times": 2}, {}]
    assert above(None) == 1


def test_the_function_itself_is_returned() -> None:
    def function(self: object) -> None: ...

    assert step(retry(timeout(seconds=1)(catch(function)))) is function


def test_nothing_is_checked_when_it_is_applied() -> None:
    wrong: Any = retry

    @wrong("three", tmies=object)
    def function(self: object) -> None: ...

    (applied,) = applied_to(function)
    assert applied.args == ("three",)
    assert applied.kwargs == {"tmies": object}


def test_the_place_is_that_of_the_decorator() -> None:
    @environment(
        vars={"A": "1"},
    )
    @step
    def function(self: object) -> None: ...

    lines = Path(__file__).read_text().splitlines()
    for applied in applied_to(function):
        assert applied.file == __file__
        # Before Python 3.11, a decorator without parentheses is recorded with the line of the `def`; the front end
        # corrects this.
        named = "def function" if sys.version_info < (3, 11) and not applied.kwargs else f"@{applied.name}"
        assert named in lines[applied.line - 1]


def test_a_wrapper_does_not_share_what_is_applied_to_it() -> None:
    @step
    def inner(self: object) -> None: ...

    @retry
    @functools.wraps(inner)
    def outer(self: object) -> None: ...

    assert names(outer) == ["step", "retry"]
    assert names(inner) == ["step"]


def test_a_class_has_only_its_own() -> None:
    @schedule(daily=True)
    class Base: ...

    class Derived(Base): ...

    assert names(Base) == ["schedule"]
    assert names(Derived) == []

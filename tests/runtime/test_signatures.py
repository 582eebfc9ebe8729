"""The arguments of functions are read without `inspect`, and are the same as those that `inspect` reads."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from flowc_runtime.run.nodes.signatures import MISSING, arguments_of, is_abstract, is_asynchronous, unwrapped


def nothing() -> None: ...
def every(a: int, /, b: int, c: int = 3, *rest: int, d: int, e: int = 5, **others: int) -> None: ...
def positional(a: int, b: int = 2, /) -> None: ...
def named(*, a: int, b: int = 2) -> None: ...
def others(a: int, **values: int) -> None: ...
def rest_with_locals(*values: int) -> int:
    local = [value * 2 for value in values]
    return sum(local, start=len(local))


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **values: Any) -> Any:
        return function(*args, **values)

    return wrapper


class Callable_:
    def __call__(self, a: int, b: int = 2) -> None: ...

    def method(self, a: int) -> None: ...


async def coroutine(a: int) -> None: ...
async def stream(a: int) -> AsyncIterator[int]:
    yield a


with_signature = functools.wraps(nothing)(lambda: None)
FUNCTIONS = [
    nothing, every, positional, named, others, rest_with_locals, lambda x, y=1: x + y, decorated(every), Callable_(),
    Callable_().method, functools.partial(every, 1), functools.partial(named, a=1), coroutine, stream,
    decorated(coroutine), int.from_bytes, Callable_,
]  # fmt: skip
KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional only",
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_arguments_are_those_of_inspect(function: Callable[..., Any]) -> None:
    expected = [
        (each.name, KINDS.get(each.kind, "named"), MISSING if each.default is each.empty else each.default)
        for each in inspect.signature(function).parameters.values()
    ]
    assert [(name, each.kind, each.default) for name, each in arguments_of(function).items()] == expected


@pytest.mark.parametrize("function", FUNCTIONS)
def test_unwrapping_and_asynchronous_functions_are_those_of_inspect(function: Callable[..., Any]) -> None:
    plain = inspect.unwrap(function)
    assert unwrapped(function) is plain
    assert is_asynchronous(function) == (inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain))


def test_a_builtin_without_signature_raises_the_error_of_inspect() -> None:
    with pytest.raises(ValueError, match="no signature"):
        arguments_of(type)


def test_abstract_classes_are_found() -> None:
    class Abstract(ABC):
        @abstractmethod
        def method(self) -> None: ...

    class Concrete(Abstract):
        def method(self) -> None: ...

    assert [is_abstract(each) for each in (Abstract, Concrete, int)] == [True, False, False]


def test_plain_functions_need_no_inspect() -> None:
    code = """
import sys
from flowc_runtime.run.nodes import binding, merging, nodes_program
from flowc_runtime.run.nodes.signatures import callee_of, is_asynchronous
def function(a: int, b: str = "x", *c: int, d: float, **e: int) -> None: ...
callee_of(function), is_asynchronous(function)
print("inspect" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

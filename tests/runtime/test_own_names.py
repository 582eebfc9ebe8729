"""Whether the name `self` in a method's source means the flow object or a name of an inner scope, by Python's rules."""

from __future__ import annotations

import ast
from textwrap import dedent, indent

import pytest

from flowc_runtime.process.own_names import own_names

CASES = {
    "the method itself": ("self.a = self.b", "ab"),
    "a function that has no self": ("def f(x=self.a): self.b = x", "ab"),
    "a function with its own": ("def f(self, x=self.a): self.b = x", "a"),
    "by a keyword, and several": ("def f(*, self): self.a\ndef g(*self): self.a\ndef h(**self): self.a", ""),
    "by an assignment": ("def f():\n    self = 1\n    self.a", ""),
    "a function inside such a function": ("def f(self):\n    def g(): self.a", ""),
    "decorators and annotations": ("@self.a\ndef f(self: self.b) -> self.c: self.d", "abc"),
    "an async function": ("async def f(self): self.a", ""),
    "a lambda": ("f = lambda self, x=self.a: self.b\ng = lambda: self.c", "ac"),
    "a class": (
        "@self.a\nclass C(self.b, x=self.c):\n    d = self.d\n    def f(self): self.e\n    def g(me): self.f",
        "abcdf",
    ),
    "a class in a class": ("class C:\n    class D:\n        def f(self): self.a\n    b = self.b", "b"),
    "a class whose body has a self": ("class C:\n    self = 1\n    a = self.a", ""),
    "comprehensions": ("[self.a for self in self.b]\n{self.c: 1 for x in self.d if self.e}", "bcde"),
    "a comprehension in another one": ("[[self.a for y in self.b] for x in self.c]", "abc"),
    "a later loop of a comprehension": ("[1 for self in self.a for x in self.b]", "a"),
    "a generator in a call": ("sum(self.a for x in range(self.b))", "ab"),
    "a walrus in a comprehension": ("[self := x for x in y]\nself.a", ""),
    "the method binds it": ("self.a\nself = 1", ""),
    "a loop binds it": ("for self in x: self.a", ""),
    "with binds it": ("with x as self: self.a", ""),
    "an import binds it": ("import self.b\nself.a", ""),
    "an exception binds it": ("try: pass\nexcept E as self: self.a", ""),
    "a pattern binds it": ("match x:\n    case [*self]: self.a", ""),
    "a mapping's rest binds it": ("match x:\n    case {**self}: self.a", ""),
    "a function inside binds it": ("def f():\n    nonlocal self\n    self = 1\nself.a", ""),
    "a global of that name": ("def f():\n    global self\n    self.a", ""),
    "names beside it are not it": ("other.a = self\nself.b.c = 1\nmy_self.d", "b"),
}


def attributes(arguments: str, body: str) -> str:
    (method,) = ast.parse(f"def method({arguments}):\n{indent(dedent(body), '    ')}").body
    assert isinstance(method, ast.FunctionDef)
    own = own_names(method)
    return "".join(
        sorted(node.attr for node in ast.walk(method) if isinstance(node, ast.Attribute) and node.value in own)
    )


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_which_attributes_are_the_object_s_own(body: str, expected: str) -> None:
    assert attributes("self", body) == expected


def test_the_object_may_have_any_name() -> None:
    assert (
        attributes("this, /, inputs", "this.a\nself.b\nclass C:\n    def f(this): this.c\n    def g(self): this.d")
        == "ad"
    )
    assert attributes("*self", "self.a") == ""
    assert attributes("", "self.a") == "a"


def test_an_expression_of_thousands_of_terms() -> None:
    assert attributes("self", f"x = {' + '.join(['1'] * 500)} + self.a\ny = {'[' * 80}self.b{']' * 80}") == "ab"

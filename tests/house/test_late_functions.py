"""Some modules and functions are named in strings, by `LateModule` and `LateFunction`, and are imported at first use.
All of them exist."""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.util import find_spec

import pytest

from flowc_ir.late import LateFunction
from house.graph import modules

KINDS = ("LateFunction", "LateModule")
EXTRAS = {"obstore"}


def late_names() -> list[str]:
    """Return the strings that calls of LateFunction and LateModule in our code have as their argument."""
    calls = [node for path in modules().values() for node in ast.walk(ast.parse(path.read_text("utf-8")))
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS]  # fmt: skip
    found = {node.args[0].value for node in calls if isinstance(node.args[0], ast.Constant)}
    return sorted(name for name in found if isinstance(name, str) and name not in EXTRAS)


@pytest.mark.parametrize("name", late_names())
def test_a_late_name_exists(name: str) -> None:
    module, _, attribute = name.partition(":")
    assert find_spec(module) is not None
    assert not attribute or callable(getattr(import_module(module), attribute, None)), f"{module} has no {attribute}"


def test_a_late_function_is_called() -> None:
    quote: LateFunction[[str], str] = LateFunction("shlex:quote")
    assert quote("a b") == "'a b'"


IMPORTING = ("import_module", "_attribute")  # the functions that import a module for a late name


def test_one_module_has_the_classes_of_late_names() -> None:
    """Only `flowc_ir.late` defines classes for late imports; all packages use them."""
    homes = [
        name
        for name, path in modules().items()
        for class_ in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(class_, ast.ClassDef)
        and {"__call__", "__getattr__"} & {node.name for node in class_.body if isinstance(node, ast.FunctionDef)}
        and any(isinstance(node, ast.Name) and node.id in IMPORTING for node in ast.walk(class_))
    ]
    assert sorted(set(homes)) == ["flowc_ir.late"]

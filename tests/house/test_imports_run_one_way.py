"""The direction of imports: each package imports only those below it, and there are no large import cycles."""

from __future__ import annotations

import ast
from importlib import import_module

import pytest

import metaflow._seam as seam
from flowc_ir.late import LateFunction
from house.graph import circles, edges, imports, modules, way_around

BELOW = {
    "flowc_ir": set[str](),
    "flowc_runtime": {"flowc_ir"},
    "metaflow": {"flowc_ir", "flowc_runtime"},
    "flowc_emulator": {"flowc_ir", "flowc_runtime"},
}
"""Package -> the packages that it may import, also in functions and for types; the package `flowc` may import all."""
NAME = {"flowc.__version__"}  # `flowc` contains only the version, so every package may import it


@pytest.mark.parametrize("package", BELOW)
def test_a_package_imports_only_those_below(package: str) -> None:
    known = {name.partition(".")[0] for name in modules()}
    upward = [
        f"{name}:{each.line} imports {each.name}"
        for name, path in modules().items()
        if name.partition(".")[0] == package
        for each in imports(name, path)
        if each.name.partition(".")[0] in known - BELOW[package] - {package} and each.name not in NAME
    ]
    assert upward == []


def test_the_seam_s_rows_are_functions() -> None:
    rows = {name: row for name, row in vars(seam).items() if isinstance(row, LateFunction)}
    assert len(rows) == 10
    for name, row in rows.items():
        module, _, function = row.target.partition(":")
        assert callable(getattr(import_module(module), function, None)), f"{name} is {row.target}, which does not exist"


def test_only_the_seam_names_modules_above() -> None:
    """Only the table in `_seam.py` names modules of packages above the API."""
    texts = [
        f"{name}:{node.lineno} has {node.value!r}"
        for name, path in modules().items()
        if name.startswith("metaflow") and name != seam.__name__
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.split(":")[0] in modules()
        and node.value.startswith(("flowc.", "flowc_emulator."))
    ]  # fmt: skip
    assert texts == []


def test_one_function_makes_the_contexts_of_commands() -> None:
    """Only `flowc.cli.context_of` creates click contexts: other contexts may lack the option `-h`.

    click keeps the help option of the first context in the command, so `-h` would be missing in all later contexts.
    """
    others = [
        f"{name}:{node.lineno}"
        for name, path in modules().items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.Context" and name != "flowc.cli"
    ]
    assert others == []


def test_a_circle_is_told() -> None:
    graph = {"a": {"b": 1}, "b": {"c": 2, "d": 3}, "c": {"a": 4}, "d": {"b": 5}, "e": {"a": 6}}
    assert circles(graph) == [["a", "b", "c", "d"]]
    assert way_around(graph, ["a", "b", "c", "d"]) == "b:3 → d:5 → b"


def test_only_the_commands_of_a_target_import_the_command_line() -> None:
    """Only modules in `commands` import the command line; lowering a flow to a target does not need it."""
    upward = [
        f"{name}:{each.line} imports {each.name}"
        for name, path in modules().items()
        if name.startswith("flowc.targets") and ".commands." not in name
        for each in imports(name, path)
        if each.name.startswith("flowc.cli")
    ]
    assert upward == []


def test_no_circle_has_more_than_two_modules() -> None:
    """Import cycles have at most two modules; imports in functions and for types count too."""
    graph = edges(modules())
    told = [f"{len(circle)} modules: {way_around(graph, circle)}" for circle in circles(graph) if len(circle) > 2]
    assert told == []


MOST_INNER = 181  # the number of imports inside functions; reduce it when you remove imports


def test_few_imports_stand_in_functions() -> None:
    """Few imports are inside functions: late imports use `flowc_ir.late` or a module's `__getattr__`."""
    inner = {(name, each.line) for name, path in modules().items() for each in imports(name, path) if each.inner}
    assert len(inner) <= MOST_INNER, f"{len(inner)} imports are in functions; at most {MOST_INNER} may be"
    assert len(inner) > MOST_INNER - 10, f"only {len(inner)} are left: set MOST_INNER to it"

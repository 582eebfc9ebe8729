"""The import graph of our modules, read from syntax trees: imports at run time, in functions, and for types."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from project import PACKAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Import(NamedTuple):
    """An imported name. `line` is the line of the import statement. `inner` is true for an import in a function."""

    name: str
    line: int
    inner: bool


@cache
def modules() -> dict[str, Path]:
    """Return the modules of our packages: module name -> file."""
    found = {}
    for root in (ROOT / parent for parent in PACKAGES):
        for path in sorted(root.rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if parts[0] != "distribution":
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(name: str, path: Path) -> tuple[Import, ...]:
    """Return every import of a module."""
    return tuple(_imports(name, path))


def _imports(name: str, path: Path) -> Iterator[Import]:
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    waiting: list[tuple[ast.AST, bool]] = [(ast.parse(path.read_text("utf-8")), False)]
    while waiting:
        node, inner = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, inner) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(f"{base}.{alias.name}", node.lineno, inner) for alias in node.names)
        else:
            here = inner or isinstance(node, FUNCTIONS)
            waiting += [(child, here) for child in ast.iter_child_nodes(node)]


def edges(found: Mapping[str, Path]) -> dict[str, dict[str, int]]:
    """Return module -> the modules of ours that it imports, each with the line of one import statement."""
    edges: dict[str, dict[str, int]] = {}
    for name, path in found.items():
        own = edges.setdefault(name, {})
        for each in imports(name, path):
            target = each.name
            while target and target not in found:  # an imported name may be a module, or a name in a module
                target = target.rpartition(".")[0]
            if target and target != name:
                own[target] = each.line
    return edges


def circles(edges: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    """Return the import cycles, largest first: the strongly connected components of two or more modules (Tarjan)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        stack.append(module)
        for target in edges.get(module, ()):
            if target not in number:
                visit(target)
                lowest[module] = min(lowest[module], lowest[target])
            elif target in stack:
                lowest[module] = min(lowest[module], number[target])
        if lowest[module] == number[module]:
            start = stack.index(module)
            if len(stack) - start > 1:
                found.append(sorted(stack[start:]))
            del stack[start:]

    for module in edges:
        if module not in number:
            visit(module)
    return sorted(found, key=len, reverse=True)


def way_around(edges: Mapping[str, Mapping[str, int]], circle: list[str]) -> str:
    """Return a shortest import cycle as `a:12 → b:3 → a`: each module with the line of its import."""
    ways: list[list[str]] = []
    for start in circle:
        paths, seen = [[start]], {start}
        while paths and (not ways or len(paths[0]) < len(ways[0])):
            path = paths.pop(0)
            for target in edges[path[-1]]:
                if target == start:
                    ways = [path]
                    break
                if target in circle and target not in seen:
                    seen.add(target)
                    paths.append([*path, target])
            else:
                continue
            break
    (way,) = ways
    steps = zip(way, [*way[1:], way[0]], strict=True)
    return " → ".join([f"{module}:{edges[module][target]}" for module, target in steps] + [way[0]])

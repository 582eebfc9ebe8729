"""Computes, for `@cache`, the digest of the code on which the results of a step's tasks depend."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from flowc.diagnostics import decode
from flowc.frontends.metaflow.structure.gangs import is_parallel
from flowc_ir import codes
from flowc_ir.diagnostic import Faults

if TYPE_CHECKING:
    from flowc.frontends.metaflow.structure.graph import DeclaredGraph
    from flowc.frontends.metaflow.structure.steps import StepMethod
    from flowc.package import Package


def cached_code(method: StepMethod, graph: DeclaredGraph, package: Package, faults: Faults) -> str | None:
    """Return the digest of the code on which a step's result may depend: all files of the code package, without blank
    lines and without the methods of the flow's other steps.

    Args:
        method: the step.
        graph: the graph of the flow.
        package: the package of the flow.
        faults: collects a fault if the step is in a gang: all tasks of a gang must run together, so none can be reused.

    Returns:
        `sha256:` and 64 hexadecimal digits; None if the step is in a gang.
    """
    if is_parallel(method):
        if any(applied.name == "cache" for applied in method.applied):
            hint = "remove @cache: the tasks of a gang wait for each other, so all of them must run"
            message = f"step '{method.name}' has @cache, but it runs as a gang"
            faults.add(codes.MISPLACED_DECORATOR, method.where, message, hint=hint)
        return None
    others = _lines_of_others(method, graph)
    digest = sha256()
    package = package.every() if package.every is not None else package
    for name, content in package.files:
        if not name.endswith(".py"):
            digest.update(f"{name}\0".encode() + content)
            continue
        skipped = others.get(name, set())
        lines = [line for number, line in enumerate(decode(content).split("\n"), 1) if number not in skipped]
        digest.update("\n".join([name, *(line.rstrip() for line in lines if line.strip()), "\0"]).encode())
    return f"sha256:{digest.hexdigest()}"


def _lines_of_others(method: StepMethod, graph: DeclaredGraph) -> dict[str, set[int]]:
    lines_by_file: dict[str, set[int]] = {}
    for other in graph.steps.values():
        if other.name != method.name:
            first = min([other.tree.lineno, *(decorator.lineno for decorator in other.tree.decorator_list)])
            lines = range(first, (other.tree.end_lineno or first) + 1)
            lines_by_file.setdefault(other.source.file, set()).update(lines)
    return lines_by_file

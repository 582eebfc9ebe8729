"""Choose the flow's class among the classes of a module."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from flowc.frontends.reserved_names import listed, public_functions
from flowc_ir import Span, codes
from flowc_ir.suggestion import suggest
from metaflow import FlowSpec

if TYPE_CHECKING:
    from types import ModuleType

    from flowc.frontends.source import Source
    from flowc_ir.diagnostic import Faults

_NAMED = 5  # a hint lists at most this number of flows


def choose_class(
    module: ModuleType, source: Source, class_name: str | None, file_name: str, faults: Faults
) -> tuple[str, type] | None:
    """Return the name and the class of the module's flow; None if no class can be chosen, which is reported.

    Without `class_name`, the flow that the file calls under `if __name__ == "__main__":` is chosen. If the file calls
    no flow, the only flow from which no other class derives is chosen.

    Args:
        module: the flow's module.
        source: the module's source file.
        class_name: the name of the class, or None.
        file_name: the path of the module's file as the user wrote it, for hints.
        faults: collects the fault.
    """
    everything = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, FlowSpec) and value is not FlowSpec
    }
    top = Span(source.file, 1, 1)
    if class_name is not None:
        if class_name in everything:
            return class_name, everything[class_name]
        others = [*everything, *public_functions(module)]
        hint = suggest(class_name, others, f"it has {', '.join(others[:_NAMED]) or 'no flow'}")
        faults.add(codes.NO_FLOW, top, f"{source.file} has no flow '{class_name}'", hint=hint)
        return None
    defined = {n: cls for n, cls in everything.items() if cls.__module__ == module.__name__ and cls.__name__ == n}
    # The flow that `python flow.py` runs: TrainFlow, for `if __name__ == "__main__": TrainFlow()`.
    main = [name for name in _called_in_main(source.tree) if name in everything]
    bases = {base for cls in defined.values() for base in cls.__mro__[1:]}
    leaves = [name for name, cls in defined.items() if cls not in bases]
    for names in (main, leaves):
        if len(names) == 1:
            return names[0], everything[names[0]]
    if not leaves:
        hint = "write a class that derives from FlowSpec"
        if functions := public_functions(module):
            examples = " or ".join(f"{file_name}:{name}" for name in functions[:_NAMED])
            hint = f"to run a function, name it: {examples}; or {hint}"
        faults.add(codes.NO_FLOW, top, f"{source.file} defines no flow", hint=hint)
        return None
    first, second = (source.class_of(defined[name]) for name in leaves[:2])
    faults.add(
        codes.MANY_FLOWS,
        source.header(second) if second else top,
        f"{source.file} defines several flows: {listed(leaves)}",
        hint=f"name one: {' or '.join(f'{file_name}:{name}' for name in leaves[:_NAMED])}",
        also=[(source.header(first), "the first flow")] if first else (),
    )
    return None


def _called_in_main(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for statement in tree.body:
        match statement:
            case ast.If(test=ast.Compare(left=ast.Name(id="__name__")), body=body):
                for node in (node for inner in body for node in ast.walk(inner)):
                    match node:
                        case ast.Call(func=ast.Name(id=name)):
                            names.append(name)
    return list(dict.fromkeys(names))

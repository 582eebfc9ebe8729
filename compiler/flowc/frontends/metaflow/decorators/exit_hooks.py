"""Read `@exit_hook` into the IR's `ExitHook`s, which name functions of the flow's module."""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Final, Literal, TypedDict, cast

from flowc.frontends.metaflow.decorators.reader import OPTIONS, ArgumentKind, canonical, shown
from flowc_ir import ExitHook, codes
from flowc_ir.late import LateModule
from flowc_ir.suggestion import suggest

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flowc.frontends.metaflow.decorators.reader import Reader
    from flowc_ir import Span
    from metaflow.decorators import Applied

    class _Arguments(TypedDict, total=False):
        on_success: Sequence[object]
        on_error: Sequence[object]
        options: Mapping[str, object] | None
else:  # imported at first use, because the import costs start-up time
    inspect = LateModule("inspect")

_FUNCTIONS = ArgumentKind("a list of functions", lambda value: isinstance(value, (list, tuple)), "such as [notify]")
HOOKS: Final[Mapping[str, ArgumentKind]] = {"on_success": _FUNCTIONS, "on_error": _FUNCTIONS, "options": OPTIONS}
_WHEN: Final[tuple[tuple[Literal["on_success", "on_error"], Literal["success", "error"]], ...]] = (
    ("on_success", "success"),
    ("on_error", "error"),
)


def read_hooks(reader: Reader, applied: Applied, cls: type) -> Iterator[ExitHook]:
    """Yield the valid hooks of one `@exit_hook` in the order of the source; report invalid hooks.

    Args:
        reader: reads decorators of the class and collects their faults.
        applied: the decorator `@exit_hook` as it was applied.
        cls: the flow's class, whose module must have the functions.
    """
    arguments = cast("_Arguments | None", reader.arguments(applied, HOOKS))
    if arguments is None:
        return
    if not arguments.get("on_success") and not arguments.get("on_error"):
        reader.faults.add(
            codes.BAD_ARGUMENT,
            reader.span(applied),
            "@exit_hook names no function",
            hint="write @exit_hook(on_success=[…], on_error=[…])",
        )
    options = canonical(arguments.get("options"))
    module = vars(sys.modules[cls.__module__])
    for argument, on in _WHEN:
        for index, hook in enumerate(arguments.get(argument, ())):
            span = reader.span(applied, argument, index)
            name = _name(reader, hook, module, span)
            if name is not None and _is_callable_hook(reader, module[name], span):
                yield ExitHook(on=on, function=name, where=span, options=options)


def _name(reader: Reader, hook: object, module: Mapping[str, object], span: Span) -> str | None:
    """Return the name by which a pod imports the function from its module. If the module has no such function, report
    this and return None."""
    if isinstance(hook, str):
        if isinstance(module.get(hook), FunctionType):
            return hook
        functions = [name for name, value in module.items() if isinstance(value, FunctionType)]
        hint = suggest(hook, functions, "define it in the flow's file, or import it there")
        reader.faults.add(codes.BAD_ARGUMENT, span, f"@exit_hook: the flow's file has no function '{hook}'", hint=hint)
        return None
    for name, value in module.items():
        if value is hook and callable(hook):
            return name
    what = "a lambda" if getattr(hook, "__name__", "") == "<lambda>" else shown(hook)
    reader.faults.add(
        codes.BAD_ARGUMENT,
        span,
        f"@exit_hook: {what} is not a named function of the flow's file",
        hint="write a `def` at the top level of the file",
    )
    return None


def _is_callable_hook(reader: Reader, function: object, span: Span) -> bool:
    """Return whether a hook can be called with `run=` or without arguments; report a hook that needs other
    arguments."""
    needs = [
        name
        for name, parameter in inspect.signature(cast("Callable[[], object]", function)).parameters.items()
        if name != "run"
        and parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needs:
        reader.faults.add(
            codes.BAD_ARGUMENT,
            span,
            f"@exit_hook: the function needs '{needs[0]}', but is called with `run` only",
            hint="write `def hook():` or `def hook(run):`",
        )
    return not needs

"""Decorators as written -> policies of the IR. Each argument is checked against a table of what it may be."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final, final

from flowc import diagnostics as codes
from flowc.frontend.names import did_you_mean
from flowc.ir import Catch, Foreach, Gang, Resources, Retry, Switch, Timeout
from flowc.ir.diagnostic import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc.frontend.source import Function, Source
    from flowc.frontend.steps import Method
    from flowc.ir import Span, Transition
    from metaflow.decorators import Applied


@final
@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument may be: in words, and as a predicate; and what to do about the usual slip."""

    words: str
    accepts: Callable[[Any], bool]
    hint: str | None = None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    """An int, or as in Metaflow its digits as text."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit()
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_cores(value: object) -> bool:
    if isinstance(value, str):
        try:
            return value.isascii() and Decimal(value).is_finite() and Decimal(value) > 0
        except InvalidOperation:
            return False
    return _is_number(value) and value > 0  # type: ignore[operator]  # a number by now


def _is_environment(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(text, str) and name and "=" not in name and "\0" not in name + text
        for name, text in value.items()
    )


_COUNT = Kind("a whole number, 0 or more", lambda value: not isinstance(value, str) and _is_count(value))
_DURATION = Kind("a number, 0 or more", lambda value: _is_number(value) and value >= 0)
_MIB = Kind("a whole number of MiB", lambda value: value is None or _is_count(value), "16 GiB are 16384 MiB")
_BOOL = Kind("True or False", lambda value: isinstance(value, bool))

STEP_DECORATORS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "step": {"start": _BOOL, "end": _BOOL},
    "parallel": {},
    "unbounded_test_foreach_internal": {},
    "retry": {"times": _COUNT, "minutes_between_retries": _DURATION},
    "catch": {
        "var": Kind("an artifact's name", lambda v: v is None or (isinstance(v, str) and v.isidentifier())),
        "print_exception": _BOOL,
    },
    "timeout": {"seconds": _DURATION, "minutes": _DURATION, "hours": _DURATION},
    "resources": {
        "cpu": Kind("a number of cores", lambda value: value is None or _is_cores(value)),
        "gpu": Kind("a whole number", lambda value: value is None or _is_count(value)),
        "disk": _MIB,
        "memory": _MIB,
        "shared_memory": _MIB,
    },
    "environment": {
        "vars": Kind("a dict from names to texts", _is_environment, 'write numbers as text too: {"THREADS": "4"}')
    },
}


# -- reading one application -------------------------------------------------------------------------------------------


@final
class Reader:
    """Reads the decorators of one definition; faults point into its source."""

    def __init__(self, source: Source, tree: Function | ast.ClassDef, faults: list[Diagnostic]) -> None:
        self.source = source
        self.tree = tree
        self.faults = faults

    def arguments(self, applied: Applied, table: Mapping[str, Kind]) -> dict[str, Any] | None:
        """The arguments given, all of their kinds; None where any has a fault."""
        before = len(self.faults)
        if applied.args:
            known = ", ".join(f"{name}=" for name in table)
            hint = f"it takes {known}" if table else f"write `@{applied.name}`"
            self.fault(codes.BAD_ARGUMENT, f"@{applied.name} takes its arguments by name", self.span(applied), hint)
        for name, value in applied.kwargs.items():
            kind = table.get(name)
            span = self.span(applied, name)
            if kind is None:
                self.fault(codes.UNKNOWN_ARGUMENT, f"@{applied.name} has no argument '{name}'", span,
                           _suggest(name, table))  # fmt: skip
            elif not kind.accepts(value):
                message = f"@{applied.name}: {name} is {kind.words}, not {shown(value)}"
                self.fault(codes.BAD_ARGUMENT, message, span, kind.hint)
        return dict(applied.kwargs) if len(self.faults) == before else None

    def fault(self, code: str, message: str, span: Span, hint: str | None) -> None:
        self.faults.append(Diagnostic(code=code, message=message, span=span, hint=hint))

    def span(self, applied: Applied, argument: str | None = None, item: int = 0) -> Span:
        """Where the decorator, or one of its arguments, or an item of an argument that is a list, is written."""
        node = self._node(applied)
        if node is None:
            return self.source.header(self.tree)
        if argument is not None and isinstance(node, ast.Call):
            for keyword in node.keywords:
                match keyword:
                    case ast.keyword(arg=name, value=ast.List(elts=items)) if name == argument and item < len(items):
                        return self.source.span(items[item])
                    case ast.keyword(arg=name) if name == argument:
                        return self.source.span(keyword)
        return self.source.span(node)

    def _node(self, applied: Applied) -> ast.expr | None:
        candidates = [node for node in self.tree.decorator_list if _name_of(node) == applied.name]
        for node in candidates:
            if node.lineno <= applied.line <= (node.end_lineno or node.lineno):
                return node
        return candidates[0] if candidates else None


def _name_of(node: ast.expr) -> str | None:
    match node:
        case ast.Call(func=function):
            return _name_of(function)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def _suggest(name: str, table: Mapping[str, Kind]) -> str:
    meant = did_you_mean(name, table)
    if meant:
        return f"did you mean '{meant}'?"
    return f"it takes {', '.join(table)}" if table else "it takes no arguments"


def shown(value: object) -> str:
    """A value for a message: short, and without the address that a default repr has."""
    if type(value).__repr__ is object.__repr__ or callable(value):
        return f"a {type(value).__name__}"
    try:
        text = repr(value)
    except Exception:  # the user's own __repr__
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."


_UNCATCHABLE: Final[Mapping[type, tuple[str, str]]] = {
    Foreach: ("opens a foreach", "list to go over"),
    Gang: ("opens a gang", "number of tasks to start"),
    Switch: ("ends with a switch", "choice"),
}


# -- the policies of a step --------------------------------------------------------------------------------------------


def policies(method: Method, transition: Transition | None, faults: list[Diagnostic]) -> dict[str, Any]:
    """The policy fields of a step's node."""
    reader = Reader(method.source, method.tree, faults)
    found: dict[str, Any] = {}
    seen: set[str] = set()
    for applied in reversed(method.applied):  # as written, from the top
        name = applied.name
        table = STEP_DECORATORS.get(name)
        if table is None:
            reader.fault(codes.MISPLACED_DECORATOR, f"@{name} decorates a flow's class, not a step",
                         reader.span(applied), f"put it above `class {method.owner.__name__}`")  # fmt: skip
        elif name in seen:
            reader.fault(codes.DUPLICATE_DECORATOR, f"step '{method.name}' has @{name} twice", reader.span(applied),
                         "keep one of them")  # fmt: skip
        else:
            seen.add(name)
            arguments = reader.arguments(applied, table)
            if arguments is not None and name in _BUILD:
                found[name] = _BUILD[name](reader, applied, arguments)
            if name == "catch" and type(transition) in _UNCATCHABLE:
                what, missing = _UNCATCHABLE[type(transition)]
                reader.fault(
                    codes.CATCH_ON_FOREACH,
                    f"step '{method.name}' has @catch but {what}",
                    reader.span(applied),
                    f"if the step failed there would be no {missing}: catch in the steps after it",
                )
    return {name: value for name, value in found.items() if value is not None}


def _retry(_reader: Reader, _applied: Applied, given: dict[str, Any]) -> Retry:
    minutes = given.get("minutes_between_retries", 2)
    return Retry(times=given.get("times", 3), wait_seconds=math.ceil(minutes * 60))


def _catch(_reader: Reader, _applied: Applied, given: dict[str, Any]) -> Catch:
    return Catch(var=given.get("var"), print_exception=given.get("print_exception", True))


def _timeout(reader: Reader, applied: Applied, given: dict[str, Any]) -> Timeout | None:
    seconds = given.get("seconds", 0) + 60 * given.get("minutes", 0) + 3600 * given.get("hours", 0)
    if seconds <= 0:
        reader.fault(codes.BAD_ARGUMENT, "@timeout is of no time at all", reader.span(applied),
                     "give it seconds=, minutes= or hours=")  # fmt: skip
        return None
    return Timeout(seconds=math.ceil(seconds))


def _resources(_reader: Reader, _applied: Applied, given: dict[str, Any]) -> Resources | None:
    asked = {name: value for name, value in given.items() if value is not None}
    if not asked:
        return None
    cpu = asked.pop("cpu", None)
    return Resources(cpu=None if cpu is None else _decimal(cpu), **{name: int(value) for name, value in asked.items()})


def _decimal(value: float | str) -> str:
    """Plain decimal text: no exponent, no trailing zeros, and 0.1 as it was written."""
    text = format(Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _environment(_reader: Reader, _applied: Applied, given: dict[str, Any]) -> tuple[tuple[str, str], ...] | None:
    return tuple(given.get("vars", {}).items()) or None


_BUILD: Final[Mapping[str, Callable[[Reader, Applied, dict[str, Any]], object]]] = {
    "retry": _retry,
    "catch": _catch,
    "timeout": _timeout,
    "resources": _resources,
    "environment": _environment,
}


def check_misplaced(method: Method, faults: list[Diagnostic]) -> None:
    """A method that is no step, and has decorators of steps."""
    reader = Reader(method.source, method.tree, faults)
    for applied in reversed(method.applied):
        reader.fault(codes.MISPLACED_DECORATOR, f"@{applied.name} decorates '{method.name}', which is not a step",
                     reader.span(applied), "add @step, or remove the decorator")  # fmt: skip

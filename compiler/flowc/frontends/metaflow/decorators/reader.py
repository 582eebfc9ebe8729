"""Read one use of a decorator: check its arguments, and find the position of each argument in the source."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, final

from flowc_ir import codes, json_text
from flowc_ir.diagnostic import Faults
from flowc_ir.late import LateModule
from flowc_ir.late.dataclass import dataclass
from flowc_ir.suggestion import suggest

if TYPE_CHECKING:
    import decimal
    from collections.abc import Callable, Mapping

    from flowc.frontends.source import Function, Source
    from flowc_ir import Span
    from metaflow.decorators import Applied
else:  # imported at first use, because the import costs start-up time
    decimal = LateModule("decimal")


@final
@dataclass(frozen=True, slots=True)
class ArgumentKind:
    """The values that an argument of a decorator allows.

    Attributes:
        words: a description of the allowed values for messages: "memory is a whole number of MiB, not …".
        accepts: a function that returns whether a value is allowed.
        hint: the hint of the error, which says how to correct the usual mistake.
    """

    words: str
    accepts: Callable[[object], bool]
    hint: str | None = None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> bool:
    """Return whether a value is a whole number of at least 0, as an int or as text."""
    if isinstance(value, str):
        return value.isascii() and value.isdigit()
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_cores(value: object) -> bool:
    if isinstance(value, str):
        try:
            return value.isascii() and decimal.Decimal(value).is_finite() and decimal.Decimal(value) > 0
        except decimal.InvalidOperation:
            return False
    return _is_number(value) and value > 0  # type: ignore[operator]  # `value` is a number here


def _is_duration(value: object) -> bool:
    """Return whether a value is a number of at least 0, as a number or as decimal text."""
    if isinstance(value, str):
        whole, _, fraction = value.partition(".")
        return value.isascii() and whole.isdigit() and (fraction.isdigit() or "." not in value)
    return _is_number(value) and value >= 0  # type: ignore[operator]  # `value` is a number here


def is_texts(value: object) -> bool:
    """Return whether a value is a dict from strings to strings."""
    return isinstance(value, dict) and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items())


def is_json(value: object) -> bool:
    """Return whether JSON preserves a value: decoding the encoded value must give an equal value. The result is false
    for a tuple, because JSON decodes it as a list."""
    try:
        return bool(json_text.loads(json_text.dumps(value)) == value)
    except (TypeError, ValueError, RecursionError):
        return False


def is_json_object(value: object) -> bool:
    """Return whether a value is a dict that JSON can represent."""
    try:
        json_text.dumps(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, dict)


def optional(kind: ArgumentKind) -> ArgumentKind:
    """Return an argument kind that allows None and every value that `kind` allows."""
    return ArgumentKind(kind.words, lambda value: value is None or kind.accepts(value), kind.hint)


COUNT = ArgumentKind("a whole number, 0 or more", _is_count)
DURATION = ArgumentKind("a number, 0 or more", _is_duration)
MIB = ArgumentKind("a whole number of MiB", lambda value: value is None or _is_count(value), "16 GiB are 16384 MiB")
CORES = ArgumentKind("a number of cores", lambda value: value is None or _is_cores(value))
BOOL = ArgumentKind("True or False", lambda value: isinstance(value, bool))
TEXT = ArgumentKind("a string", lambda value: isinstance(value, str) and value != "")
JSON = ArgumentKind("a value that JSON can hold", is_json, "such as a dict of strings and numbers: lists, not tuples")
OPTIONS = ArgumentKind("a dict that JSON can hold", lambda value: value is None or is_json_object(value))


def canonical(value: object) -> str:
    """Convert a value to canonical JSON text, the form in which the IR contains options."""
    return json_text.dumps(value or {}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def decimal_text(value: float | str) -> str:
    """Return a number as decimal text without an exponent or trailing zeros; the float 0.1 becomes "0.1".

    Args:
        value: a finite number, or a number as text.
    """
    text = format(decimal.Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@final
class Reader:
    """Reads the decorators of one class or step; faults are reported at their places in the source."""

    def __init__(self, source: Source, tree: Function | ast.ClassDef, faults: Faults) -> None:
        self.source = source
        self.tree = tree
        self.faults = faults

    def arguments(self, applied: Applied, table: Mapping[str, ArgumentKind]) -> dict[str, object] | None:
        """Check the arguments of a decorator and return them. Return None if an argument has a fault, which is
        reported.

        Args:
            applied: the decorator as it was applied, with its arguments.
            table: the allowed values of each argument, by the argument's name.
        """
        before, note = len(self.faults), self._origin(applied)
        if applied.args:
            known = ", ".join(f"{name}=" for name in table)
            hint = f"it takes {known}" if table else f"write `@{applied.name}`"
            message = f"@{applied.name} takes its arguments by name"
            self.faults.add(codes.BAD_ARGUMENT, self.span(applied), message, hint=hint, note=note)
        for name, value in applied.kwargs.items():
            kind = table.get(name)
            span = self.span(applied, name)
            if kind is None:
                message = f"@{applied.name} has no argument '{name}'"
                hint = suggest(name, table, f"it takes {', '.join(table)}" if table else "it takes no arguments")
                self.faults.add(codes.UNKNOWN_ARGUMENT, span, message, hint=hint, note=note)
            elif not kind.accepts(value):
                message = f"@{applied.name}: {name} is {kind.words}, not {shown(value)}"
                self.faults.add(codes.BAD_ARGUMENT, span, message, hint=kind.hint, note=note)
        return dict(applied.kwargs) if len(self.faults) == before else None

    def span(self, applied: Applied, argument: str | None = None, item: int = 0) -> Span:
        """Return the span of a decorator, or of one of its arguments.

        Args:
            applied: the decorator. If it was applied in another file or by a mutator, the span of the class or step is
                returned.
            argument: the argument's name; None for the whole decorator.
            item: for an argument that is a list, the index of the item whose span is returned.
        """
        node = self._node(applied) if self._is_here(applied) else None
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
        """Return the decorator's expression in the source. First look for an expression on the decorator's line,
        because the source may use an alias of the decorator's name; if there is none, look for the name.
        """
        for node in self.tree.decorator_list:
            if node.lineno <= applied.line <= (node.end_lineno or node.lineno):
                return node
        return next((node for node in self.tree.decorator_list if _name_of(node) == applied.name), None)

    def _origin(self, applied: Applied) -> str | None:
        """Return a note for the fault of a decorator: the name of the mutator or file that applied the decorator.
        Return None if the decorator is in the step's source."""
        place = f"{applied.file.rpartition('/')[2]}:{applied.line}"
        if applied.by:
            return f"@{applied.name} was added by {applied.by}{f' in {place}' if applied.line else ''}"
        return None if self._is_here(applied) else f"@{applied.name} was applied in {place}"

    def _is_here(self, applied: Applied) -> bool:
        return not applied.by and (not applied.line or self.source.is_file(applied.file))


def _name_of(node: ast.expr) -> str | None:
    match node:
        case ast.Call(func=function):
            return _name_of(function)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def shown(value: object) -> str:
    """Return a value as short text for a message; the memory address of a default repr is left out."""
    if type(value).__repr__ is object.__repr__ or callable(value):
        return f"a {type(value).__name__}"
    try:
        text = repr(value)
    except Exception:  # the user's `__repr__` failed
        return f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Evaluate string expressions of a step without running code: `KEY`, `names.KEY`, `self.KEY`, `f"{KEY}_x"`.

The first part of a name is looked up in the step's module, or, after `self.`, in the flow's class. Each further part is
looked up in the module or class that the preceding parts name.
"""

from __future__ import annotations

import ast
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from flowc.frontends.metaflow.structure.steps import Members, StepMethod

_UNKNOWN: Final = object()


def text_of(method: StepMethod, members: Members, node: ast.expr) -> str | None:
    """Return the constant string that an expression of a step evaluates to; None if the string is known only when the
    code runs.

    Args:
        method: the step's method.
        members: the attributes of the flow's class.
        node: the expression, such as the value of `foreach=`.
    """
    value = _value(method, members, node)
    # `str(value)` would return another text for a member of a str Enum.
    return str.__str__(value) if isinstance(value, str) else None


def _value(method: StepMethod, members: Members, node: ast.expr) -> object:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return _variable(method, name)
        case ast.Attribute(attr=name) if method.attribute(node):
            return _of_class(members, name)
        case ast.Attribute(value=inner, attr=name):
            holder = _value(method, members, inner)
            if isinstance(holder, dict):  # a config's items can be read as attributes
                return holder.get(name, _UNKNOWN)
            # Reading an attribute of any other value may run code.
            return getattr(holder, name, _UNKNOWN) if isinstance(holder, (ModuleType, type)) else _UNKNOWN
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return _joined(method, members, [left, right])
        case ast.JoinedStr(values=parts):
            plain = [part.value if isinstance(part, ast.FormattedValue) else part for part in parts]
            formatted = any(isinstance(part, ast.FormattedValue) and (part.format_spec or part.conversion != -1)
                            for part in parts)  # fmt: skip
            return _UNKNOWN if formatted else _joined(method, members, plain)
    return _UNKNOWN


def _joined(method: StepMethod, members: Members, parts: list[ast.expr]) -> object:
    texts = [text_of(method, members, part) for part in parts]
    return _UNKNOWN if None in texts else "".join(filter(None, texts))


def _variable(method: StepMethod, name: str) -> object:
    function = method.function
    code = function.__code__
    if name in code.co_varnames or name in code.co_cellvars:  # a local variable of the step
        return _UNKNOWN
    if name in code.co_freevars:
        cell = (function.__closure__ or ())[code.co_freevars.index(name)]
        return cell.cell_contents if cell != type(cell)() else _UNKNOWN
    names: dict[str, object] = function.__globals__  # pyright: ignore[reportAttributeAccessIssue]  # it is a plain function
    return names.get(name, _UNKNOWN)


def _of_class(members: Members, name: str) -> object:
    value, owner = members.get(name, (_UNKNOWN, object))
    return value if isinstance(value, str) else getattr(owner, name, _UNKNOWN)  # `getattr` returns a config's value

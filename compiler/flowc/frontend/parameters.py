"""`Parameter`s of a flow's class -> the IR's, in the order written.

The IR's name of a parameter is its `name`, the command line's; the attribute that it is assigned to may differ and is
the class's own affair. A default that is a function is never called here: `flowc.passes.resolve_defaults` does.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from flowc import diagnostics as codes
from flowc.frontend.decorators import shown
from flowc.frontend.names import FLOW_API, OPTIONS, did_you_mean, is_private
from flowc.ir import Parameter as IrParameter
from flowc.ir import Span
from flowc.ir.diagnostic import Diagnostic
from flowc_runtime.parameters import ParameterError, check_value, to_text
from metaflow.parameters import JSONType, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.frontend.source import Source, Sources
    from flowc.frontend.steps import Members
    from flowc.ir import ParameterType

_KINDS: Final[Mapping[object, ParameterType]] = {str: "str", int: "int", float: "float", bool: "bool", JSONType: "json"}
_KNOWN: Final = ("name", "default", "type", "help", "required", "show_default")
_ELSEWHERE: Final = {
    "multiple": "give a list as JSON: type=JSONType",
    "separator": "split the text in a step, or give a list as JSON: type=JSONType",
    "is_flag": "use type=bool",
    "nargs": "give a list as JSON: type=JSONType",
}


def read_parameters(
    members: Members, steps: set[str], sources: Sources, faults: list[Diagnostic]
) -> tuple[IrParameter, ...]:
    """The parameters among the class's attributes; faults of each, and clashes between them."""
    read: list[IrParameter] = []
    seen: dict[str, str] = {}
    for attribute, (value, owner) in members.items():
        if not isinstance(value, Parameter):
            continue
        reader = _Reader(value, attribute, owner, sources, faults)
        parameter = reader.read()
        if parameter is None:
            continue
        read.append(parameter)
        reader.check_clash(seen, steps, members)
    return tuple(read)


class _Reader:
    def __init__(
        self, parameter: Parameter[object], attribute: str, owner: type, sources: Sources, faults: list[Diagnostic]
    ) -> None:
        self.parameter = parameter
        self.attribute = attribute
        self.faults = faults
        self.source = sources.of(parameter.file)
        self.call = _call(self.source, parameter, owner, attribute)
        self.where = self.span()

    def span(self, argument: str | None = None) -> Span:
        if self.source is None or self.call is None:
            return self.source.whole_line(self.parameter.line) if self.source else Span("?", self.parameter.line, 1)
        statement, call = self.call
        if argument is None:
            return self.source.span(statement)
        for keyword in call.keywords:
            if keyword.arg == argument:
                return self.source.span(keyword)
        index = _KNOWN.index(argument) if argument in _KNOWN else len(call.args)
        return self.source.span(call.args[index] if index < len(call.args) else statement)

    def fault(self, message: str, hint: str | None, argument: str | None = None, code: str | None = None) -> None:
        self.faults.append(
            Diagnostic(code=code or codes.BAD_PARAMETER, message=message, span=self.span(argument), hint=hint)
        )

    def read(self) -> IrParameter | None:
        parameter, before = self.parameter, len(self.faults)
        self._check_arguments()
        if not self._check_name():
            return None
        kind = self._kind()
        computed = callable(parameter.default)
        default = None if kind is None or computed else self._default(kind)
        if kind is None or len(self.faults) > before:
            return IrParameter(name=parameter.name, type="str", where=self.where)  # its name may still clash
        return IrParameter(
            name=parameter.name,
            type=kind,
            where=self.where,
            default=default,
            computed=computed,
            required=bool(parameter.required) and parameter.default is None,
            help=parameter.help or "",
        )

    def _check_arguments(self) -> None:
        parameter = self.parameter
        for name in parameter.unknown:
            hint = _ELSEWHERE.get(name)
            if hint is None:
                meant = did_you_mean(name, _KNOWN)
                hint = f"did you mean '{meant}'?" if meant else f"it takes {', '.join(_KNOWN)}"
            self.fault(f"Parameter has no argument '{name}'", hint, name)
        if not isinstance(parameter.required, (bool, type(None))):
            self.fault(f"required is True or False, not {shown(parameter.required)}", None, "required")
        if not isinstance(parameter.help, (str, type(None))):
            self.fault(f"help is text, not {shown(parameter.help)}", None, "help")

    def _check_name(self) -> bool:
        name: object = self.parameter.name
        if not isinstance(name, str):
            self.fault("a parameter needs a name as text", f'write `{self.attribute} = Parameter("{self.attribute}")`',
                       "name")  # fmt: skip
            return False
        if not (name.isascii() and name.replace("-", "_").isidentifier()):
            self.fault(f"{name!r} cannot be an option of the command line",
                       "use letters, digits, `_` and `-`, and begin with a letter", "name")  # fmt: skip
            return False
        if _option(name) in OPTIONS:
            self.fault(f"a parameter cannot be called '{name}': the command line has that option",
                       "give the parameter another name", "name", codes.RESERVED_NAME)  # fmt: skip
        for called in dict.fromkeys((name, self.attribute)):
            if called in FLOW_API or is_private(called):
                self.fault(f"a parameter cannot be called '{called}': flows use that name",
                           "give the parameter another name", None, codes.RESERVED_NAME)  # fmt: skip
        return True

    def _kind(self) -> ParameterType | None:
        given, default = self.parameter.type, self.parameter.default
        if given is None:
            if default is None or callable(default):
                return "str"
            given = type(default)
            if given not in _KINDS:
                hint = "write type=JSONType" if isinstance(default, (dict, list)) else _TYPES
                self.fault(f"no type of parameter has the default {shown(default)}", hint, "default")
                return None
        try:
            return _KINDS[given]
        except (KeyError, TypeError):
            called = getattr(given, "__name__", None) or shown(given)
            self.fault(f"a parameter cannot be of type {called}", _TYPES, "type")
            return None

    def _default(self, kind: ParameterType) -> str | None:
        if self.parameter.default is None:
            return None
        try:
            return to_text(check_value(kind, self.parameter.default))
        except ParameterError as error:
            self.fault(f"the default of parameter '{self.parameter.name}': {error}", None, "default")
            return None

    def check_clash(self, seen: dict[str, str], steps: set[str], members: Members) -> None:
        """Names are compared as options are: without regard to case, and `-` is `_`."""
        name, rename = self.parameter.name, "give one of them another name"
        other = seen.get(_option(name))
        seen[_option(name)] = name
        if other is not None:
            message = f"parameters '{other}' and '{name}' are the same option of the command line"
            if other == name:
                message = f"parameter '{name}' is defined twice"
            self.fault(message, rename, None, codes.PARAMETER_CLASH)
        elif name in steps:
            self.fault(f"'{name}' is both a parameter and a step", rename, None, codes.PARAMETER_CLASH)
        elif name != self.attribute and name in members:
            self.fault(f"parameter '{name}' has the name of another attribute of the class", rename, None,
                       codes.PARAMETER_CLASH)  # fmt: skip


_TYPES: Final = "a parameter is of type str, int, float, bool or JSONType"


def _option(name: str) -> str:
    return name.lower().replace("-", "_")


def _call(
    source: Source | None, parameter: Parameter[object], owner: type, attribute: str
) -> tuple[ast.stmt, ast.Call] | None:
    """The statement of the class's body that makes this parameter."""
    body = source.classes.get(owner.__qualname__) if source else None
    for statement in body.body if body else ():
        match statement:
            case ast.Assign(value=ast.Call() as call) | ast.AnnAssign(value=ast.Call() as call):
                if statement.lineno <= parameter.line <= (statement.end_lineno or statement.lineno):
                    return statement, call
    return None


def check_shadowed(tree: ast.ClassDef, source: Source) -> list[Diagnostic]:
    """A class body that gives one name to a parameter and to something else: Python keeps the last, silently."""
    bound: dict[str, int] = {}
    found: list[Diagnostic] = []
    parameters = _assigned_parameters(tree)
    for statement in tree.body:
        for name in _bound(statement):
            if name in bound and name in parameters:
                found.append(
                    Diagnostic(
                        code=codes.PARAMETER_CLASH,
                        message=f"'{name}' is the name of a parameter and of something else in the class",
                        span=source.header(statement)
                        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                        else source.span(statement),
                        hint="give one of them another name",
                        note=f"the other one is in line {bound[name]}",
                    )
                )
            bound.setdefault(name, statement.lineno)
    return found


def _assigned_parameters(tree: ast.ClassDef) -> set[str]:
    names: set[str] = set()
    for statement in tree.body:
        match statement:
            case ast.Assign(value=ast.Call(func=ast.Name(id="Parameter") | ast.Attribute(attr="Parameter"))):
                names.update(_bound(statement))
            case ast.AnnAssign(value=ast.Call(func=ast.Name(id="Parameter") | ast.Attribute(attr="Parameter"))):
                names.update(_bound(statement))
    return names


def _bound(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=several):
            return [target.id for target in several if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return [name]
    return []

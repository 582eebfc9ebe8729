"""Read the `Parameter`s of a flow's class into the IR's `Parameter`s, in the order of the source.

In the IR a parameter has the name of its command line option; the attribute of the class may have another name. A
function that computes a default is called later, in the module `resolve_defaults`.
"""

from __future__ import annotations

import codecs
import typing
from typing import TYPE_CHECKING, Final

from flowc.diagnostics import describe
from flowc.frontends.metaflow.assignments import call_of, span_of
from flowc.frontends.metaflow.decorators.policies import shown
from flowc.frontends.metaflow.defaults import recorded
from flowc.frontends.metaflow.parameter_types import KindError, kind_of
from flowc.frontends.reserved_names import FLOW_API, METAFLOW_OPTIONS, is_private
from flowc_ir import Parameter as IrParameter
from flowc_ir import Span, codes
from flowc_ir.diagnostic import Faults
from flowc_ir.late.dataclass import replace
from flowc_ir.suggestion import suggest
from flowc_runtime.store.values.parameters import ParameterError, to_text
from metaflow.includefile import IncludeFile, find_parser
from metaflow.parameters import Parameter

if TYPE_CHECKING:
    from flowc.frontends.metaflow.parameter_types import Kind
    from flowc.frontends.metaflow.structure.steps import Members
    from flowc.frontends.source import Sources

_ELSEWHERE: Final = {
    "nargs": "use multiple=True, or give a list as JSON: type=JSONType",
    "count": "use type=int",
    "envvar": "the environment variable is METAFLOW_RUN_ and the parameter's name",
    "callback": "compute in the first step",
}
_FILE_ONLY: Final = ("type", "multiple", "separator", "choices", "is_flag")


def declared_parameters(cls: type) -> dict[str, Parameter[object]]:
    """Return the parameters of the class and its bases by name, except parameters that a subclass's attribute hides.

    Mutators may add and remove parameters: before they run, the result is the parameters in the source.
    """
    attributes = {attribute: value for base in reversed(cls.__mro__) for attribute, value in vars(base).items()}
    parameters = (value for value in attributes.values() if isinstance(value, Parameter))
    return {parameter.name: parameter for parameter in parameters if isinstance(parameter.name, str)}


def read_parameters(members: Members, sources: Sources, faults: Faults) -> tuple[IrParameter, ...]:
    """Convert the parameters among the class's attributes to the IR's `Parameter`s, in the order of the source.

    Args:
        members: the attributes of the class.
        sources: the files of the flow.
        faults: collects the faults of each parameter, and clashes between the parameters' names.
    """
    read: list[IrParameter] = []
    seen: dict[str, tuple[str, Span]] = {}
    for attribute, (value, owner) in members.items():
        if not isinstance(value, Parameter):
            continue
        reader = _Reader(value, attribute, owner, sources, faults)
        parameter = reader.read()
        if parameter is None:
            continue
        read.append(parameter)
        reader.check_clash(seen)
    return tuple(read)


class _Reader:
    def __init__(
        self, parameter: Parameter[object], attribute: str, owner: type, sources: Sources, faults: Faults
    ) -> None:
        self.parameter = parameter
        self.attribute = attribute
        self.faults = faults
        self.source = sources.of(parameter.file)
        self.call = call_of(self.source, parameter.line, owner)
        self.where = self.span()

    def span(self, argument: str | None = None) -> Span:
        return span_of(self.source, self.call, self.parameter.line, self.parameter.ARGUMENTS, argument)

    def fault(self, message: str, hint: str | None, argument: str | None = None, code: str | None = None) -> None:
        self.faults.add(code or codes.BAD_PARAMETER, self.span(argument), message, hint=hint)

    def read(self) -> IrParameter | None:
        parameter, before = self.parameter, len(self.faults)
        self._check_arguments()
        if not self._check_name():
            return None
        # The result for a parameter with a fault. It keeps the parameter's name, so that clashes with other names are
        # found.
        blank = IrParameter(name=parameter.name, type="str", where=self.where)
        try:
            fields = self._file() if isinstance(parameter, IncludeFile) else kind_of(parameter)
        except KindError as error:
            self.faults.add(codes.BAD_PARAMETER, self.span(error.argument), str(error), hint=error.hint)
            return blank
        if len(self.faults) > before:
            return blank
        computed = callable(parameter.default)
        result = IrParameter(
            name=parameter.name,
            where=self.where,
            computed=computed,
            required=bool(parameter.required) and parameter.default is None,
            help=parameter.help or "",
            attribute=self.attribute if self.attribute != parameter.name else "",
            **fields,
        )
        default = None if computed else self._default(result)
        own = default is None and not computed and self.parameter.default is not None
        return replace(result, default=default, converted=result.converted or own)

    def _check_arguments(self) -> None:
        parameter, called = self.parameter, type(self.parameter).__name__
        wrong = [*parameter.unknown]
        if isinstance(parameter, IncludeFile):
            wrong += [name for name in _FILE_ONLY if getattr(parameter, name) is not None]
        for name in wrong:
            hint = _ELSEWHERE.get(name)
            if hint is None:
                hint = suggest(name, parameter.ARGUMENTS, f"it takes {', '.join(parameter.ARGUMENTS)}")
            self.faults.add(codes.BAD_PARAMETER, self.span(name), f"{called} has no argument '{name}'", hint=hint)
        for name in ("required", "is_text", "multiple", "is_flag", "hidden"):
            value = getattr(parameter, name, None)
            if not isinstance(value, (bool, type(None))):
                self.faults.add(
                    codes.BAD_PARAMETER, self.span(name), f"{name} must be True or False, not {shown(value)}", hint=None
                )
        if not isinstance(parameter.help, (str, type(None))):
            self.faults.add(
                codes.BAD_PARAMETER, self.span("help"), f"help must be a string, not {shown(parameter.help)}", hint=None
            )

    def _file(self) -> Kind:
        """Return the fields of the IR for an `IncludeFile`."""
        parameter = self.parameter
        assert isinstance(parameter, IncludeFile)
        encoding, parser = parameter.text_encoding, parameter.parser
        try:
            if encoding is not None:
                codecs.lookup(encoding)
        except (LookupError, TypeError):
            raise KindError(f"there is no encoding {shown(encoding)}", "encoding", 'such as "utf-8"') from None
        if parser is not None and not callable(parser):
            try:
                find_parser(parser)
            except Exception as error:
                message = f"parser must be a function or its dotted name: {describe(error)}"
                raise KindError(message, "parser", 'such as parser="json.loads"') from None
        if parameter.default is not None and not callable(parameter.default) and not isinstance(parameter.default, str):
            raise KindError(f"the default of a file must be its path, not {shown(parameter.default)}", "default", None)
        return {"type": "file", "encoding": encoding, "hidden": bool(parameter.hidden)}

    def _check_name(self) -> bool:
        name: object = self.parameter.name
        if not isinstance(name, str):
            self.faults.add(
                codes.BAD_PARAMETER,
                self.span("name"),
                "the name of a parameter must be a string",
                hint=f'write `{self.attribute} = Parameter("{self.attribute}")`',
            )
            return False
        if name.startswith("-") or not name.replace("-", "_").isidentifier():
            self.faults.add(
                codes.BAD_PARAMETER,
                self.span("name"),
                f"{name!r} cannot be an option of the command line",
                hint="use letters, digits, `_` and `-`, and begin with a letter",
            )
            return False
        if name.replace("-", "_") in METAFLOW_OPTIONS:
            self.faults.add(
                codes.RESERVED_NAME,
                self.span("name"),
                f"a parameter cannot be called '{name}': Metaflow's `run` has that option",
                hint="give the parameter another name",
            )
        if self.attribute in FLOW_API or is_private(self.attribute):
            self.faults.add(
                codes.RESERVED_NAME,
                self.span(),
                f"a parameter cannot be called '{self.attribute}': flows use that name",
                hint="give the parameter another name",
            )
        return True

    def _default(self, parameter: IrParameter) -> str | None:
        if self.parameter.default is None:
            return "false" if parameter.flag else None
        try:
            value = recorded(self.parameter, parameter, self.parameter.default)
            return None if value is None else to_text(value)
        except ParameterError as error:
            self.faults.add(
                codes.BAD_PARAMETER,
                self.span("default"),
                f"the default of parameter '{parameter.name}': {error}",
                hint=self._hint(),
            )
            return None

    def _hint(self) -> str | None:
        if typing.get_origin(self.parameter.type) is None:
            return None
        from flowc.frontends.metaflow.type_warnings import hint_for

        return hint_for(self.parameter.type)

    def check_clash(self, seen: dict[str, tuple[str, Span]]) -> None:
        """Report two parameters with the same command line option: case is ignored, and `-` and `_` are equal."""
        name = self.parameter.name
        before = seen.get(_option(name))
        seen.setdefault(_option(name), (name, self.where))
        if before is not None:
            other, first = before
            message = f"parameters '{other}' and '{name}' are the same option of the command line"
            if other == name:
                message = f"parameter '{name}' is defined twice"
            hint, also = "give one of them another name", [(first, "the first one")]
            self.faults.add(codes.PARAMETER_CLASH, self.where, message, hint=hint, also=also)


def _option(name: str) -> str:
    return name.lower().replace("-", "_")

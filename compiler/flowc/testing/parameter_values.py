"""The values of parameters in a unit test, which are checked like values on a command line."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flowc.frontends.metaflow.defaults import json_value
from flowc.frontends.metaflow.parameters import declared_parameters
from flowc.frontends.metaflow.resolve_defaults import resolve_defaults
from flowc_runtime.base.input_files import lasting
from flowc_runtime.store.values.files import check_file, find_file
from flowc_runtime.store.values.parameters import ParameterError, default_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flowc_ir import Flow
    from flowc_ir.model import Parameter


def check_names(flow: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Check that a flow declares these names.

    Args:
        flow: the flow's name, for the message.
        what: the kind of names, for the message: `parameter` or `config`.
        names: the names to check.
        known: the names that the flow declares.

    Raises:
        TypeError: the flow does not declare one of the names; the message lists the known names.
    """
    there = sorted(known)
    if unknown := sorted(set(names) - set(there)):
        raise TypeError(f"flow '{flow}' has no {what} '{unknown[0]}'; it has {', '.join(there) or 'none'}")


def parameter_values(flow: Flow, cls: type, overrides: Mapping[str, object]) -> dict[str, object]:
    """Return a value for each parameter; the value of a file parameter contains the file's content.

    Args:
        flow: the flow.
        cls: the flow class; a file that is a parameter's default is also looked up in the directory of the class's
            file.
        overrides: the values that the test gives, by parameter name.

    Raises:
        TypeError: a parameter does not exist, or the content of a file has the wrong type.
        ParameterError: a value does not have its parameter's type.
    """
    check_names(flow.name, "parameter", overrides, (parameter.name for parameter in flow.parameters))
    home = os.path.dirname(str(getattr(sys.modules.get(cls.__module__), "__file__", "")))
    declared, values = declared_parameters(cls), dict[str, object]()
    for parameter in resolve_defaults(flow, cls, skip=overrides, user_name="test").parameters:
        name = parameter.name
        default = default_of(parameter)
        if parameter.type == "file":
            found = overrides[name] if name in overrides else default and Path(find_file(default, home))
            values[name] = None if found is None else _packed(parameter, found)
        elif name in overrides:
            values[name] = json_value(declared[name], parameter, overrides[name])
        else:
            values[name] = default
    return values


def _packed(parameter: Parameter, given: object) -> dict[str, str]:
    """Return the packed form of a file (its name and content), from its path or its content."""
    encoding, file = parameter.encoding, "given"
    if isinstance(given, Path):
        file = str(given)
        check_file(file, encoding)
        content = Path(lasting(file)).read_bytes()
    elif isinstance(given, str) and encoding is not None:
        content = given.encode(encoding)
    elif isinstance(given, bytes):
        content = given
        _check_text(parameter, content)
    else:
        kinds = "bytes" if encoding is None else "text, bytes"
        raise TypeError(f"parameter '{parameter.name}' is a file: give its content as {kinds}, or a Path")
    return {"file": file, "content": base64.b64encode(content).decode("ascii")}


def _check_text(parameter: Parameter, content: bytes) -> None:
    if parameter.encoding is None:
        return
    try:
        content.decode(parameter.encoding)
    except UnicodeDecodeError as error:
        raise ParameterError(f"parameter '{parameter.name}' is not text in {parameter.encoding}: {error}") from None

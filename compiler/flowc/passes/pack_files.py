"""Put the content of files that are defaults into the flow, since no cluster can read their paths.

parameter data: file = "data.csv"         ->    parameter data: file = {"file":"data.csv","content":"YSxiCg=="}
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from flowc import diagnostics as codes
from flowc.ir.diagnostic import Diagnostic
from flowc.passes.resolve_defaults import DefaultError
from flowc_runtime.files import check_file, find_file, pack
from flowc_runtime.parameters import ParameterError, from_text, to_text

if TYPE_CHECKING:
    from pathlib import Path

    from flowc.ir import Flow
    from flowc.ir import Parameter as IrParameter


def pack_files(flow: Flow, beside: Path) -> Flow:
    """The flow with every file that is a default; a relative path is of the working directory, or of `beside`.

    Raises:
        DefaultError: a file cannot be read, is not text where it has to be, or is too large to be passed to a pod.
    """
    faults: list[Diagnostic] = []
    packed = [_packed(parameter, beside, faults) for parameter in flow.parameters]
    if faults:
        raise DefaultError(tuple(faults))
    return replace(flow, parameters=tuple(packed))


def _packed(parameter: IrParameter, beside: Path, faults: list[Diagnostic]) -> IrParameter:
    if parameter.type != "file" or parameter.default is None:
        return parameter
    path = from_text(parameter.default)
    found = find_file(path, str(beside))
    try:
        check_file(found, parameter.encoding)
        # The path as it is written: the manifests do not depend on the directory they were compiled in.
        return replace(parameter, default=to_text(pack(found) | {"file": path}))
    except ParameterError as error:
        message = f"the default of parameter '{parameter.name}': {error}"
        faults.append(Diagnostic(code=codes.BAD_DEFAULT, message=message, span=parameter.where,
                                 hint="its content travels with the compiled flow"))  # fmt: skip
        return parameter

"""Put the content of files that are defaults of parameters where pods can read it, since pods cannot read paths of this
machine.

parameter data: file = "data.csv"         ->    parameter data: file = {"file":"data.csv","content":"YSxiCg=="}
parameter data: file = "large.csv"        ->    parameter data: file = {"file":"large.csv","packed":"ab12…"}
parameter data: file = "huge.csv"         ->    parameter data: file = {"file":"huge.csv","sent":"cd34…","size":9}

The content of a small file is written into the IR. A larger file is added to the code package. A file that is too large
for the IR and the code package is sent to the store: `send_files` sends it after the flow has compiled without faults.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from flowc.passes.context import PassError
from flowc_ir import codes
from flowc_ir.diagnostic import Faults
from flowc_ir.late.dataclass import replace
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.input_files import lasting
from flowc_runtime.store.values.files import PACKED_DIRECTORY, check_file, find_file, pack, size_of
from flowc_runtime.store.values.parameters import ParameterError, from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from flowc.passes.context import Context, Room
    from flowc_ir import Flow
    from flowc_ir import Parameter as IrParameter


def pack_files(flow: Flow, context: Context) -> Flow:
    """Return the flow; a file that is a parameter's default is replaced by its content, or by a reference to it.

    If `context.room` is None, return the flow unchanged.

    The function changes `context.room`: it subtracts the space of the packed files, and adds the files that belong in
    the code package or have to be sent to the store.

    Args:
        flow: the flow, in which files that are defaults of parameters are given as paths.
        context: `room` and `beside`, the directory to search for a file that is not in the working directory.

    Raises:
        PassError: a file cannot be read, is not text although it has to be, or is too large for the IR, the code
            package and the store.
    """
    room, beside = context.room, context.beside
    if room is None:
        return flow
    faults = Faults()
    packed = [_packed(parameter, beside, room, faults) for parameter in flow.parameters]
    if faults:
        raise PassError(faults)
    return replace(flow, parameters=tuple(packed))


def send_files(room: Room, send: Callable[[str], Mapping[str, object]]) -> None:
    """Send the files in `room.far` to the store.

    Args:
        room: the `Room` that `pack_files` has filled.
        send: a function that gets the path of a file, sends the file to the store, and returns the reference to the
            stored file, like `room.name`.

    Raises:
        PassError: a file cannot be sent, or has changed since `pack_files`.
    """
    faults = Faults()
    for parameter, path, named in room.far:
        try:
            if send(path) != named:
                raise ParameterError(f"file '{path}' has changed meanwhile")
        except (ParameterError, FlowcError, OSError) as error:
            _fault(parameter, error, faults)
    if faults:
        raise PassError(faults)


def _packed(parameter: IrParameter, beside: Path | None, room: Room, faults: Faults) -> IrParameter:
    if parameter.type != "file" or parameter.default is None:
        return parameter
    path = from_text(parameter.default)
    found = find_file(path, None if beside is None else str(beside))
    try:
        check_file(found, parameter.encoding)
        # The IR has the path as the flow's source has it, so that manifests do not depend on the directory in which the
        # flow is compiled.
        return replace(parameter, default=to_text({**_placed(parameter, found, room), "file": path}))
    except (ParameterError, FlowcError, OSError) as error:
        _fault(parameter, error, faults)
        return parameter


def _fault(parameter: IrParameter, error: Exception, faults: Faults) -> None:
    message = f"the default of parameter '{parameter.name}': {error}"
    hint = "its content is part of the compiled flow"
    faults.add(codes.BAD_DEFAULT, parameter.where, message, hint=hint)


def _placed(parameter: IrParameter, path: str, room: Room) -> Mapping[str, object]:
    size = size_of(path)
    if size <= room.inline:
        room.inline -= size
        return pack(path)
    if size > room.package:
        named = room.name(path)
        room.far.append((parameter, path, named))
        return named
    with open(lasting(path), "rb") as file:
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()
    name = f"{PACKED_DIRECTORY}/{digest}"
    if name not in room.packed:
        room.package -= size
        room.packed[name] = content
    return {"packed": digest}

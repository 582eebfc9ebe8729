"""Put the content of files that are defaults where pods can read it, since no cluster can read their paths.

parameter data: file = "data.csv"         ->    parameter data: file = {"file":"data.csv","content":"YSxiCg=="}
parameter data: file = "large.csv"        ->    parameter data: file = {"file":"large.csv","packed":"ab12…"}
parameter data: file = "huge.csv"         ->    parameter data: file = {"file":"huge.csv","sent":"cd34…","size":9}

A small file goes with its name, a large one beside the code, and one that has no room there goes to the store:
`send_files` sends it, once the flow is known to be one that can be compiled.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

from flowc.frontends.metaflow.resolve_defaults import DefaultError
from flowc_ir import codes
from flowc_ir.diagnostic import Faults
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.base.given_files import lasting
from flowc_runtime.store.values.files import MAX_PACKED, PACKED_DIRECTORY, check_file, find_file, pack, size_of
from flowc_runtime.store.values.parameters import ParameterError, from_text, to_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flowc_ir import Flow
    from flowc_ir import Parameter as IrParameter


@final
@dataclass(slots=True)
class Room:
    """How many bytes go with the names and beside the code; what has no room is given to `name`, which may refuse it.

    `name` says what stands for a file in the store. `packed` are the files beside the code: paths in the package, and
    contents. `far` are those to send: the parameter, the path, and what stands for it.
    """

    package: int
    name: Callable[[str], dict[str, Any]]
    inline: int = MAX_PACKED
    packed: dict[str, bytes] = field(default_factory=dict)
    far: list[tuple[IrParameter, str, dict[str, Any]]] = field(default_factory=list)


def pack_files(flow: Flow, beside: Path, room: Room) -> Flow:
    """The flow with every file that is a default; a relative path is of the working directory, or of `beside`.

    Raises:
        DefaultError: a file cannot be read, is not text where it has to be, or there is nowhere to put it.
    """
    faults = Faults()
    packed = [_packed(parameter, beside, room, faults) for parameter in flow.parameters]
    if faults:
        raise DefaultError(tuple(faults))
    return replace(flow, parameters=tuple(packed))


def send_files(room: Room, send: Callable[[str], dict[str, Any]]) -> None:
    """Send the files that go to the store.

    Raises:
        DefaultError: one cannot be sent.
    """
    faults = Faults()
    for parameter, path, named in room.far:
        try:
            if send(path) != named:
                raise ParameterError(f"file '{path}' has changed meanwhile")
        except (ParameterError, FlowcError, OSError) as error:
            _fault(parameter, error, faults)
    if faults:
        raise DefaultError(tuple(faults))


def _packed(parameter: IrParameter, beside: Path, room: Room, faults: Faults) -> IrParameter:
    if parameter.type != "file" or parameter.default is None:
        return parameter
    path = from_text(parameter.default)
    found = find_file(path, str(beside))
    try:
        check_file(found, parameter.encoding)
        # The path as it is written: the manifests do not depend on the directory they were compiled in.
        return replace(parameter, default=to_text(_placed(parameter, found, room) | {"file": path}))
    except (ParameterError, FlowcError, OSError) as error:
        _fault(parameter, error, faults)
        return parameter


def _fault(parameter: IrParameter, error: Exception, faults: Faults) -> None:
    message = f"the default of parameter '{parameter.name}': {error}"
    hint = "its content travels with the compiled flow"
    faults.add(codes.BAD_DEFAULT, parameter.where, message, hint=hint)


def _placed(parameter: IrParameter, path: str, room: Room) -> dict[str, Any]:
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

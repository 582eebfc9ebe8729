"""Patches replace the code of steps in runs for tests. Patches are data, so that they can be sent to any process."""

from __future__ import annotations

import base64
import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import FunctionType
from typing import TYPE_CHECKING, Literal, TypeAlias, cast, final

from flowc_ir import Function
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.typeddict import TypedDict
from flowc_runtime.base.errors import FlowcError

if TYPE_CHECKING:
    import pickle

    from flowc_ir.json_text import Json
    from flowc_runtime.run.nodes.user_functions import UserFunction, load_function
else:  # imported at first use, because the import costs start-up time
    pickle = LateModule("pickle")
    load_function = LateFunction("flowc_runtime.run.nodes.user_functions:load_function")

PatchKind: TypeAlias = Literal["nothing", "value", "function", "file", "pickle"]
IN_PROCESS: frozenset[PatchKind] = frozenset({"nothing", "value"})
"""The kinds of patches that run no user code. A task with such a patch does not need a process of its own."""


class PatchError(FlowcError):
    """A patch cannot be used; the message says why."""


class Patch(TypedDict):
    """The replacement of one step's code.

    `kind` is the kind of replacement: `nothing`, a JSON `value`, a `function` of a module, a `file` with a function, or
    a `pickle` of a value or a function. `what` depends on the kind: it is unused for `nothing`, the value for `value`,
    `MODULE:FUNCTION` for `function`, the file's path, optionally with `:FUNCTION`, for `file`, and base64 text for
    `pickle`. `mock` is true if no step's code runs in this run; missing values are then supplied.
    """

    kind: PatchKind
    what: Json
    mock: bool


@final
@dataclass(frozen=True, slots=True)
class Replacement:
    """A patch whose function or value has been loaded. If there is neither a function nor a value, the step's code is
    skipped.

    `is_value` is true if `value` is the replacement; the value may be None. `mock` is copied from the `Patch`. `way` is
    the target of a switch whose value is missing in a mocked run.
    """

    value: object = None
    function: UserFunction | None = None
    is_value: bool = False
    mock: bool = False
    way: str = ""


def open_patch(patch: Patch, step: str, root: str, file: str) -> Replacement:
    """Load the function or value of a patch.

    Args:
        patch: the patch.
        step: the name of the step; for a `file` without `:FUNCTION`, the function has this name.
        root: the directory of the flow's code.
        file: the flow's file relative to the root.

    Raises:
        PatchError: the function cannot be found.
        BaseException: any exception of the user's module.
    """
    mock = patch["mock"]
    match patch["kind"]:
        case "nothing":
            return Replacement(mock=mock)
        case "value":
            return Replacement(patch["what"], is_value=True, mock=mock)
        case "function":
            module, _, name = str(patch["what"]).partition(":")
            if (here := os.getcwd()) not in sys.path:
                # The function's module may be in the working directory, for example beside a test. The directory is
                # added at the end of `sys.path`, so that it hides no other module.
                sys.path.append(here)
            found: object = load_function(Function(module=module, name=name), root, file)
        case "file":
            found = _in_file(str(patch["what"]), step)
        case "pickle":
            found = pickle.loads(base64.b64decode(str(patch["what"])))
            if not callable(found):
                return Replacement(found, is_value=True, mock=mock)
    return Replacement(function=cast("UserFunction", found), mock=mock)


def _in_file(text: str, step: str) -> UserFunction:
    """Load a function from a file: the named function, else the function with the step's name, else the only
    function."""
    path, _, name = text.partition(".py:")
    path = f"{path}.py" if name else text
    spec = spec_from_file_location(f"flowc_patch_{os.path.basename(path)[:-3]}", path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise PatchError(f"the patch of step '{step}': there is no file {path}")
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles in the file look up their module here
    spec.loader.exec_module(module)
    own = {
        key: value
        for key, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == spec.name and not key.startswith("_")
    }
    found = vars(module).get(name) if name else own.get(step) or (next(iter(own.values())) if len(own) == 1 else None)
    if not callable(found):
        wanted = f"'{name}'" if name else f"'{step}', and does not define exactly one function"
        raise PatchError(f"the patch of step '{step}': {path} has no function {wanted}")
    return cast("UserFunction", found)

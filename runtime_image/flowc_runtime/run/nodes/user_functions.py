"""Loads the functions that an IR names: from a module, or from a pickle file in the code package."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from flowc_ir import PICKLES, Function, Merge
from flowc_ir.late import LateModule
from flowc_runtime.base.contract import FUNCTIONS
from flowc_runtime.base.errors import ProtocolError
from flowc_runtime.process.loader import load_module, module_name, put_first_on_path

if TYPE_CHECKING:
    import pickle
    from collections.abc import Iterator

    from flowc_ir import Flow
else:  # imported at first use: only functions that cannot be imported need it
    pickle = LateModule("pickle")


class UserFunction(Protocol):
    """A function of user code, with any arguments."""

    def __call__(self, *arguments: object, **keywords: object) -> object:
        """Call the function."""
        ...


def functions_of(flow: Flow) -> Iterator[Function]:
    """Yield the functions that the nodes of a flow run, and the reducers of its joins."""
    for node in flow.nodes:
        match node.run:
            case Function() as function:
                yield function
            case Merge(reducers=reducers):
                yield from (reducer.function for reducer in reducers)


def pickle_file(name: str) -> str:
    """Return the path of a function's pickle file in the code package; the file's name contains Python's version.

    The pickle contains bytecode, which only the same minor version of Python can run.
    """
    return f"{PICKLES}/{name}.py{sys.version_info[0]}{sys.version_info[1]}.pickle"


def load_function(function: Function, root: str, file: str) -> UserFunction:
    """Load the Python function that an IR's `Function` names.

    Args:
        function: the function's module and name, as the IR has them.
        root: the directory of the code package.
        file: the flow's file relative to the root; it is imported under a fixed module name.

    Raises:
        ProtocolError: the code package lacks this function.
        BaseException: any exception that the import of the function's module raises.
    """
    value = _unpickled(function.name, root) if not function.module else _imported(function, root, file)
    if not callable(value):
        raise ProtocolError(f"{_shown(function)} is {type(value).__name__}, not a function")
    return cast("UserFunction", value)


def _imported(function: Function, root: str, file: str) -> object:
    if function.module in sys.modules:
        found: object = sys.modules[function.module]
    elif file.endswith(".py") and module_name(file) == function.module:
        found = load_module(Path(root), file)
    else:
        put_first_on_path(root)
        found = import_module(function.module)
    for part in function.name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ProtocolError(f"the module {function.module} has no {function.name!r}") from None
    return found


def _unpickled(name: str, root: str) -> object:
    places = [Path(place, pickle_file(name)) for place in (root, os.environ.get(FUNCTIONS)) if place]
    for path in places:
        if path.exists():
            value: object = pickle.loads(path.read_bytes())
            return value
    versions = [
        each.name.split(".py")[1].partition(".")[0] for path in places for each in path.parent.glob(f"{name}.py*")
    ]
    if not versions:
        raise ProtocolError(f"the code package has no function '{name}'")
    raise ProtocolError(
        f"the function '{name}' was packed by Python {versions[0][0]}.{versions[0][1:]}, and this is Python "
        f"{sys.version_info[0]}.{sys.version_info[1]}: define it by `def` in a module, or use the same Python"
    )


def _shown(function: Function) -> str:
    return f"{function.module}:{function.name}" if function.module else function.name

"""Finds executors by name: flowc's own executors, executors of installed packages, and targets that can run flows."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from flowc.executors.executor import Executor, ExecutorError
from flowc.targets import table
from flowc.targets.deployment import TargetError
from flowc_ir.suggestion import suggest
from flowc_runtime.base.config.plugin_kinds import EXECUTORS
from flowc_runtime.base.config.plugins import PluginError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.targets.deployment import Operations

LOCAL: Final = "local"
"""The executor that runs tasks on this machine, with a process for each attempt."""
MOCK: Final = "mock"
"""The executor that runs tasks on this machine without the code of any step, like the option `--mock`."""
OWN: Final = (LOCAL, MOCK)


def find_executor(name: str) -> Executor | Operations:
    """Return the executor of this name, which must not be in `OWN`.

    Returns:
        An executor of a package, or the operations of a target that can run flows. The attribute `run` of these
        operations is not None.

    Raises:
        ExecutorError: no executor or several executors have the name, or the executor cannot be loaded.
    """
    try:
        found = None
        if name not in table.BUILTIN:
            found = EXECUTORS.find(name, Executor)  # type: ignore[type-abstract]  # used only for `isinstance`
        if found is not None:
            return found
        if name in table.BUILTIN or name in table.target_names():
            return _operations(name)
    except (PluginError, TargetError) as error:
        raise ExecutorError(error.message, error.hint) from error
    raise _unknown(name)


def check_executor(name: str) -> None:
    """Check that the executor of this name exists, without importing an executor of a package.

    Raises:
        ExecutorError: there is no such executor, or it is a target that does not run flows; the hint names the
            executors.
    """
    if name in OWN or is_installed(name):
        return
    if name not in table.BUILTIN and name not in table.target_names():
        raise _unknown(name)
    try:
        _operations(name)
    except TargetError as error:
        raise ExecutorError(error.message, error.hint) from error


def is_installed(name: str) -> bool:
    """Return whether a package has an executor of this name, without importing it."""
    return name not in table.BUILTIN and name in EXECUTORS.names()


def executor_names() -> list[str]:
    """Return the names of all executors: flowc's own executors, targets that can run flows, and executors of
    packages."""
    return list(dict.fromkeys([*OWN, *_running_targets(), *EXECUTORS.names()]))


def _unknown(name: str) -> ExecutorError:
    known = executor_names()
    hint = suggest(name, known, f"install the package that provides it; the executors are {', '.join(known)}")
    return ExecutorError(f"there is no executor '{name}'", hint)


def _operations(name: str) -> Operations:
    deployment = table.find_deployment(name)
    operations = table.operations_of(deployment) if deployment is not None else None
    if operations is None or operations.run is None:
        hint = f"executors: {', '.join(executor_names())}"
        raise ExecutorError(f"flows are only compiled for the target '{name}', which does not run them", hint)
    return operations


def _running_targets() -> Iterator[str]:
    """Yield the names of the targets whose deployment can run flows. To find these targets, the function imports the
    targets of installed packages."""
    for name in table.target_names():
        with suppress(TargetError, ImportError):  # leave out a faulty target: commands that use it report the error
            deployment = table.find_deployment(name)
            if deployment is not None and table.operations_of(deployment).run is not None:
                yield name

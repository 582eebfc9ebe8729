"""Environment variables for runs: METAFLOW_RUN_… for parameters, and the variable that names a run to retry."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from flowc.cli.options.definitions import RUN_OPTIONS, TOP_OPTIONS
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.suggestion import closest
from flowc_runtime.base.contract import RETRY_RUN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_ir.model import Flow

_PREFIX = "METAFLOW_RUN_"
_OF_PIPELINES = "RUNNABLE_PRM_"
_RETRY_OF_RUNNABLE: Final = "RUNNABLE_RETRY_RUN_ID"
_FILE = "RUNNABLE_PARAMETERS_FILE"
_RUN_ID = "RUNNABLE_RUN_ID"


def variable(name: str) -> str:
    """Return the name of a parameter's environment variable.

    The name is `METAFLOW_RUN_` and the parameter's name in upper case, with `_` for `-`.
    """
    return f"{_PREFIX}{_normal(name)}"


def texts_of_variables(flow: Flow) -> dict[str, tuple[str, str]]:
    """Return the environment variables that are set for parameters: name and text, by the parameter's name.

    For a pipeline, `RUNNABLE_PRM_` with the parameter's name is read, too, as in the package runnable.
    """
    found: dict[str, tuple[str, str]] = {}
    for parameter in flow.parameters:
        earlier = f"{_OF_PIPELINES}{parameter.name}"
        if (name := variable(parameter.name)) in os.environ:
            found[parameter.name] = name, os.environ[name]
        elif earlier in os.environ and not flow.code.name:
            found[parameter.name] = earlier, os.environ[earlier]
    return found


def offered_names() -> list[str]:
    """Return the names of parameters for which a variable `RUNNABLE_PRM_…` is set."""
    return [name[len(_OF_PIPELINES) :] for name in sorted(os.environ) if name.startswith(_OF_PIPELINES)]


def parameters_file() -> str | None:
    """Return the parameter file of a pipeline that an environment variable names, as in the package runnable, or
    None."""
    return os.environ.get(_FILE) or None


def unsupported_variable() -> str | None:
    """Return an error if an environment variable of the package runnable is set that flowc does not support, otherwise
    None."""
    if run_id := os.environ.get(_RUN_ID):
        return f"{_RUN_ID}={run_id} is not supported: flowc makes the ids of runs; unset it, and give the run a tag"
    return None


def warn_of_unread(flow: Flow) -> None:
    """Print a warning about each environment variable whose name is similar to a parameter's variable."""
    for name, parameter in _unread(flow):
        message = f"warning: {name} is not read: the variable of parameter '{parameter}' is {variable(parameter)}"
        click.echo(message, err=True)


def _unread(flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield each environment variable whose name resembles the variable of a parameter, but which flowc does not read.
    Each result also has the parameter's name."""
    given = [name for name in os.environ if name.startswith(_PREFIX)]
    if not given:
        return
    meant = {_normal(name): parameter.name for parameter in flow.parameters
             for name in (parameter.name, parameter.attribute) if name}  # fmt: skip
    known = {variable(parameter.name) for parameter in flow.parameters}
    known |= {f"{_PREFIX}{str(option.name).upper()}" for option in (*RUN_OPTIONS, *TOP_OPTIONS)}
    for name in sorted(given):
        if name in known:
            continue
        if close := closest(_normal(name[len(_PREFIX) :]), meant, cutoff=0.8):
            yield name, meant[close]


def _normal(name: str) -> str:
    return name.upper().replace("-", "_")


# -- the run to retry --------------------------------------------------------------------------------------------------


class AskedRetry(NamedTuple):
    """The run to retry: its id, its flow's name (may be empty), and the environment variable that names the run."""

    run: str
    flow: str
    variable: str

    @property
    def name(self) -> str:
        """The run, as written in the variable: FLOW/RUN or RUN."""
        return f"{self.flow}/{self.run}" if self.flow else self.run


def asked_retry(*, of_program: bool = False) -> AskedRetry | None:
    """Return the run that the variable `FLOWC_RETRY_RUN` names, as RUN or FLOW/RUN.

    Return None if the variable is unset or empty.

    Args:
        of_program: whether a program executes a pipeline. For a program, `RUNNABLE_RETRY_RUN_ID` is read, too, as in
            the package runnable.
    """
    for variable in (RETRY_RUN, *([_RETRY_OF_RUNNABLE] if of_program else [])):
        if text := os.environ.get(variable, "").strip("/"):
            flow, _, run = text.rpartition("/")
            return AskedRetry(run, flow, variable)
    return None


def take(asked: AskedRetry) -> list[str]:
    """Unset the environment variable, so that tasks do not inherit it, and return the arguments with which `retry`
    retries the run."""
    os.environ.pop(asked.variable, None)
    return ["--origin-run-id", asked.name]

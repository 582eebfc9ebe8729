"""Runs outside the emulator: on the orchestrator of a target, or by an executor from an installed package."""

from __future__ import annotations

import traceback
from functools import partial
from typing import TYPE_CHECKING, Final, cast

import click

from flowc.cli.options.common import USAGE, error_format, fail, open_store
from flowc.cli.options.configured import is_given
from flowc.cli.options.parameters import run_values
from flowc.cli.running.environment import chosen
from flowc.cli.running.lowering import packaged
from flowc.cli.running.new_run import checked_tags, choices_of, write_attributes
from flowc.cli.words.option_values import number, text, texts
from flowc.diagnostics import describe
from flowc.executors.executor import Executor, ExecutorError, ExecutorJob, ExecutorResult
from flowc.executors.executor_table import check_executor, find_executor, is_installed
from flowc.targets.deployment import TargetError
from flowc_runtime.base.config.settings import datastore_of
from flowc_runtime.base.errors import FlowcError, HintedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.cli.options.loading import Checked
    from flowc_ir.json_text import Json

# Maps each option that only the emulator supports to the name of its parameter in click.
_EMULATOR_ONLY: Final = {
    "--patch": "patches", "--start": "start", "--durability": "durability", "--max-num-splits": "max_num_splits",
    "--verify": "verify", "--log-format": "log_format", "--cache": "cache", "--trigger": "triggers",
    "--namespace": "namespace", "--ui": "ui",
}  # fmt: skip


def run_elsewhere(
    name: str, checked: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, object]
) -> int:
    """Run a flow with an executor other than the emulator, wait for the end of the run, and return the exit code.

    Args:
        name: the name of the executor.
        checked: the flow.
        given: the values of parameters on the command line, as strings, by the parameter's name.
        options: the values of the command's options.

    Raises:
        click.UsageError: an option is only valid for runs on this machine, or a parameter is missing or wrong.
        SystemExit: there is no such executor, or it cannot run the flow; the error is printed.
        FlowcError: the store cannot be read, or a file cannot be written.
    """
    for option, value in _EMULATOR_ONLY.items():
        if is_given(value):
            raise click.UsageError(f"{option} is only for runs on this machine: add --local")
    if text(options, "patches_file") is not None:
        fail("patches replace steps of runs on this machine", "set the executor: FLOWC_EXECUTOR=local", code=USAGE)
    try:
        check_executor(name)
    except ExecutorError as error:
        fail(error.message, error.hint, code=USAGE)
    if is_installed(name):
        # Package the flow's code before `find_executor` imports the executor's package, which is not a part of the
        # flow's code.
        checked = packaged(checked)
    try:
        found = find_executor(name)
        if isinstance(found, Executor):
            result = _executed(found, name, checked, given, options)
        else:
            assert found.run is not None
            what = f"target '{name}'"
            result = _checked(_calling(partial(found.run, checked, given, options), what), what)
    except ExecutorError as error:
        fail(error.message, error.hint)
    return result.exit_code


def _executed(
    found: Executor, name: str, checked: Checked, given: Mapping[str, Sequence[str]], options: Mapping[str, object]
) -> ExecutorResult:
    """Run a flow with an executor from an installed package. Raises ExecutorError."""
    store = open_store(text(options, "store_url"))
    values = run_values(checked, given, texts(options, "params_files"), ds_type=datastore_of(store.objects.url))
    choices = choices_of(checked.flow)
    job = ExecutorJob(
        flow=checked.flow,
        package=checked.package,
        parameters=cast("dict[str, Json]", values),
        store=store.objects.url,
        tags=checked_tags(),
        max_workers=number(options, "max_workers"),
        environment=chosen(click.get_current_context()),
        settings=choices._asdict(),
    )
    what = f"executor '{name}'"
    result = _checked(_calling(partial(found.execute, job), what), what)
    if result.run_id:
        write_attributes(options, checked.flow.name, result.run_id, result.store or job.store)
    return result


def _checked(result: object, what: str) -> ExecutorResult:
    """Return the result of an executor or a target. Raises ExecutorError if `result` is not an ExecutorResult."""
    if not isinstance(result, ExecutorResult):
        raise ExecutorError(
            f"the {what} has returned {result!r:.60}, not a flowc.executors.ExecutorResult",
            f"fix the package that provides the {what}, or set another executor",
        )
    return result


def _calling(run: Callable[[], object], what: str) -> object:
    """Call an executor, or a target that runs flows, and return the result.

    Raises:
        ExecutorError: the executor or the target cannot make the run. The traceback of an unexpected error is printed.
        click.ClickException: an option is wrong.
        FlowcError: the store cannot be used, or a setting is wrong.
    """
    try:
        return run()
    except (ExecutorError, FlowcError, BrokenPipeError, click.ClickException, click.exceptions.Exit):
        raise
    except (HintedError, TargetError) as error:
        raise ExecutorError(error.message, error.hint) from error
    except Exception as error:
        if error_format().name == "text":
            own = error.__traceback__.tb_next if error.__traceback__ is not None else None  # without `_calling`'s frame
            click.echo("".join(traceback.format_exception(type(error), error, own)), err=True, nl=False)
        raise ExecutorError(
            f"the {what} failed: {describe(error)}",
            f"fix the package that provides the {what}, or set another executor",
        ) from None

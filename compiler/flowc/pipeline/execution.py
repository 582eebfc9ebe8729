"""Runs a pipeline for a program that calls `execute`. The run has its own process, which leaves the program's state
unchanged.

If the program has only one thread, the process is a fork of the program and uses the pipeline's functions directly. A
program with several threads, such as a notebook's kernel, cannot be forked safely. In this case, the run gets a new
Python process, which imports the pipeline's functions by their names and unpickles functions that cannot be imported.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, cast

from flowc.cli import flowc_group
from flowc.cli.light_click import click
from flowc.cli.options.common import LOADED
from flowc.cli.options.loading import configured
from flowc.cli.rendering.streams import open_closed
from flowc.cli.running.pickles import pickles_of, write_pickles
from flowc.cli.words.variables import (
    asked_retry,
    offered_names,
    parameters_file,
    take,
    texts_of_variables,
    unsupported_variable,
)
from flowc.diagnostics import in_order, render
from flowc.frontends.loaded import Loaded
from flowc.frontends.pipeline.dataflow import USES, fault_of_value
from flowc.frontends.pipeline.lower_pipeline import declarations, load_pipeline, package_of, with_files
from flowc.frontends.pipeline.variable_names import name_in_program
from flowc.mocking.making_patches import WrongPatchError, patches_from_values
from flowc.passes.context import PassError
from flowc.pipeline.errors import PipelineError
from flowc.pipeline.results import ExecuteOptions, Execution, RunFailed
from flowc.pipeline.run_process import as_in_shells, end_with, flush, wait
from flowc.pipeline.stream_queue import get_stream_queue
from flowc_ir import json_text, schema
from flowc_ir.diagnostic import Faults
from flowc_ir.late import LateFunction, LateModule
from flowc_runtime.base.config import configuration
from flowc_runtime.base.config.whereabouts import locate
from flowc_runtime.base.errors import ConfigurationError, FlowcError, HintedError
from flowc_runtime.process.collecting import collect_rarely
from flowc_runtime.process.loader import adopt_main
from flowc_runtime.process.process import load_prctl
from flowc_runtime.process.scratch import ScratchDirectory, temporary_directory
from flowc_runtime.run.nodes.nodes_program import NodesProgram
from flowc_runtime.run.nodes.user_functions import functions_of, pickle_file
from flowc_runtime.store.values.parameters import ParameterError, check_parameter, parse_texts

if TYPE_CHECKING:
    import pathlib
    import pickle
    import subprocess
    import traceback
    from collections.abc import Callable, Collection, Mapping, Sequence

    from flowc.cli.words.variables import AskedRetry
    from flowc.frontends.pipeline.dataflow import NameUse
    from flowc.pipeline.pipelines import BasePipeline
    from flowc_ir import Flow, Function
    from flowc_ir.diagnostic import Diagnostic
    from flowc_runtime.run.nodes.user_functions import UserFunction
    from flowc_runtime.run.patches import Patch
else:
    # Imported at first use: `flowc.cli.options` imports `pathlib` in a way that costs less time, a new process needs
    # `pickle` and `subprocess`, and only an error of flowc needs `traceback`.
    pathlib, pickle = LateModule("pathlib"), LateModule("pickle")
    subprocess, traceback = LateModule("subprocess"), LateModule("traceback")

check_executor: LateFunction[[str], None] = LateFunction("flowc.executors.executor_table:check_executor")
mocks_or_notes: Callable[..., bool] = LateFunction("flowc.cli.commands.flows.resume:mocks_or_notes")
names_in: LateFunction[[str], list[str]] = LateFunction("flowc.cli.options.params_files:names_in")
execute_into: Callable[..., Execution] = LateFunction("flowc.pipeline.streaming:execute_into")

_INTERRUPTED = 130
_ATTRIBUTES = "run.json"  # the file with the address of the run's store
_LONG_PLACE = 72  # bytes: the address of a Unix socket in a directory with a longer path may exceed 107 bytes


def execute(pipeline: BasePipeline, options: ExecuteOptions, *, check: bool) -> Execution:
    """Run a pipeline and wait for its end. Raises PipelineError and RunFailed; see `Pipeline.execute`."""
    options = with_executor(options)
    loaded, flow = prepare(pipeline, options)
    if (queue := get_stream_queue()) is not None:
        return checked(execute_into(queue, loaded, flow, options), check=check)
    with new_directory() as directory:
        words = words_of(flow, options, directory)
        code = _in_new_process(loaded, words, directory) if _has_threads() else _in_fork(loaded, words)
        done = result_of(flow, options, directory, code)
    return checked(done, check=check)


def with_executor(options: ExecuteOptions, *, streams: bool = False) -> ExecuteOptions:
    """Read the name of the executor from the configuration. Return the run's options with `local` and `mock` set
    according to this name.

    Args:
        options: the arguments of the call.
        streams: whether the caller reads the events of tasks; only tasks on this machine send events.

    Raises:
        PipelineError: the configuration is faulty, no executor has the name, or the executor supports neither patches
            nor events of tasks and the run needs them.
    """
    if options.local or options.mock:
        return options._replace(local=True)
    try:
        name = str(configuration.text("executor", options.configuration))
    except FlowcError as error:
        raise PipelineError(str(error)) from None
    if name in ("local", "mock"):
        return options._replace(local=True, mock=name == "mock")
    try:
        check_executor(name)
    except HintedError as error:
        raise PipelineError(f"{error.message}: {error.hint} (`executor` in flowc.toml, or FLOWC_EXECUTOR)") from None
    if streams or options.patches or get_stream_queue() is not None:
        what = "patches replace steps" if options.patches else "events are read from tasks"
        raise PipelineError(
            f"{what} of runs on this machine, but the executor is '{name}': set the variable FLOWC_EXECUTOR=local"
        )
    return options


def prepare(pipeline: BasePipeline, options: ExecuteOptions) -> tuple[Loaded, Flow]:
    """Return the loaded pipeline and its flow with the configured values; check the parameters. Raises
    PipelineError."""
    if reason := unsupported_variable():
        raise PipelineError(reason)
    given = {**dict.fromkeys(_names_in_files(options)), **options.parameters}
    loaded = load_pipeline(pipeline, name=name_in_program(pipeline), parameters=given, offered=offered_names())
    if loaded.flow is None:
        raise _faulty(loaded, loaded.diagnostics)
    try:
        flow = configured(loaded.flow, configuration.current_file(options.configuration))
    except PassError as error:
        raise _faulty(loaded, error.diagnostics) from None
    except ConfigurationError as error:
        raise PipelineError(str(error)) from None
    assert loaded.cls is not None
    _check_parameters(flow, options, vars(loaded.cls)[USES])
    return loaded, flow


def _faulty(loaded: Loaded, diagnostics: Sequence[Diagnostic]) -> PipelineError:
    return PipelineError("\n" + render(diagnostics, loaded.package.root, cwd=pathlib.Path.cwd(), color=False))


def _files_of(options: ExecuteOptions) -> list[str]:
    """Return the files that contain values of parameters; later files take precedence over earlier files."""
    return [file for file in (options.parameters_file, parameters_file()) if file]


def _names_in_files(options: ExecuteOptions) -> list[str]:
    """Return the names of the parameters that have a value in the files. Raises PipelineError."""
    try:
        return [name for file in _files_of(options) for name in names_in(file)]
    except click.UsageError as error:
        raise PipelineError(error.message) from None


def new_directory() -> ScratchDirectory:
    """Return a new directory for the files of one execution. The directory's path is short enough for sockets in it."""
    return ScratchDirectory("execute", None if len(os.fsencode(temporary_directory())) < _LONG_PLACE else "/tmp")


def result_of(flow: Flow, options: ExecuteOptions, directory: str, code: int) -> Execution:
    """Return the result of a run whose process has ended with the exit code `code`."""
    store = options.store
    if not options.local and (text := _read(f"{directory}/{_ATTRIBUTES}")):
        store = str(json_text.mapping(text)["metadata"])
    elif store is None and options.configuration is not None:
        store = locate(file=options.configuration).text
    return Execution(flow, _read(f"{directory}/run-id"), code, options.parameters, store)


def checked(done: Execution, *, check: bool) -> Execution:
    """Return the result of a run. Raises KeyboardInterrupt if the run was interrupted, and RunFailed if the run failed
    and `check` is set."""
    if done.exit_code == _INTERRUPTED:
        raise KeyboardInterrupt
    if check and done.exit_code:
        raise RunFailed(done)
    return done


def _check_parameters(flow: Flow, options: ExecuteOptions, uses: Mapping[str, Sequence[NameUse]]) -> None:
    """Raise PipelineError for a missing parameter, a value of a wrong type, or a value that JSON cannot represent."""
    known = {each.name: each for each in flow.parameters}
    for name, value in options.parameters.items():
        try:
            json_text.dumps(value)
        except (TypeError, ValueError) as error:
            raise PipelineError(
                f"the parameter '{name}' is a {type(value).__name__}, which JSON cannot represent ({error}): "
                "make it in the first step, and return it as pickled"
            ) from None
        if value is not None and (parameter := known.get(name)) is not None:
            try:
                check_parameter(parameter, value, texts=True)
                if (fault := fault_of_value(uses.get(name, ()), value)) is not None:
                    raise PipelineError(f"the parameter '{name}': {fault}")
            except ParameterError as error:
                use = f" ({parameter.help}, {parameter.where})" if parameter.help else ""
                raise PipelineError(f"the parameter '{name}'{use}: {error}") from None
    if _retry_of(flow) is not None:
        return  # not checked here: the command `retry` takes the values of the earlier run, and reports missing values
    _values_of_variables(flow, other_than=options.parameters)
    if _files_of(options):
        return  # not checked here: the command `run` reads the files, and reports missing values
    missing = [each for each in flow.parameters
               if each.required and each.name not in options.parameters
               and each.name not in texts_of_variables(flow)]  # fmt: skip
    if missing:
        lines = ", ".join(f"'{each.name}' ({each.help}, {each.where})" for each in missing)
        raise PipelineError(f"the run needs a value of {lines}: give it, as in execute({{{missing[0].name!r}: …}})")


def _retry_of(flow: Flow) -> AskedRetry | None:
    """Return the run to retry, which an environment variable names; None if the variable is not set or names a run of
    another flow."""
    asked = asked_retry(of_program=True)
    return asked if asked is not None and asked.flow in ("", flow.name) else None


def _patches(flow: Flow, options: ExecuteOptions) -> Mapping[str, Patch]:
    """Return the patches of the run, by the steps' ids. Raises PipelineError if a patch does not fit the pipeline."""
    try:
        return patches_from_values(options.patches, flow, mock=options.mock)
    except WrongPatchError as error:
        raise PipelineError(str(error)) from None


def words_of(flow: Flow, options: ExecuteOptions, directory: str) -> list[str]:
    """Return the command line that runs the flow."""
    words = ["run", *(["--local"] if options.local else []), flow.code.file]
    if (asked := _retry_of(flow)) is not None:  # a retry always runs on this machine
        mocks_or_notes(asked, options.configuration)
        words = ["retry", flow.code.file, *take(asked)]
    elif not options.local:  # the executor chooses the store: the command writes the store's address to this file
        words += ["--runner-attribute-file", f"{directory}/{_ATTRIBUTES}"]
    words += ["--run-id-file", f"{directory}/run-id"]
    if options.configuration is not None:
        words = ["--configuration-file", options.configuration, *words]
    files = _files_of(options)
    # On a command line, the last file takes precedence over other files and over environment variables. Therefore the
    # values of environment variables are also written to a file, which comes after the user's files.
    if files and (values := _values_of_variables(flow)):
        files.append(_written(f"{directory}/variables.json", values))
    if options.parameters:
        files.append(_written(f"{directory}/parameters.json", options.parameters))
    words += [word for file in files for word in ("--params-file", file)]
    if options.tag:
        words += ["--tag", options.tag]
    if options.store is not None:
        words += ["--store", options.store]
    if options.patches or options.mock:
        file = f"{directory}/patches.json"
        pathlib.Path(file).write_text(json_text.dumps(_patches(flow, options)), encoding="utf-8")
        words += ["--patches-file", file]
    return words


def _written(file: str, values: Mapping[str, object]) -> str:
    """Write values as JSON to the file, and return its path."""
    pathlib.Path(file).write_text(json_text.dumps(values), encoding="utf-8")
    return file


def _values_of_variables(flow: Flow, other_than: Collection[str] = ()) -> dict[str, object]:
    """Return the values of parameters from environment variables, except of the parameters in `other_than`.

    Raises:
        PipelineError: a value is wrong.
    """
    known = {each.name: each for each in flow.parameters}
    found: dict[str, object] = {}
    for name, (variable, text) in texts_of_variables(flow).items():
        if name in other_than:
            continue
        try:
            found[name] = parse_texts(known[name], [text])
        except ParameterError as error:
            parameter = known[name]
            use = f" ({parameter.help}, {parameter.where})" if parameter.help else ""
            raise PipelineError(f"the variable {variable} of the parameter '{name}'{use}: {error}") from None
    return found


def _has_threads() -> bool:
    """Return whether this process has several threads, including threads that Python did not start."""
    return len(os.listdir("/proc/self/task")) > 1


def _in_fork(loaded: Loaded, words: Sequence[str]) -> int:
    """Run the command line in a fork of this process; return its exit code."""
    flush()
    prctl, parent = load_prctl(), os.getpid()
    process = os.fork()  # forking is safe, because this process has only one thread
    if process == 0:
        code = _INTERRUPTED
        try:
            open_closed()
            end_with(parent, prctl)
            collect_rarely()
            code = 1
            adopt_main()
            code = run_command(loaded, words)
        except Exception:
            traceback.print_exc()
        finally:
            flush()
            os._exit(code)  # end the process without the program's exit handlers
    return wait(process)


def run_command(loaded: Loaded, words: Sequence[str]) -> int:
    """Run a command of flowc with a flow that this process has loaded; return the exit code."""
    try:
        with flowc_group().make_context("flowc", [*words]) as ctx:
            ctx.meta[LOADED] = loaded
            ctx.command.invoke(ctx)
    except click.ClickException as error:
        if isinstance(error, click.UsageError):
            error.ctx = None  # do not print the command's usage, which does not help a program's author
        error.show()
        return error.exit_code
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    return 0


# -- a new process -----------------------------------------------------------------------------------------------------


def _in_new_process(loaded: Loaded, words: Sequence[str], directory: str) -> int:
    """Run the command line in a new Python process; return its exit code."""
    done = subprocess.run(write_program(loaded, words, directory), check=False)
    return as_in_shells(done.returncode)


def write_program(loaded: Loaded, words: Sequence[str], directory: str) -> list[str]:
    """Write the flow and its pickled functions into the directory; return the arguments of a new Python process that
    runs the command line."""
    assert loaded.flow is not None
    pathlib.Path(directory, "ir.json").write_text(schema.dumps(loaded.flow), encoding="utf-8")
    write_pickles(pickles_of(loaded.package), directory)
    root = str(loaded.package.root)
    facts = {"directory": directory, "root": root, "path": sys.path, "words": [*words], "parent": os.getpid()}
    return [sys.executable, "-c", "from flowc.pipeline.execution import main; main()", json_text.dumps(facts)]


def main() -> None:
    """Run the pipeline that the process's argument describes as JSON: the main function of the new Python process."""
    open_closed()
    facts = json.loads(sys.argv[1])
    end_with(facts["parent"], load_prctl())
    sys.path[:] = facts["path"]
    directory = pathlib.Path(facts["directory"])
    flow = schema.loads((directory / "ir.json").read_text(encoding="utf-8"))
    known: dict[Function, UserFunction] = {}
    files: list[tuple[str, bytes]] = []
    for function in functions_of(flow):
        if not function.module:
            file = pickle_file(function.name)
            files.append((file, (directory / file).read_bytes()))
            known[function] = cast("UserFunction", pickle.loads(files[-1][1]))
    faults = Faults()
    package = with_files(package_of(pathlib.Path(facts["root"]), flow.code.file, (), faults), files)
    if faults:  # a file has become unreadable since the parent process read it
        sys.exit(run_command(Loaded(package=package, diagnostics=in_order(faults)), facts["words"]))
    program = NodesProgram(flow, facts["root"], known, declarations(flow, "__main__"))
    program.begin(flow, facts["root"])
    sys.exit(run_command(Loaded(package=package, flow=flow, program=program), facts["words"]))


def _read(file: str) -> str:
    try:
        return pathlib.Path(file).read_text(encoding="utf-8").strip()
    except FileNotFoundError:  # the file is missing because no run has begun
        return ""

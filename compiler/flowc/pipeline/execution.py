"""Running a pipeline from a program: in a process of its own, so that the program keeps its state and its signals.

The process is a fork of the program if that has one thread, and has the pipeline's functions as they are. A program
with threads, such as a notebook's kernel, cannot be forked safely: there it is a new Python process, which imports the
functions by their names and unpickles those that no module has.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from flowc.cli import flowc_group
from flowc.cli.options.common import LOADED
from flowc.cli.words.variables import texts_of_variables
from flowc.diagnostics import render
from flowc.frontends.loaded import Loaded
from flowc.frontends.pipeline.lower_pipeline import declarations, load_pipeline, package_of
from flowc.frontends.pipeline.variable_names import name_in_program
from flowc.mocking.making_patches import WrongPatchError, patches_from_values
from flowc.pipeline.errors import PipelineError
from flowc.pipeline.results import ExecuteOptions, Execution, RunFailed
from flowc.pipeline.stream_queue import get_stream_queue
from flowc_ir import json_text, schema
from flowc_ir.late import LateFunction
from flowc_runtime.process.collecting import collect_rarely
from flowc_runtime.process.loader import adopt_main
from flowc_runtime.run.nodes.nodes_program import NodesProgram
from flowc_runtime.run.nodes.user_functions import functions_of, pickle_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flowc.pipeline.pipelines import BasePipeline
    from flowc_ir import Flow, Function
    from flowc_runtime.run.nodes.user_functions import UserFunction
    from flowc_runtime.run.patches import Patch

execute_into: Callable[..., Execution] = LateFunction("flowc.pipeline.streaming:execute_into")

_INTERRUPTED = 130
_LONG_PLACE = 72  # the address of a Unix socket has at most 107 bytes


def execute(pipeline: BasePipeline, options: ExecuteOptions, *, check: bool) -> Execution:
    """Run a pipeline and wait for its end. Raises PipelineError and RunFailed; see `Pipeline.execute`."""
    loaded, flow = prepare(pipeline, options)
    if (queue := get_stream_queue()) is not None:
        return checked(execute_into(queue, loaded, flow, options), check=check)
    directory = new_directory()
    try:
        words = words_of(flow, options, directory)
        code = _in_new_process(loaded, words, directory) if _has_threads() else _in_fork(loaded, words)
        done = result_of(flow, options, directory, code)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return checked(done, check=check)


def prepare(pipeline: BasePipeline, options: ExecuteOptions) -> tuple[Loaded, Flow]:
    """Return a pipeline's flow, ready to run. Raises PipelineError."""
    loaded = load_pipeline(pipeline, name=name_in_program(pipeline), parameters=options.parameters)
    if loaded.flow is None:
        raise PipelineError("\n" + render(loaded.diagnostics, loaded.package.root, cwd=Path.cwd(), color=False))
    _check_parameters(loaded.flow, options)
    return loaded, loaded.flow


def new_directory() -> str:
    """Return a new directory for the files of one execution, with a name that is short enough for sockets in it.

    A TemporaryDirectory would register a function for the exit of the program.
    """
    place = tempfile.gettempdir()
    return tempfile.mkdtemp(prefix="flowc-execute-", dir=place if len(os.fsencode(place)) < _LONG_PLACE else "/tmp")


def result_of(flow: Flow, options: ExecuteOptions, directory: str, code: int) -> Execution:
    """Return the result of a run whose process has ended with this code."""
    return Execution(flow, _read(f"{directory}/run-id"), code, options.parameters, options.store)


def checked(done: Execution, *, check: bool) -> Execution:
    """Return the result. Raises KeyboardInterrupt if it was interrupted; RunFailed if it failed and `check` is set."""
    if done.exit_code == _INTERRUPTED:
        raise KeyboardInterrupt
    if check and done.exit_code:
        raise RunFailed(done)
    return done


def _check_parameters(flow: Flow, options: ExecuteOptions) -> None:
    """Raise PipelineError for a missing parameter, or one that JSON cannot represent."""
    for name, value in options.parameters.items():
        try:
            json_text.dumps(value)
        except (TypeError, ValueError) as error:
            raise PipelineError(
                f"the parameter '{name}' is a {type(value).__name__}, which JSON cannot represent ({error}): "
                "make it in the first step, and return it as pickled"
            ) from None
    if options.parameters_file is not None:
        return  # the command line reads it, and reports what is missing
    missing = [each for each in flow.parameters
               if each.required and each.name not in options.parameters
               and each.name not in texts_of_variables(flow)]  # fmt: skip
    if missing:
        lines = ", ".join(f"'{each.name}' ({each.help}, {each.where})" for each in missing)
        raise PipelineError(f"the run needs a value of {lines}: give it, as in execute({{{missing[0].name!r}: …}})")


def _patches(flow: Flow, options: ExecuteOptions) -> Mapping[str, Patch]:
    """Return the patches of the run. Raises PipelineError if one does not fit the pipeline."""
    try:
        return patches_from_values(options.patches, flow, mock=options.mock)
    except WrongPatchError as error:
        raise PipelineError(str(error)) from None


def words_of(flow: Flow, options: ExecuteOptions, directory: str) -> list[str]:
    """Return the command line that runs the flow."""
    words = ["run", flow.code.file, "--run-id-file", f"{directory}/run-id"]
    if options.parameters_file is not None:
        words += ["--params-file", options.parameters_file]
    if options.parameters:
        file = f"{directory}/parameters.json"
        Path(file).write_text(json_text.dumps(options.parameters), encoding="utf-8")
        words += ["--params-file", file]
    if options.tag:
        words += ["--tag", options.tag]
    if options.store is not None:
        words += ["--store", options.store]
    if options.patches or options.mock:
        file = f"{directory}/patches.json"
        Path(file).write_text(json_text.dumps(_patches(flow, options)), encoding="utf-8")
        words += ["--patches-file", file]
    return words


def _has_threads() -> bool:
    """Return whether this process has other threads, also such that Python does not know."""
    return len(os.listdir("/proc/self/task")) > 1


def _in_fork(loaded: Loaded, words: Sequence[str]) -> int:
    """Run the command line in a fork of this process; return its exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()  # this process has one thread, so that the copy is whole
    if process == 0:
        code = 1
        try:
            collect_rarely()
            adopt_main()
            code = run_command(loaded, words)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # the exit handlers of the program are not the child's
    return _wait(process)


def _wait(process: int) -> int:
    """Wait for a child, also if an interrupt comes: the child gets it too, and ends its tasks."""
    while True:
        try:
            _, status = os.waitpid(process, 0)
        except KeyboardInterrupt:
            continue
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code


def run_command(loaded: Loaded, words: Sequence[str]) -> int:
    """Run a command of flowc with a flow that this process has loaded; return the exit code."""
    try:
        with flowc_group().make_context("flowc", [*words]) as ctx:
            ctx.meta[LOADED] = loaded
            ctx.command.invoke(ctx)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    return 0


# -- a new process -----------------------------------------------------------------------------------------------------


def _in_new_process(loaded: Loaded, words: Sequence[str], directory: str) -> int:
    """Run the command line in a new Python process; return its exit code."""
    done = subprocess.run(write_program(loaded, words, directory), check=False)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def write_program(loaded: Loaded, words: Sequence[str], directory: str) -> list[str]:
    """Write what a new Python process needs for a command line into the directory; return the process's arguments."""
    assert loaded.flow is not None
    Path(directory, "ir.json").write_text(schema.dumps(loaded.flow), encoding="utf-8")
    for name, content in loaded.package.files:
        if name.endswith(".pickle"):
            path = Path(directory, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    facts = {"directory": directory, "root": str(loaded.package.root), "path": sys.path, "words": [*words]}
    return [sys.executable, "-c", "from flowc.pipeline.execution import main; main()", json_text.dumps(facts)]


def main() -> None:
    """Run the pipeline whose facts are the program's argument, as JSON; `_in_new_process` starts the program."""
    facts = json.loads(sys.argv[1])
    sys.path[:] = facts["path"]
    directory = Path(facts["directory"])
    flow = schema.loads((directory / "ir.json").read_text(encoding="utf-8"))
    known: dict[Function, UserFunction] = {}
    files: list[tuple[str, bytes]] = []
    for function in functions_of(flow):
        if not function.module:
            file = pickle_file(function.name)
            files.append((file, (directory / file).read_bytes()))
            known[function] = cast("UserFunction", pickle.loads(files[-1][1]))
    package = package_of(Path(facts["root"]), flow.code.file, files)
    program = NodesProgram(flow, facts["root"], known, declarations(flow, "__main__"))
    program.begin(flow, facts["root"])
    sys.exit(run_command(Loaded(package=package, flow=flow, program=program), facts["words"]))


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except FileNotFoundError:  # no run has begun
        return ""

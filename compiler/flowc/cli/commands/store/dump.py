"""`flowc dump`: prints the artifacts of tasks. `python flow.py dump` also uses the functions of this module."""

from __future__ import annotations

import math
import pickle
import sys
from typing import TYPE_CHECKING, TypeVar

import click

from flowc.cli.options.common import FAULTY, fail, open_store, store_option, tell_error, writing
from flowc.cli.options.inherited import with_verify_option
from flowc.cli.rendering.working import working
from flowc.cli.running.classes import class_finder
from flowc.cli.words.pathspecs import find_run
from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.config.whereabouts import command_on
from flowc_runtime.base.errors import ArtifactError, Damaged, RecordError
from flowc_runtime.base.index import ROOT, task_id, task_pathspec
from flowc_runtime.run.views.run_records import RunRecords
from flowc_runtime.store.records import unreadable
from flowc_runtime.store.values.codecs import Encoded, load_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from flowc.cli.words.pathspecs import Pathspec
    from flowc_runtime.store.records.record_types import ArtifactRef, AttemptRecord
    from flowc_runtime.store.records.run_store import RunStore
    from flowc_runtime.store.values import files

    Command = TypeVar("Command", bound=Callable[..., object])
else:  # imported at first use
    files = LateModule("flowc_runtime.store.values.files")  # `flowc show` of a run does not need it


class DumpedValue(NamedTuple):
    """An artifact or a parameter to print: its size, its type and its record. The function `load` loads the value."""

    size: int
    type: str
    load: Callable[[], object]
    described: str
    record: Mapping[str, object]


class Dumped(NamedTuple):
    """A task that has ended, with its record and its artifacts by name."""

    step: str
    path: str
    record: AttemptRecord
    values: Mapping[str, DumpedValue]


# -- which -------------------------------------------------------------------------------------------------------------


class ArtifactFilter(NamedTuple):
    """A filter for the names of artifacts, from the options --private and --include."""

    private: bool
    include: frozenset[str] | None

    @classmethod
    def of(cls, private: bool, include: str | None) -> ArtifactFilter:
        """Return the filter for the values of --private and --include. `include` has names separated by commas; if it
        is None, all names are selected."""
        return cls(private, frozenset(name.strip() for name in include.split(",")) if include else None)

    def among(self, values: Mapping[str, DumpedValue]) -> dict[str, DumpedValue]:
        """Return the values that the filter selects, sorted by name."""
        return {
            name: value
            for name, value in sorted(values.items())
            if (self.private or not name.startswith("_")) and (self.include is None or name in self.include)
        }

    def missing(self, tasks: Iterable[Dumped]) -> tuple[str, str | None]:
        """Check that each artifact that --include names exists in at least one of these tasks. Return (error, hint) for
        the missing ones; the hint may be None. The error is empty if none is missing."""
        found = {name for task in tasks for name in self.among(task.values)}
        if not (missing := sorted((self.include or frozenset()) - found)):
            return "", None
        private = any(name.startswith("_") for name in missing) and not self.private
        hint = "--private also prints artifacts whose names begin with an underscore" if private else None
        return f"no task has an artifact {', '.join(missing)}", hint


_OPTIONS = (
    click.option("--private/--no-private", help="Also print artifacts whose names begin with an underscore."),
    click.option("--include", metavar="A,B", help="Print only these artifacts."),
    click.option("--file", type=click.Path(dir_okay=False), metavar="FILE",
                 help="Write the values to FILE, as a pickle of {RUN/STEP/TASK: {name: value}}."),
    click.option("--json", "as_json", is_flag=True,
                 help="Print JSON: each task's record, with each value that is plain JSON and smaller than "
                 "--max-value-size."),
)  # fmt: skip


def dump_options(function: Command) -> Command:
    """Add the options that `flowc dump` and `python flow.py dump` share."""
    for option in reversed((*_OPTIONS, with_verify_option)):
        function = option(function)
    return function


def dumped(place: Pathspec, say: Callable[[str], None], *, may_be_none: bool = False) -> Iterator[Dumped]:
    """Yield the task, or all tasks of the step, with their artifacts.

    A failed task has the artifacts of its last attempt.

    Args:
        place: the pathspec of the task or the step.
        say: called with a line of text for each task that has failed or has not finished.
        may_be_none: whether a step without any finished task is allowed; if not, it is an error that ends the program.
    """
    run, step, view = place.run, place.step, RunRecords(place.run)
    assert step is not None
    attempts = view.attempts(step)
    paths = [place.path] if place.path is not None else list(attempts)
    any_finished = False
    for path in paths:
        last = attempts.get(path, [0])[-1]
        try:
            record = view.done(step, path) or view.attempt(step, path, last)
        except RecordError as error:
            if len(paths) == 1:
                raise
            unreadable.tell(error)
            continue
        if record is None:
            unfinished = f"task {step}/{path} has not finished, so it has no artifacts"
            if path == paths[-1] and not any_finished and (place.path is not None or not may_be_none):
                fail(
                    unfinished,
                    command_on(run.objects.url, "flowc", "logs", task_pathspec(run.flow, run.id, step, path=path)),
                )
            say(unfinished)
            continue
        if record["outcome"] == "failed":
            left = f"attempt {last} had set these artifacts" if record["artifacts"] else "it left no artifacts"
            say(f"task {step}/{path} has failed; {left}")
        any_finished = True
        values = {name: stored(run, ref) for name, ref in record["artifacts"].items()}
        yield Dumped(step, path, record, dict(of_every_task(view)) if view.is_beside(step) else values)


def of_every_task(view: RunRecords) -> Iterator[tuple[str, DumpedValue]]:
    """Yield (name, value) for each attribute that all tasks of a run have: class constants, parameters and configs."""
    run, flow = view.store, view.flow
    first = None
    with unreadable.skipping():  # the start step's record may be unreadable: then no constants are yielded
        first = view.done(flow.start, ROOT) or view.attempt(flow.start, ROOT, 1)
    kept = first.get("constants", {}) if first is not None else {}
    for name, ref in kept.items():
        yield name, stored(run, ref)
    converted = {parameter.attribute or parameter.name for parameter in flow.parameters if parameter.converted}
    for name, value in files.seen_values(run.objects, flow, view.record["parameters"], class_finder(run)).items():
        if not (name in converted and name in kept):  # otherwise the converted value in `kept` was yielded
            yield name, _parameter(value)


def _parameter(value: object) -> DumpedValue:
    size, kind, text = Encoded(value, in_band=True).size, type(value).__qualname__, repr(value)
    return DumpedValue(size, kind, lambda: value, text, {"type": kind, "size": size, "repr": text})


def stored(run: RunStore, ref: ArtifactRef) -> DumpedValue:
    """Return the artifact that `ref`, a part of a task's record, describes; the value is loaded on demand."""
    return DumpedValue(
        ref["size"], ref["type"], lambda: load_value(run.objects, ref, class_finder(run)), ref["repr"], ref
    )


_DAMAGED = "flowc.damaged"  # key in a context's `meta`: whether a damaged artifact was found


def note_damage(error: ArtifactError) -> str:
    """Return the text to print for an artifact that cannot be loaded.

    If the artifact is damaged, also print an error on stderr.
    """
    if not isinstance(error, Damaged):
        return str(error)
    tell_error(str(error))
    click.get_current_context().meta[_DAMAGED] = True
    return "cannot be read: damaged"


def end_damaged() -> None:
    """End the program with exit code 1 if a damaged artifact was found. Call this function after all output."""
    if click.get_current_context().meta.get(_DAMAGED):
        raise SystemExit(FAULTY)


# -- output formats ----------------------------------------------------------------------------------------------------


def print_json(tasks: Iterable[Dumped], choice: ArtifactFilter, limit: int) -> None:
    """Print the records of the tasks, each with the task's id, as a JSON list.

    Args:
        tasks: the tasks.
        choice: the filter that selects the artifacts.
        limit: values of this size in bytes or more are left out.
    """
    rows = [
        {
            "task": task_id(task.step, task.path),
            **task.record,
            "artifacts": {name: _row(value, limit) for name, value in choice.among(task.values).items()},
        }
        for task in tasks
    ]
    click.echo(json_text.shown(rows, indent=2))


def _row(value: DumpedValue, limit: int) -> dict[str, object]:
    if value.size < limit:
        try:
            loaded = value.load()
        except ArtifactError as error:  # for example, a class is missing; the record is printed without the value
            note_damage(error)
            return dict(value.record)
        if _is_plain(loaded):
            return {**value.record, "value": loaded}
    return dict(value.record)


def _is_plain(value: object) -> bool:
    """Return whether a value survives being written as JSON and read again."""
    if isinstance(value, float):
        return type(value) is float and math.isfinite(value)
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(type(key) is str and _is_plain(each) for key, each in value.items())
    return value is None or type(value) in (str, int, bool)


def write_pickle(file: str, run_id: str, tasks: Iterable[Dumped], choice: ArtifactFilter) -> None:
    """Write the values to a file, as a pickle of {RUN/STEP/TASK: {name: value}}.

    Args:
        file: the path of the file.
        run_id: the run's id.
        tasks: the tasks.
        choice: the filter that selects the artifacts.

    Raises:
        SystemExit: a value cannot be loaded or pickled; the error is printed.
        FlowcError: the file cannot be written.
    """
    values: dict[str, dict[str, object]] = {}
    name = ""
    try:
        with working(f"reading the values for {file}"):
            for task in tasks:
                loaded = values[task_pathspec(run_id, task.step, path=task.path)] = {}
                for name, value in choice.among(task.values).items():
                    loaded[name] = value.load()
    except ArtifactError as error:
        fail(f"artifact '{name}': {error}")
    with writing(file), working(f"writing {file}"), open(file, "wb") as out:
        out.write(_pickled(values))


def _pickled(values: object) -> bytes:
    """Pickle a value with protocol 4, the oldest protocol that Metaflow writes. If pickle fails, use cloudpickle."""
    try:
        return pickle.dumps(values, protocol=4)
    except Exception:
        import cloudpickle

        found: bytes = cloudpickle.dumps(values, protocol=4)
        return found


# -- flowc dump --------------------------------------------------------------------------------------------------------


@click.command("dump", help="Print the artifacts of the tasks of FLOW/RUN/STEP[/TASK]; RUN may be `latest`.")
@click.argument("pathspec")
@click.option("--max-value-size", type=click.IntRange(min=0), default=1000, show_default=True,
              help="Print at most this number of characters of each value.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE",
              help="Write the selected value to FILE; it must be one text or bytes.")  # fmt: skip
@dump_options
@store_option
def dump_command(
    pathspec: str,
    max_value_size: int,
    output: str | None,
    private: bool,
    include: str | None,
    file: str | None,
    as_json: bool,
    store_url: str | None,
) -> None:
    """Print artifacts.

    Hazard: loading a value runs code of the value's class.
    """
    found = find_run(open_store(store_url), pathspec, least=3, to_read=True)
    sys.path.insert(0, "")  # unpickling may import modules of the flow from the working directory
    choice = ArtifactFilter.of(private, include)
    tasks = list(dumped(found, lambda text: click.echo(f"note: {text}", err=True)))
    message, hint = choice.missing(tasks)
    if message:
        fail(message, hint)
    if output is not None:
        _write_content(output, [(name, value) for task in tasks for name, value in choice.among(task.values).items()])
    elif file is not None:
        write_pickle(file, found.run.id, tasks, choice)
    elif as_json:
        print_json(tasks, choice, max_value_size)
    else:
        for task in tasks:
            click.echo(task_pathspec(found.run.flow, found.run.id, task.step, path=task.path))
            for name, value in choice.among(task.values).items():
                click.echo(f"  {name}: {value.type}, {value.size:,} bytes = {_text(value, max_value_size)}")
    end_damaged()


def _write_content(file: str, selected: Sequence[tuple[str, DumpedValue]]) -> None:
    """Write the selected value to a file. Raises SystemExit if several values or none are selected, or if the value is
    neither a string nor bytes."""
    if len(selected) != 1:
        fail(f"--output writes one value, and {len(selected)} are selected", "name one task, and --include NAME")
    ((name, value),) = selected
    try:
        content = value.load()
    except ArtifactError as error:
        fail(f"artifact '{name}': {error}")
    if not isinstance(content, (str, bytes)):
        fail(f"artifact '{name}' is {value.type}, not a text or bytes", "--file writes values as a pickle")
    with writing(file), open(file, "wb") as out:
        out.write(content.encode() if isinstance(content, str) else content)


def _text(value: DumpedValue, limit: int) -> str:
    try:
        text = repr(value.load())
    except ArtifactError as error:
        return f"{value.described} ({note_damage(error)})"
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"

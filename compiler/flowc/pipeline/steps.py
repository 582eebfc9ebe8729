"""The steps of a pipeline that run something: functions, notebooks, shell commands, and stubs that run nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from flowc.pipeline.errors import PipelineError
from flowc.pipeline.returns import named
from flowc_ir.late import LateFunction
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.model import END_EVENT
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.config.task_limits import (
    LimitError,
    TaskLimits,
    check_secrets,
    environment_of,
    resources_of,
    retry_of,
    timeout_of,
)
from flowc_runtime.base.file_patterns import pattern_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from typing_extensions import Self, dataclass_transform

    from flowc.pipeline.pipelines import AnyPipeline, AsyncPipeline, Pipeline
    from flowc.pipeline.returns import TaskReturn
else:

    def dataclass_transform(**options: object) -> object:
        """Replace `typing.dataclass_transform`, which only type checkers and editors use."""
        return lambda cls: cls


NOTHING: Mapping[Any, Any] = MappingProxyType({})
IS_PIPELINE = "_flowc_is_pipeline"
"""The name of the attribute that distinguishes pipelines from steps."""

_pipeline: Callable[..., Pipeline] = LateFunction("flowc.pipeline.pipelines:Pipeline")
_async_pipeline: Callable[..., AsyncPipeline] = LateFunction("flowc.pipeline.pipelines:AsyncPipeline")
_PACKAGE = __name__.rpartition(".")[0]


class WrittenAt(NamedTuple):
    """The place in a file where a step is written. `line` and `column` are counted from 1; line 0 means that the line
    is unknown.

    `width` is the number of columns; 0 means up to the end of the line.
    """

    file: str
    line: int
    column: int = 1
    width: int = 0


def caller() -> WrittenAt:
    """Return the place in the user's code that calls this package. On the stack, it is the last frame before the frames
    of this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(_PACKAGE):
        frame = frame.f_back
    return WrittenAt(frame.f_code.co_filename, frame.f_lineno)


@dataclass_transform(kw_only_default=True)
class Fields:
    """Base of classes whose annotated attributes are the arguments of the constructor. The constructor refuses unknown
    names."""

    _required: ClassVar[tuple[str, ...]] = ()
    _places: Mapping[str, WrittenAt] = NOTHING

    def __init__(self, **given: Any) -> None:
        names = _fields(type(self))
        for name in given:
            if name not in names:
                near = closest(name, names)
                hint = did_you_mean(near) if near else f"it takes {', '.join(names)}"
                raise PipelineError(f"{type(self).__name__} has no argument '{name}': {hint}")
        for name in self._required:
            if name not in given:
                raise PipelineError(f"{type(self).__name__} needs the argument '{name}'")
        for name in names:
            setattr(self, name, given[name] if name in given else getattr(type(self), name))
        self.has_own_name = bool(given.get("name"))
        self.place = caller()
        self.check()

    @classmethod
    def written(cls, given: Mapping[str, Any], place: WrittenAt, places: Mapping[str, WrittenAt] = NOTHING) -> Self:
        """Create an object that the user describes in a file, such as a YAML file, and not in the code that calls this
        method.

        Args:
            given: the arguments.
            place: the place in a file where the object is written.
            places: the places in the file of some arguments, by the arguments' names.

        Raises:
            PipelineError: an argument is wrong.
        """
        new = cls(**given)
        new.place, new._places = place, places
        return new

    def place_of(self, argument: str) -> WrittenAt:
        """Return the place of an argument, or the place of the object if the argument's place is unknown."""
        return self._places.get(argument, self.place)

    def check(self) -> None:
        """Check the arguments. Raises PipelineError."""

    def __repr__(self) -> str:
        name = getattr(self, "name", "")
        return f"{type(self).__name__}({f'name={name!r}' if name else ''})"


def _fields(cls: type) -> list[str]:
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        for name, annotation in getattr(base, "__annotations__", {}).items():
            if not name.startswith("_") and not str(annotation).startswith("ClassVar"):
                names[name] = None
    return list(names)


class Catalog(Fields):
    """The files that a task reads and writes, as patterns of paths relative to its data folder.

    Args:
        get: patterns of files that earlier steps have put: these files are written into the data folder before the task
            runs.
        put: patterns of files in the data folder to keep after the task has succeeded.
        store_copy: whether the files that are put are copied to the store. If not, the store gets only their digests.
            Later tasks on this machine then read the original files, and fail if a file has changed.
        compute_data_folder: the data folder, relative to the working directory.
    """

    get: Sequence[str] = ()
    put: Sequence[str] = ()
    store_copy: bool = True
    compute_data_folder: str = "."

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        for name in ("get", "put"):
            value = getattr(self, name)
            if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
                raise PipelineError(f"Catalog: {name} is {value!r:.60}, not a list of patterns such as ['data/*.csv']")
            for pattern in value:
                if fault := pattern_fault(pattern):
                    raise PipelineError(
                        f"Catalog: {name} has the pattern {pattern!r:.60}, which {fault}: "
                        "patterns are relative to compute_data_folder, such as 'data/*.csv'"
                    )
        folder = self.compute_data_folder
        fault = pattern_fault(folder) if isinstance(folder, str) else None
        if fault or not isinstance(folder, str):
            why = f"which {fault}" if fault else "not a string"
            raise PipelineError(f"Catalog: compute_data_folder is {folder!r:.60}, {why}: write a path such as 'data'")


class Step(Fields):
    """One step of a pipeline; it runs after the step before it in the pipeline's list.

    Args:
        name: the name of the step, unique in its pipeline.
        terminate_with_success: whether the pipeline ends successfully after this step, which must be the last in its
            list.
        terminate_with_failure: whether the pipeline fails after this step, which must be the last in its list.
        on_failure: the pipeline to run if the step fails; the pipeline that contains the step then ends.
        next_node: not used: steps run in the order of the list.
    """

    _required: ClassVar[tuple[str, ...]] = ("name",)

    name: str = ""
    next_node: str = ""
    terminate_with_success: bool = False
    terminate_with_failure: bool = False
    on_failure: AnyPipeline | None = None

    @property
    def what(self) -> str:
        """The name of the step in error messages."""
        return f"{type(self).__name__} {self.name!r}"

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        if not isinstance(self.name, str) or not self.name.strip():
            raise PipelineError(f"{type(self).__name__}: name is {self.name!r:.60}, not a string such as 'train'")
        if self.next_node:
            raise PipelineError(f"{self.what}: next_node has no effect: steps run in the order of the list")
        if self.terminate_with_success and self.terminate_with_failure:
            raise PipelineError(f"{self.what} terminates with success and with failure: choose one")
        check_pipeline(self.on_failure, f"{self.what}: on_failure", optional=True)


def check_pipeline(value: object, what: str, *, optional: bool = False) -> None:
    """Raise PipelineError unless the value is a pipeline; None is allowed if the argument is optional."""
    if not (hasattr(value, IS_PIPELINE) or (optional and value is None)):
        alone = "task.as_pipeline() or " if hasattr(value, "as_pipeline") or isinstance(value, list) else ""
        raise PipelineError(f"{what} is {value!r:.60}, not a pipeline: write {alone}Pipeline(steps=[…])")


def check_value_name(name: object, what: str) -> None:
    """Raise PipelineError unless the value is a Python identifier."""
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
        raise PipelineError(f"{what} is {name!r:.60}, not the name of a value")


class UserTask(Step):
    """A step that runs the user's code.

    Args:
        returns: the names of the values that the step returns, in order; later steps take these values as arguments.
        catalog: the files that the step reads and writes.
        secrets: the names of secrets that the step gets as environment variables.
        overrides: the name of a table `[overrides.NAME]` of the configuration file, which has values for options that
            the step itself does not set; or a dict with that name by executor, such as `{"argo": "big"}`.
        retry: the number of further attempts after a failed one, or `{"times": 3, "wait": "30s"}`.
        timeout: the longest duration of an attempt: seconds, a string such as `"1h30m"`, or a timedelta.
        resources: the resources of a task: `cpu` (cores), `memory`, `disk`, `shared_memory` (MiB, or a string such as
            `"4Gi"`) and `gpu`.
        environment: environment variables of the task.
    """

    returns: Sequence[str | TaskReturn] = ()
    catalog: Catalog | None = None
    secrets: Sequence[str] = ()
    overrides: str | Mapping[str, str] = ""
    retry: int | Mapping[str, int | str | timedelta] | None = None
    timeout: int | str | timedelta | None = None
    resources: Mapping[str, int | float | str | None] | None = None
    environment: Mapping[str, str | int | float] = NOTHING

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        super().check()
        self.override = _override_of(self.overrides, self.what)
        try:
            self.limits = TaskLimits(
                retry_of(self.retry, self.what),
                timeout_of(self.timeout, self.what),
                resources_of(self.resources, self.what),
                environment_of(self.environment, self.what),
            )
            check_secrets(self.secrets, self.what)
        except LimitError as error:
            raise PipelineError(str(error)) from None
        self.named_returns = named(self.returns, self.what)
        if self.catalog is not None and not isinstance(self.catalog, Catalog):
            raise PipelineError(f"{self.what}: catalog is {self.catalog!r:.60}, not a Catalog(get=[…], put=[…])")

    def as_pipeline(self) -> Pipeline:
        """Return a pipeline whose only step is this one."""
        return _pipeline(steps=[self], name=self.name)


def _override_of(given: object, what: str) -> str:
    """Return the NAME of the table `[overrides.NAME]` that a step's argument `overrides` chooses. If the argument is a
    dict, executor -> NAME, all executors must have the same NAME. Raises PipelineError."""
    if given in ("", {}):
        return ""
    named: Mapping[object, object] = given if isinstance(given, Mapping) else {"": given}
    names = [*named.values()]
    if not all(isinstance(name, str) and name for name in names):
        raise PipelineError(f'{what}: overrides is {given!r:.60}, not a name such as "big", or {{"argo": "big"}}')
    if len({*names}) > 1:
        several = ", ".join(f"{name!r} for {executor}" for executor, name in named.items())
        raise PipelineError(
            f"{what}: overrides has {several}, but a step has one override for all executors: write "
            f"overrides={names[0]!r}"
        )
    return str(names[0])


class PythonTask(UserTask):
    """A step that calls a Python function. For each argument, the function gets the value with the argument's name: a
    parameter of the pipeline, or a value that an earlier step returned.

    Args:
        function: a function, or its dotted path, such as `"train.steps.fit"` or `"train.steps:fit"`. If `name` is
            empty, the step gets the function's name.
    """

    _required: ClassVar[tuple[str, ...]] = ("function",)

    function: Callable[..., Any] | str = ""

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        if not self.name:
            own = self.function if isinstance(self.function, str) else getattr(self.function, "__name__", "")
            self.name = re.split("[.:]", own)[-1]
        super().check()
        if not callable(self.function) and not (isinstance(self.function, str) and self.function):
            raise PipelineError(f"{self.what}: function is {self.function!r:.60}, not a function or its dotted path")


class AsyncPythonTask(PythonTask):
    """A step that awaits an asynchronous function, or sends the events that an asynchronous generator yields.

    Args:
        stream_end_type: the type of the event that carries the returned values; this event is a dict whose keys are
            `type` and the names in `returns`.
    """

    stream_end_type: str = END_EVENT

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        super().check()
        if not isinstance(self.stream_end_type, str) or not self.stream_end_type:
            raise PipelineError(f"{self.what}: stream_end_type is {self.stream_end_type!r:.60}, not a type of events")

    @property
    def end_event(self) -> str:
        """The argument `stream_end_type` as the IR represents it: empty for the default, `done`."""
        return "" if self.stream_end_type == END_EVENT else self.stream_end_type

    def as_async_pipeline(self) -> AsyncPipeline:
        """Return an asynchronous pipeline whose only step is this one."""
        return _async_pipeline(steps=[self], name=self.name)


class NotebookTask(UserTask):
    """A step that executes a Jupyter notebook.

    Args:
        notebook: the path of the notebook, relative to the pipeline's file. If `name` is empty, the step gets the
            file's name.
        optional_ploomber_args: options for another notebook runner; not supported.
    """

    _required: ClassVar[tuple[str, ...]] = ("notebook",)

    notebook: str = ""
    optional_ploomber_args: Mapping[str, Any] | None = None

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        if not self.name and isinstance(self.notebook, str):
            self.name = self.notebook.rpartition("/")[2].removesuffix(".ipynb")
        super().check()
        if not isinstance(self.notebook, str) or not self.notebook.endswith(".ipynb"):
            raise PipelineError(f"{self.what}: notebook is {self.notebook!r:.60}, not the path of an .ipynb file")
        if self.optional_ploomber_args:
            raise PipelineError(f"{self.what}: optional_ploomber_args is not supported: the notebook runs by nbclient")


class ShellTask(UserTask):
    """A step that runs a shell command.

    Args:
        command: the command, which sees parameters as environment variables.
    """

    _required: ClassVar[tuple[str, ...]] = ("name", "command")

    command: str = ""

    def check(self) -> None:  # noqa: D102  # has the docstring of the base class
        super().check()
        if isinstance(self.command, str) and not self.command.strip():
            raise PipelineError(
                f"{self.what}: command is empty: write a shell command, or a Stub for a step that does nothing"
            )
        if not isinstance(self.command, str):
            raise PipelineError(f"{self.what}: command is {self.command!r:.60}, not a shell command")
        for each in self.named_returns:
            if each.kind == "pickled":
                raise PipelineError(
                    f"{self.what}: the return '{each.name}' is pickled, but a command returns texts and JSON values: "
                    f"write {each.name!r}, or keep the object in a file that the command writes"
                )


class Stub(Step):
    """A step that does nothing, as a placeholder for an unwritten step. A stub accepts the arguments of all other
    steps."""

    catalog: Catalog | None = None

    def __init__(self, **given: Any) -> None:
        known = _fields(Stub)
        super().__init__(**{name: value for name, value in given.items() if name in known})

    def as_pipeline(self) -> Pipeline:
        """Return a pipeline whose only step is this one."""
        return _pipeline(steps=[self], name=self.name)


class Success(Fields):
    """The successful end of a pipeline, written as the last item of its steps. A pipeline without this item also ends
    successfully."""

    name: str = "success"


class Fail(Fields):
    """The failure of a pipeline at its end, written as the last item of its steps: the steps before this item run, and
    then the pipeline fails."""

    name: str = "fail"

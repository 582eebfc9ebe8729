"""The protocol of executors: an executor gets a job, runs it, and returns the result of the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, final, runtime_checkable

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.errors import HintedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.package import Package
    from flowc_ir import Flow
    from flowc_ir.json_text import Json


class ExecutorError(HintedError):
    """The error that an executor cannot make a run. The attribute `message` says why in one line, and `hint` says what
    to do."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorJob:
    """The description of a run that an executor has to make.

    Attributes:
        flow: the IR of the flow, which has no faults.
        package: the code of the flow: `files` has relative paths and contents, `root` is their directory on this
            machine.
        parameters: the values of all parameters, by name; for a file, its path on this machine.
        store: the address of the store in which the run's records must be, as `flowc run --store` takes it.
        tags: the tags of the run.
        max_workers: the maximal number of parallel tasks, or None if no option or setting gives one.
        settings: the values of settings that the processes of tasks read, by their keys in flowc.toml.
        environment: the kind of environments of steps: `local`, `pypi` or `conda`, or None if no option or setting
            gives it.
    """

    flow: Flow
    package: Package
    parameters: Mapping[str, Json]
    store: str
    tags: tuple[str, ...] = ()
    max_workers: int | None = None
    environment: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


class ExecutorResult(NamedTuple):
    """The result of a run that an executor made.

    Attributes:
        run_id: the id of the run in the store; empty if no run has begun.
        exit_code: 0 if the run succeeded; it becomes the exit code of `flowc run`.
        store: the address of the store with the run's records, if it differs from the `store` of the job.
    """

    run_id: str
    exit_code: int
    store: str = ""


@runtime_checkable
class Executor(Protocol):
    """An executor, which runs flows, for example on another machine. An entry point of the group `flowc.executors`
    refers to an instance.

    The setting `executor = "NAME"` or `flowc run --executor NAME` chooses the executor; NAME is the name of the entry
    point.
    """

    def execute(self, job: ExecutorJob) -> ExecutorResult:
        """Make a run and wait for its end.

        The tasks must run in flowc's runtime, because the runtime writes the records. `write_job` writes the files for
        a command `flowc run --local`, which makes the run on another machine, in a container or in a job of a
        scheduler. Everything that `execute` prints is shown to the user as output of the run.

        Raises:
            ExecutorError: the run cannot begin, or its progress cannot be observed.
            KeyboardInterrupt: the user has interrupted the run.
        """
        ...

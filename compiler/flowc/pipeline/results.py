"""The result of a run that a program started by `execute`, and the error for a failed run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, final

from flowc.pipeline.errors import PipelineError
from flowc_ir.graphs.step_values import returned_in
from flowc_ir.late import LateFunction, LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.process.loader import module_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flowc_ir import Flow
    from metaflow import client
    from metaflow.client import DataArtifact, Run
else:  # imported at first use: only reading the run's artifacts needs it
    client = LateModule("metaflow.client")

# Imported at the first call: the module imports the front end, which a program that only defines a pipeline does not
# need.
main_file: Callable[[], tuple[str, str] | None] = LateFunction("flowc.frontends.pipeline.function_references:main_file")


def _name_main() -> None:
    """Make the running program importable under the name of its file.

    If the program defines a value's class, the value's pickle refers to the class by this module name. Without an entry
    for this name in `sys.modules`, unpickling the value would import, and so run, the program a second time.
    """
    if (main := main_file()) is not None:
        sys.modules.setdefault(module_name(main[1]), sys.modules["__main__"])


class RunFailed(Exception):  # named without the suffix Error, because the run failed and not the program
    """A run did not succeed. `execution` is the result of the run; the store contains the run's log."""

    def __init__(self, execution: Execution) -> None:
        super().__init__(f"the run {execution.pathspec or 'of the pipeline'} {execution.status}")
        self.execution = execution


class ExecuteOptions(NamedTuple):
    """The arguments of `Pipeline.execute`. If `local` is true, the run is made on this machine, even if another
    executor is configured."""

    parameters: dict[str, object]
    parameters_file: str | None
    tag: str
    patches: Mapping[str, object] = {}
    mock: bool = False
    store: str | None = None
    local: bool = False
    configuration: str | None = None


@final
class Execution:
    """The result of a run that has ended.

    Attributes:
        flow: the name of the flow, by which its runs are stored.
        run_id: the id of the run; empty if the run could not begin.
        exit_code: 0 if it succeeded.
        parameters: the values of the run's parameters, by name.
        names: the names of the values that steps return.
    """

    def __init__(
        self, flow: Flow, run_id: str, exit_code: int, parameters: Mapping[str, object], store: str | None = None
    ) -> None:
        self.flow = flow.name
        self.run_id = run_id
        self.exit_code = exit_code
        self.parameters = dict(parameters)
        self._store = store
        self.names = returned_in(flow)

    @property
    def status(self) -> str:
        """The state of the run: `succeeded`, `failed` or `interrupted`."""
        if self.exit_code == 0:
            return "succeeded"
        return "interrupted" if self.exit_code > 128 else "failed"

    @property
    def ok(self) -> bool:
        """Whether the run succeeded."""
        return self.exit_code == 0

    @property
    def pathspec(self) -> str:
        """The run's pathspec `FLOW/RUN`, which commands and the client accept; empty if the run could not begin."""
        return f"{self.flow}/{self.run_id}" if self.run_id else ""

    @property
    def run(self) -> Run:
        """The `Run` object of the client, which reads the run's records. Raises PipelineError if no run has begun."""
        if not self.run_id:
            raise PipelineError(
                f"no run of {self.flow} has begun, so there are no records: the output of execute() says why, and "
                "`ok` is False"
            )
        _name_main()
        return client.Run(self.pathspec, _namespace_check=False, _current_metadata=self._store)

    @property
    def outputs(self) -> dict[str, Any]:
        """The values that steps have returned, by name, at the end of the run; empty if the run did not succeed."""
        return {each.id: each.data for each in self._artifacts()}

    def _artifacts(self) -> list[DataArtifact]:
        task = self.run.end_task if self.ok else None
        return [each for each in task if each.id in self.names] if task is not None else []

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics of the run, like the client's `Run.metrics`; for a failed run, the metrics before the failure."""
        return self.run.metrics if self.run_id else {}

    def __getitem__(self, name: str) -> Any:
        """Return one value of `outputs` by its name, without reading the other values. Raises KeyError."""
        for each in self._artifacts():
            if each.id == name:
                return each.data
        raise KeyError(name)

    def __repr__(self) -> str:
        return f"<Execution {self.pathspec or self.flow} {self.status}>"

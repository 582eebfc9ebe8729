"""`Runner`: runs of a flow, started by a program. Each is a process of its own, as if started in a shell."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from metaflow.runner._executing import ExecutingProcess, ExecutingRun, ExecutingTask
from metaflow.runner._launcher import Launcher
from metaflow.runner._signature import Signatures
from metaflow.runner._started import Line, Started
from metaflow.runner.subprocess_manager import CommandManager, SubprocessManager

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.client import Run, Task

__all__ = ["ExecutingProcess", "ExecutingRun", "ExecutingTask", "Runner"]


class Runner(Launcher):
    """Runs a flow from a program.

    >>> with Runner("train.py", show_output=False).run(alpha=0.5, tags=["try"]) as running:
    ...     print(running.status, running.run.data.score)

    `run`, `resume` and `spin` wait for the end; `async_run` and `async_resume` come back once the run has begun, so
    that many can run at once. A flow that fails raises nothing: look at `status`; a step that fails in `spin` raises
    RuntimeError. What cannot begin raises: RuntimeError with what the flow's command line said, ValueError and
    TypeError for arguments that the flow does not have. From then on the client looks in the store of the run.

    Args:
        flow_file: The flow's file.
        show_output: Print what a run says, where the run is waited for.
        profile: The Metaflow profile to use, `METAFLOW_PROFILE`.
        env: Environment variables to set, besides those of this process.
        cwd: The directory to run in; by default the current one. `flow_file` does not depend on it.
        file_read_timeout: How many seconds a run may take to begin.
        **kwargs: Options before the command, such as `decospecs=["retry"]`, `config_value=[("name", {…})]`.
    """

    def __init__(
        self,
        flow_file: str,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        file_read_timeout: int = 3600,
        **kwargs: Any,
    ) -> None:
        super().__init__(flow_file, show_output, profile, env, cwd, file_read_timeout, **kwargs)
        self.spm = SubprocessManager()
        self._directories: list[str] = []
        self._signatures = Signatures(self.flow_file, self.env_vars, self.cwd)

    def __enter__(self) -> Runner:
        return self

    async def __aenter__(self) -> Runner:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # An interrupt, a cancelled task, an exit: nobody is left who waits for what still runs.
        if kind is not None and not issubclass(kind, Exception):
            self.spm.kill()
        self.cleanup()

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.__exit__(kind, *rest)

    def cleanup(self) -> None:
        """Remove the temporary files. What still runs goes on."""
        self.spm.cleanup()
        while self._directories:
            shutil.rmtree(self._directories.pop(), ignore_errors=True)

    # -- the blocking methods

    def run(self, **kwargs: Any) -> ExecutingRun:
        """Run the flow to its end.

        Args:
            **kwargs: The flow's parameters by their names, and options of `run`, such as `max_workers`, `tags`.
        """
        return self._run(self._begin("run", (), kwargs))

    def resume(self, **kwargs: Any) -> ExecutingRun:
        """Resume a run to its end; `step_to_rerun`, `origin_run_id` and the other options of `resume` say which."""
        return self._run(self._begin("resume", (), kwargs))

    def spin(self, pathspec: str, **kwargs: Any) -> ExecutingTask:
        """Run one step on the inputs of an earlier run: `pathspec` is a step's name, or that of a task.

        Without `persist=True` the task is there until `cleanup`.

        Raises:
            RuntimeError: the step has failed; with what it printed.
        """
        command, attributes = self._to_end(self._begin("spin", (pathspec,), kwargs))
        return _succeeded(ExecutingTask(self, command, _task(attributes)))

    def _scratch(self) -> list[str]:
        """The words that keep the task of a spin, which is kept nowhere else, in a directory of ours."""
        directory = tempfile.mkdtemp(prefix="flowc-spin-")
        self._directories.append(directory)
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return ["--flowc.scratch", directory]

    def _run(self, started: Started) -> ExecutingRun:
        command, attributes = self._to_end(started)
        return ExecutingRun(self, command, _run(attributes))

    def _to_end(self, started: Started) -> tuple[CommandManager, dict[str, Any]]:
        try:
            attributes = started.attributes(started.command.forward(started.reader, self.file_read_timeout))
            started.command.sync_wait()
        except BaseException:
            started.command.kill()
            raise
        finally:
            started.close()
        return started.command, attributes

    # -- those that do not wait

    async def async_run(self, **kwargs: Any) -> ExecutingRun:
        """As `run`; comes back once the run has begun."""
        command, attributes = await self._begun("run", (), kwargs)
        return ExecutingRun(self, command, _run(attributes))

    async def async_resume(self, **kwargs: Any) -> ExecutingRun:
        """As `resume`; comes back once the run has begun."""
        command, attributes = await self._begun("resume", (), kwargs)
        return ExecutingRun(self, command, _run(attributes))

    async def async_spin(self, pathspec: str, **kwargs: Any) -> ExecutingTask:
        """As `spin`; comes back once the task has ended, while others go on."""
        command, attributes = await self._begun("spin", (pathspec,), kwargs)
        spun = ExecutingTask(self, command, _task(attributes))
        try:
            await spun.wait()
        except BaseException:
            command.kill()
            raise
        return _succeeded(spun)

    async def _begun(
        self, name: str, arguments: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[CommandManager, dict[str, Any]]:
        line = await asyncio.to_thread(self._line, name, arguments, kwargs)  # it may ask the flow's file
        started = Started(self, line, show_output=False)
        try:
            return started.command, started.attributes(await started.readable(self.file_read_timeout))
        except BaseException:
            started.command.kill()
            raise
        finally:
            started.close()

    # -- command lines

    def _begin(self, name: str, arguments: Sequence[Any], kwargs: Mapping[str, Any]) -> Started:
        return Started(self, self._line(name, arguments, kwargs), show_output=self.show_output)

    def _line(self, name: str, arguments: Sequence[Any], kwargs: Mapping[str, Any]) -> Line:
        from metaflow.cli import start

        if "runner_attribute_file" in kwargs:
            raise ValueError("the Runner itself sets runner_attribute_file; its objects have what is in there")
        # Late: `from metaflow import *` in a pod comes by here, and its image has no click.
        from metaflow.runner.click_api import MetaflowAPI

        api = MetaflowAPI.from_cli(self.flow_file, start, signatures=self._signatures)(**self.top_level_kwargs)
        words = getattr(api, name)(*arguments, **kwargs)
        if name == "spin" and not kwargs.get("persist"):
            words += self._scratch()
        return Line(words, api if name == "run" else None, kwargs)


def _succeeded(spun: ExecutingTask) -> ExecutingTask:
    if spun.status != "successful":
        said = f"Stdout:\n{spun.stdout}\nStderr:\n{spun.stderr}\n"
        raise RuntimeError(f"Error executing: '{spun.command_obj}':\n\n{said}")
    return spun


def _run(attributes: Mapping[str, Any]) -> Run:
    """The run that has begun. The client now looks in its store, wherever the Runner's directory is."""
    from metaflow.client import Run, metadata

    metadata(attributes["metadata"])
    return Run(
        f"{attributes['flow_name']}/{attributes['run_id']}",
        _namespace_check=False,
        _current_metadata=attributes["metadata"],
    )


def _task(attributes: Mapping[str, Any]) -> Task:
    from metaflow.client import Task

    return Task(
        "/".join(attributes[part] for part in ("flow_name", "run_id", "step_name", "task_id")),
        _namespace_check=False,
        _current_metadata=attributes["metadata"],
    )

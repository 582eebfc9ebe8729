"""`Runner`: runs flows from a program. Each run is a separate process, as if it were started from a shell."""

from __future__ import annotations

import asyncio
import atexit
import shutil
from typing import TYPE_CHECKING, Any

from flowc_runtime.process.scratch import ScratchDirectory
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

    `run`, `resume` and `spin` wait until the process has ended. `async_run` and `async_resume` return once the run has
    started, so that several runs can be active at once. A failed flow raises no error: check `status`. A step that
    fails in `spin` raises RuntimeError. After a run has started, the client in this process reads the store of that
    run.

    Args:
        flow_file: The flow's file.
        show_output: Print the output of a run while waiting for it.
        profile: The Metaflow profile to use, `METAFLOW_PROFILE`.
        env: Environment variables to add to those of this process.
        cwd: The working directory of the runs; default: the current one. A relative path `flow_file` refers to the
            current directory, not to `cwd`.
        file_read_timeout: Seconds within which a run must start.
        **kwargs: Options before the command, such as `decospecs=["retry"]`, `config_value=[("name", {…})]`.

    Raises:
        FileNotFoundError: the flow's file does not exist.
        MetaflowException: the file is not Python but, for example, a notebook.
    """

    def __init__(
        self,
        flow_file: str,
        show_output: bool = True,
        profile: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        file_read_timeout: int = 3600,
        **kwargs: object,
    ) -> None:
        super().__init__(flow_file, show_output, profile, env, cwd, file_read_timeout, **kwargs)
        self.spm = SubprocessManager()
        self._directories: list[ScratchDirectory] = []
        self._signatures = Signatures(self.flow_file, self.env_vars, self.cwd)

    def __enter__(self) -> Runner:
        return self

    async def __aenter__(self) -> Runner:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an interrupt, a cancellation or an exit, no caller waits for the processes, so they are ended.
        if kind is not None and not issubclass(kind, Exception):
            self.spm.kill()
        self.cleanup()

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.__exit__(kind, *rest)

    def cleanup(self) -> None:
        """Remove the temporary files: logs, and the tasks of `spin` that are not persisted.

        Running processes continue.
        """
        self.spm.cleanup()
        while self._directories:
            self._directories.pop().close()

    # -- the blocking methods

    def run(self, **kwargs: object) -> ExecutingRun:
        """Run the flow and wait until it has ended.

        If this call is interrupted or raises an exception, the run is ended.

        Args:
            **kwargs: The flow's parameters by name, and options of `run`, such as `max_workers` and `tags`.

        Returns:
            The ended process, whose `status` is `successful` or `failed`.

        Raises:
            ValueError: an argument is neither a parameter nor an option, or a required parameter is missing.
            TypeError: a value does not have the type of its parameter or option.
            MetaflowException: the file cannot be run, or contains no flow.
            RuntimeError: the run cannot start; the message contains the errors of the flow's command line.
            TimeoutError: the run has not started within `file_read_timeout` seconds.
        """
        return self._run(self._begin("run", (), kwargs))

    def resume(self, **kwargs: object) -> ExecutingRun:
        """Resume a run and wait until the new run has ended.

        Args:
            **kwargs: Options of `resume`, such as `step_to_rerun` and `origin_run_id` (default: the last run), and
                parameters whose values differ from those of the resumed run.

        Raises:
            ValueError, TypeError, MetaflowException, RuntimeError, TimeoutError: for the same reasons as `run`.
        """
        return self._run(self._begin("resume", (), kwargs))

    def spin(self, pathspec: str, **kwargs: object) -> ExecutingTask:
        """Run one step with the inputs that it had in an earlier run.

        Without `persist=True`, `cleanup` deletes the task.

        Args:
            pathspec: The name of a step, or the pathspec of a step or task whose inputs are used again.
            **kwargs: Options of `spin`, such as `persist` and `artifacts_module`.

        Raises:
            RuntimeError: the step failed or could not start; the message contains its output.
            ValueError, TypeError, MetaflowException, TimeoutError: for the same reasons as `run`.
        """
        command, attributes = self._to_end(self._begin("spin", (pathspec,), kwargs))
        return _succeeded(ExecutingTask(self, command, _task(attributes)))

    def _scratch(self) -> list[str]:
        """Return command-line options with which `spin` stores its task in a temporary directory of this Runner."""
        scratch = ScratchDirectory("spin")
        self._directories.append(scratch)
        atexit.register(shutil.rmtree, scratch.name, ignore_errors=True)
        return ["--flowc.scratch", scratch.name]

    def _run(self, started: Started) -> ExecutingRun:
        command, attributes = self._to_end(started)
        return ExecutingRun(self, command, _run(attributes))

    def _to_end(self, started: Started) -> tuple[CommandManager, dict[str, object]]:
        try:
            attributes = started.attributes(started.command.forward(started.reader, self.file_read_timeout))
            started.command.sync_wait()
        except BaseException:
            started.command.kill()
            raise
        finally:
            started.close()
        return started.command, attributes

    # -- methods that return before the run ends

    async def async_run(self, **kwargs: object) -> ExecutingRun:
        """Start a run with the arguments of `run`; return once the run has started.

        `ExecutingRun.wait` waits until the run has ended.

        Raises:
            ValueError, TypeError, MetaflowException, RuntimeError, TimeoutError: for the same reasons as `run`.
        """
        command, attributes = await self._start("run", (), kwargs)
        return ExecutingRun(self, command, _run(attributes))

    async def async_resume(self, **kwargs: object) -> ExecutingRun:
        """Start a run with the arguments of `resume`; return once the run has started.

        Raises:
            ValueError, TypeError, MetaflowException, RuntimeError, TimeoutError: for the same reasons as `run`.
        """
        command, attributes = await self._start("resume", (), kwargs)
        return ExecutingRun(self, command, _run(attributes))

    async def async_spin(self, pathspec: str, **kwargs: object) -> ExecutingTask:
        """Run a task with the arguments of `spin`; return once the task has ended.

        While this call waits, other coroutines run.

        Cancelling the call ends the task's process.

        Raises:
            RuntimeError: the step failed or could not start; the message contains its output.
            ValueError, TypeError, MetaflowException, TimeoutError: for the same reasons as `run`.
        """
        command, attributes = await self._start("spin", (pathspec,), kwargs)
        spun = ExecutingTask(self, command, _task(attributes))
        try:
            await spun.wait()
        except BaseException:
            command.kill()
            raise
        return _succeeded(spun)

    async def _start(
        self, name: str, arguments: Sequence[object], kwargs: Mapping[str, object]
    ) -> tuple[CommandManager, dict[str, object]]:
        # called in a thread, since reading the flow's parameters may start a process and wait for it
        line = await asyncio.to_thread(self._line, name, arguments, kwargs)
        started = Started(self, line, show_output=False)
        try:
            return started.command, started.attributes(await started.readable(self.file_read_timeout))
        except BaseException:
            started.command.kill()
            raise
        finally:
            started.close()

    # -- command lines

    def _begin(self, name: str, arguments: Sequence[object], kwargs: Mapping[str, object]) -> Started:
        return Started(self, self._line(name, arguments, kwargs), show_output=self.show_output)

    def _line(self, name: str, arguments: Sequence[object], kwargs: Mapping[str, object]) -> Line:
        from metaflow.cli import start

        if "runner_attribute_file" in kwargs:
            raise ValueError(
                "the Runner itself sets runner_attribute_file: leave it out, and read the Runner's objects"
            )
        # Imported late: in a pod, `from metaflow import *` imports this module, and the pod's image has no click.
        from metaflow.runner.click_api import MetaflowAPI

        api = MetaflowAPI.from_cli(self.flow_file, start, signatures=self._signatures)(**self.top_level_kwargs)
        words = getattr(api, name)(*arguments, **kwargs)
        if name == "spin" and not kwargs.get("persist"):
            words += self._scratch()
        return Line(words, api if name == "run" else None, kwargs)


def _succeeded(spun: ExecutingTask) -> ExecutingTask:
    if spun.status != "successful":
        output = f"Stdout:\n{spun.stdout}\nStderr:\n{spun.stderr}\n"
        raise RuntimeError(f"Error executing: '{spun.command_obj}':\n\n{output}")
    return spun


def _run(attributes: Mapping[str, Any]) -> Run:
    """Return the client's object of the run that has started.

    Afterwards, the client reads the store of that run, even if the Runner has another working directory.
    """
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

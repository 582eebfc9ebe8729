"""`Runner`: runs of a flow, started by a program. Each is a process of its own, as if started in a shell."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from metaflow.exception import MetaflowException
from metaflow.runner._signature import Signatures
from metaflow.runner.subprocess_manager import CommandManager, SubprocessManager

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from metaflow.client import Run, Task
    from metaflow.runner.click_api import MetaflowAPI

__all__ = ["ExecutingProcess", "ExecutingRun", "ExecutingTask", "Runner"]

Self = TypeVar("Self", bound="ExecutingProcess")

USAGE = 2  # exit code: the command line is wrong


class ExecutingProcess:
    """What a Runner has started: a process that runs, or has run.

    As a context manager it cleans up its Runner at the end.

    Attributes:
        runner: the Runner that has started it.
        command_obj: the process: its `command`, `log_files`, `process`, and `kill()`.
    """

    def __init__(self, runner: Runner, command_obj: CommandManager) -> None:
        self.runner = runner
        self.command_obj = command_obj

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self.runner.__exit__(kind, *rest)

    @property
    def returncode(self) -> int | None:
        """The exit code, -N if signal N has ended it; None while it runs."""
        return self.command_obj.started.poll()

    @property
    def status(self) -> str:
        """`running`, `successful`, `failed`, or `timeout` where `wait` has ended it."""
        if self.command_obj.timeout:
            return "timeout"
        code = self.returncode
        return "running" if code is None else "successful" if code == 0 else "failed"

    @property
    def stdout(self) -> str:
        """What it has printed until now: what the flow prints and says."""
        return self._read("stdout")

    @property
    def stderr(self) -> str:
        """What it has printed to stderr until now: progress and errors."""
        return self._read("stderr")

    def _read(self, stream: str) -> str:
        with open(self.command_obj.log_files[stream], encoding="utf-8", errors="replace") as file:
            return file.read()

    async def wait(self: Self, timeout: float | None = None, stream: str | None = None) -> Self:
        """Wait for the end.

        Args:
            timeout: After so many seconds the process is ended, and `status` is `timeout`.
            stream: `stdout` or `stderr`: print it meanwhile.
        """
        await self.command_obj.wait(timeout, stream)
        return self

    async def stream_log(self, stream: str, position: int | None = None) -> AsyncIterator[tuple[int, str]]:
        """The lines of `stdout` or `stderr` as they come, each with the position to go on from later."""
        async for found in self.command_obj.stream_log(stream, position):
            yield found


class ExecutingRun(ExecutingProcess):
    """A run that a Runner has started.

    Attributes:
        run: the run in the client, whatever the namespace is.
    """

    def __init__(self, runner: Runner, command_obj: CommandManager, run_obj: Run) -> None:
        super().__init__(runner, command_obj)
        self.run = run_obj


class ExecutingTask(ExecutingProcess):
    """A task that `Runner.spin` has started.

    Attributes:
        task: the task in the client.
    """

    def __init__(self, runner: Runner, command_obj: CommandManager, task_obj: Task) -> None:
        super().__init__(runner, command_obj)
        self.task = task_obj


class Runner:
    """Runs a flow from a program.

    >>> with Runner("train.py", show_output=False).run(alpha=0.5, tags=["try"]) as running:
    ...     print(running.status, running.run.data.score)

    `run`, `resume` and `spin` wait for the end; their `async_` forms come back once the run has begun, so that many
    can run at once. A flow that fails raises nothing: look at `status`. What cannot begin raises: RuntimeError with
    what the flow's command line said, ValueError and TypeError for arguments that the flow does not have.

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
        self.flow_file = os.path.abspath(flow_file)
        if not os.path.isfile(self.flow_file):
            raise FileNotFoundError(f"Flow file not present at '{self.flow_file}'")
        self.show_output = show_output
        self.env_vars = {**os.environ, **(env or {}), **({"METAFLOW_PROFILE": profile} if profile else {})}
        self.cwd = cwd or os.getcwd()
        self.file_read_timeout = file_read_timeout
        self.top_level_kwargs = kwargs
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
        """
        command, attributes = self._to_end(self._begin("spin", (pathspec,), self._scratch(kwargs)))
        return ExecutingTask(self, command, _task(attributes))

    def _scratch(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a spin whose task is kept nowhere else in a directory of ours."""
        if kwargs.get("persist"):
            return kwargs
        directory = tempfile.mkdtemp(prefix="flowc-spin-")
        self._directories.append(directory)
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        return kwargs | {"scratch": directory}

    def _run(self, started: _Started) -> ExecutingRun:
        command, attributes = self._to_end(started)
        return ExecutingRun(self, command, _run(attributes))

    def _to_end(self, started: _Started) -> tuple[CommandManager, dict[str, Any]]:
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
        """As `spin`; comes back once the task has begun."""
        command, attributes = await self._begun("spin", (pathspec,), self._scratch(kwargs))
        return ExecutingTask(self, command, _task(attributes))

    async def _begun(
        self, name: str, arguments: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[CommandManager, dict[str, Any]]:
        line = await asyncio.to_thread(self._line, name, arguments, kwargs)  # it may ask the flow's file
        started = _Started(self, line, show_output=False)
        try:
            return started.command, started.attributes(await started.readable(self.file_read_timeout))
        except BaseException:
            started.command.kill()
            raise
        finally:
            started.close()

    # -- command lines

    def _begin(self, name: str, arguments: Sequence[Any], kwargs: Mapping[str, Any]) -> _Started:
        return _Started(self, self._line(name, arguments, kwargs), show_output=self.show_output)

    def _line(self, name: str, arguments: Sequence[Any], kwargs: Mapping[str, Any]) -> _Line:
        from metaflow.cli import start

        if "runner_attribute_file" in kwargs:
            raise ValueError("the Runner itself sets runner_attribute_file; its objects have what is in there")
        # Late: `from metaflow import *` in a pod comes by here, and its image has no click.
        from metaflow.runner.click_api import MetaflowAPI

        api = MetaflowAPI.from_cli(self.flow_file, start, signatures=self._signatures)(**self.top_level_kwargs)
        return _Line(getattr(api, name)(*arguments, **kwargs), api if name == "run" else None, kwargs)


class _Line(NamedTuple):
    """A command line, and what it was made of."""

    words: list[str]
    api: MetaflowAPI | None
    given: Mapping[str, Any]


class _Started:
    """A command that has been started, and the pipe on which it says what it runs.

    Its end is seen there too: only the child can write to it.
    """

    def __init__(self, runner: Runner, line: _Line, *, show_output: bool) -> None:
        self.runner = runner
        self.line = line
        self.reader, writer = os.pipe()
        try:
            command = [sys.executable, *line.words, "--runner-attribute-file", f"/dev/fd/{writer}"]
            pid = runner.spm.run_command(
                command, runner.env_vars, runner.cwd, show_output=show_output, pass_fds=(writer,)
            )
        except BaseException:
            self.close()
            raise
        finally:
            os.close(writer)
        found = runner.spm.get(pid)
        assert found is not None
        self.command = found

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.reader)

    async def readable(self, timeout: float) -> bool:
        """Wait until the child has said something, or has ended; False if it takes longer."""
        loop, said = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self.reader, said.set)
        try:
            await asyncio.wait_for(said.wait(), timeout)
        except asyncio.TimeoutError:
            return False
        finally:
            loop.remove_reader(self.reader)
        return True

    def attributes(self, readable: bool) -> dict[str, Any]:
        """What the child runs.

        Raises:
            TimeoutError: it has said nothing for too long.
            ValueError: a parameter of the flow is missing.
            RuntimeError: it has ended without saying so, for another reason; with what it wrote to stderr.
        """
        ended = not readable and self.command.started.poll() is not None
        if not readable and not ended:
            raise TimeoutError(f"'{self.command}' has begun nothing within {self.runner.file_read_timeout} seconds")
        os.set_blocking(self.reader, False)
        if text := os.read(self.reader, 65536):  # written at once, and small enough for a pipe to take it as one
            found = json.loads(text)
            assert isinstance(found, dict)
            return found
        self.command.sync_wait()
        code, said = self.command.started.returncode, ExecutingProcess(self.runner, self.command).stderr.strip()
        if code == 0 and not said:
            raise MetaflowException(f"No FlowSpec class found in {self.runner.flow_file}")
        if code == USAGE and self.line.api is not None and (missing := self.line.api.missing(self.line.given)):
            raise ValueError(f"Missing argument: {missing} is required.")
        raise RuntimeError(f"Error executing: '{self.command}':\n\nStderr:\n{said}\n")


def _run(attributes: Mapping[str, Any]) -> Run:
    from metaflow.client import Run

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

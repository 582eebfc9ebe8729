"""What a Runner has started: processes, and the runs and tasks that they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from metaflow.client import Run, Task
    from metaflow.runner.metaflow_runner import Runner
    from metaflow.runner.subprocess_manager import CommandManager

Self = TypeVar("Self", bound="ExecutingProcess")


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
        return self.command_obj.read_log("stdout")

    @property
    def stderr(self) -> str:
        """What it has printed to stderr until now: progress and errors."""
        return self.command_obj.read_log("stderr")

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

"""The objects that a Runner returns: a process that it started, with the run or the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from metaflow.client import Run, Task
    from metaflow.runner.metaflow_runner import Runner
    from metaflow.runner.subprocess_manager import CommandManager

Self = TypeVar("Self", bound="ExecutingProcess")


class ExecutingProcess:
    """A process that a Runner started. As a context manager, the object calls `cleanup` of its Runner at the end of the
    block.

    Attributes:
        runner: the Runner that started the process.
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
        """The exit code of the process, -N if signal N ended the process, or None while the process runs."""
        return self.command_obj.started.poll()

    @property
    def status(self) -> str:
        """The status: `running`, `successful`, `failed`, or `timeout` if `wait` ended the process after the timeout."""
        if self.command_obj.timeout:
            return "timeout"
        code = self.returncode
        return "running" if code is None else "successful" if code == 0 else "failed"

    @property
    def stdout(self) -> str:
        """The process's stdout so far: the output of the flow's code and of its command line.

        Raises:
            FileNotFoundError: `cleanup` has removed the log.
        """
        return self.command_obj.read_log("stdout")

    @property
    def stderr(self) -> str:
        """The process's stderr so far: progress and errors.

        Raises:
            FileNotFoundError: `cleanup` has removed the log.
        """
        return self.command_obj.read_log("stderr")

    async def wait(self: Self, timeout: float | None = None, stream: str | None = None) -> Self:
        """Wait for the process to end.

        Args:
            timeout: Seconds after which the process is ended and `status` becomes `timeout`.
            stream: `stdout` or `stderr`: the stream to print while waiting.

        Returns:
            This object.

        Raises:
            ValueError: `stream` is neither `stdout` nor `stderr`.
        """
        await self.command_obj.wait(timeout, stream)
        return self

    async def stream_log(self, stream: str, position: int | None = None) -> AsyncIterator[tuple[int, str]]:
        """Yield (byte offset after the line, line) for each line of a stream, as soon as it is written.

        Args:
            stream: `stdout` or `stderr`.
            position: the byte offset to start at, for example an offset from an earlier call; default: 0.

        Raises:
            ValueError: `stream` is neither `stdout` nor `stderr`.
            FileNotFoundError: `cleanup` has removed the log.
        """
        async for item in self.command_obj.stream_log(stream, position):
            yield item


class ExecutingRun(ExecutingProcess):
    """A run that a Runner started.

    Attributes:
        run: the client's `Run`, whichever namespace it belongs to.
    """

    def __init__(self, runner: Runner, command_obj: CommandManager, run_obj: Run) -> None:
        super().__init__(runner, command_obj)
        self.run = run_obj


class ExecutingTask(ExecutingProcess):
    """A task that `Runner.spin` started.

    Attributes:
        task: the client's `Task`.
    """

    def __init__(self, runner: Runner, command_obj: CommandManager, task_obj: Task) -> None:
        super().__init__(runner, command_obj)
        self.task = task_obj

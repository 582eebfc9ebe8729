"""The pipe through which a command reports to its Runner which run or task it has started."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

from flowc_ir.late.namedtuple import NamedTuple
from metaflow._uncalled import NEVER_CALLED
from metaflow.runner._signature import no_flow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from metaflow.runner.click_api import MetaflowAPI
    from metaflow.runner.subprocess_manager import SubprocessManager

USAGE = 2  # the exit code for an invalid command line


class Line(NamedTuple):
    """A command line, and the arguments from which it was built.

    Attributes:
        words: the words of the command line, without the Python interpreter.
        api: the object that built the command line, if the command is `run`.
        arguments: the arguments by name.
    """

    words: list[str]
    api: MetaflowAPI | None
    arguments: Mapping[str, Any]


class Starts(Protocol):
    """The attributes of a Runner that are needed to start a command."""

    flow_file: str
    env_vars: dict[str, str]
    cwd: str
    file_read_timeout: int
    spm: SubprocessManager


class Started:
    """A command that was started, and the pipe on which it reports its run or task.

    Only the child holds the write end of the pipe (`pass_fds`), since this process closes its copy at once. Therefore
    the pipe becomes readable (end of file) when the command ends. `close` closes the read end.
    """

    def __init__(self, runner: Starts, line: Line, *, show_output: bool) -> None:
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
        manager = runner.spm.get(pid)
        assert manager is not None
        self.command = manager

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.reader)

    async def readable(self, timeout: float) -> bool:
        """Wait until the child has reported or has ended.

        Args:
            timeout: seconds to wait.

        Returns:
            False if the timeout expired before the child reported or ended.
        """
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self.reader, event.set)
        try:
            await asyncio.wait_for(event.wait(), timeout)
        except asyncio.TimeoutError:
            return False
        finally:
            loop.remove_reader(self.reader)
        return True

    def attributes(self, readable: bool) -> dict[str, Any]:
        """Return the child's report: `flow_name`, `run_id`, `metadata`, and, for a task, `step_name` and `task_id`.

        Args:
            readable: whether the pipe is readable, which means that the child has reported or has ended.

        Raises:
            TimeoutError: the child reported nothing in time.
            ValueError: a required parameter of the flow is missing.
            MetaflowException: the file ran without starting a flow.
            RuntimeError: the child ended without a report for another reason; the message contains its stderr.
        """
        ended = not readable and self.command.started.poll() is not None
        if not readable and not ended:
            raise TimeoutError(f"'{self.command}' started no run within {self.runner.file_read_timeout} seconds")
        os.set_blocking(self.reader, False)
        # one read returns the whole report, which is written by one call and fits into the pipe's buffer
        if text := os.read(self.reader, 65536):
            report = json.loads(text)
            assert isinstance(report, dict)
            return report
        self.command.sync_wait()
        code, stderr = self.command.started.returncode, self.command.read_log("stderr").strip()
        if code == 0 and (not stderr or NEVER_CALLED in stderr):
            raise no_flow(str(self.runner.flow_file), stderr)
        if code == USAGE and self.line.api is not None and (missing := self.line.api.missing(self.line.arguments)):
            raise ValueError(f"Missing argument: {missing} is required.")
        raise RuntimeError(f"Error executing: '{self.command}':\n\nStderr:\n{stderr}\n")

"""Child processes in the background; their logs can be read while they run.

This module starts children with `Popen`; it neither calls `os.fork` nor starts threads. One process may start many
children. The output of a child is written to files. If output must also be printed at once, the child writes it to
pipes, and the waiting caller reads the pipes.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import io
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
import weakref
from typing import IO, TYPE_CHECKING, Any

from flowc_runtime.process.scratch import ScratchDirectory
from metaflow.runner._ends import end_descriptor, end_with_me

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

__all__ = ["CommandManager", "LogReadTimeoutError", "SubprocessManager"]

STREAMS = ("stdout", "stderr")
PATIENCE = 10.0  # seconds that a child may take to end after SIGTERM; a run gives its own tasks 5 seconds
DELAY = 0.05  # seconds between two reads of a growing log


class LogReadTimeoutError(Exception):
    """The stream had no new line within the time limit."""


class CommandManager:
    """One command as a child process.

    Args:
        command: the words of the command.
        env: all environment variables of the child; default: those of this process.
        cwd: the working directory of the child; default: the current one.
        pass_fds: the file descriptors that the child inherits in addition to the standard streams.

    Attributes:
        command: the words of the command.
        process: the child, once it has started.
        log_files: the files with the child's `stdout` and `stderr`; `cleanup` removes them.
        timeout: whether `wait` ended the child because the child exceeded the timeout.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        *,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.command = list(command)
        self.env = dict(os.environ if env is None else env)
        self.cwd = cwd or os.getcwd()
        self.process: subprocess.Popen[bytes] | None = None
        self.log_files: dict[str, str] = {}
        self.temp_dir: str | None = None
        self.timeout = False
        self._pass_fds = tuple(pass_fds)
        self._pipes: dict[str, IO[bytes]] = {}
        self._decoders = {stream: codecs.getincrementaldecoder("utf-8")("replace") for stream in STREAMS}

    # -- starting

    def run(self, show_output: bool = False) -> int:
        """Start the command and return its process id.

        Args:
            show_output: whether `sync_wait` prints the output. If true, the output passes through pipes, so the child
                blocks when the pipes are full and no caller waits.

        Raises:
            RuntimeError: the command has already been started.
            OSError: the program or the working directory does not exist or cannot be used.
        """
        if self.process is not None:
            raise RuntimeError(f"'{self}' has been started already: create another CommandManager")
        scratch = ScratchDirectory("runner")
        self.temp_dir = scratch.name
        weakref.finalize(self, scratch.close)
        self.log_files = {stream: os.path.join(self.temp_dir, f"{stream}.log") for stream in STREAMS}
        with contextlib.ExitStack() as stack:
            files = {stream: stack.enter_context(open(path, "wb")) for stream, path in self.log_files.items()}
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                cwd=self.cwd,
                stdout=subprocess.PIPE if show_output else files["stdout"],
                stderr=subprocess.PIPE if show_output else files["stderr"],
                bufsize=0,
                pass_fds=self._pass_fds,
            )
        if show_output:
            assert self.process.stdout is not None and self.process.stderr is not None
            self._pipes = {"stdout": self.process.stdout, "stderr": self.process.stderr}
        end_with_me(self)
        return self.process.pid

    async def async_run(self) -> int:
        """Start the command like `run` and return its process id, without waiting for the end."""
        return self.run()

    def __str__(self) -> str:
        return " ".join(self.command)

    @property
    def started(self) -> subprocess.Popen[bytes]:
        """The child process.

        Raises:
            RuntimeError: the command has not been started yet.
        """
        if self.process is None:
            raise RuntimeError(f"'{self}' has not been started: call run()")
        return self.process

    # -- waiting

    def sync_wait(self) -> None:
        """Wait until the child has ended; print its output if the command was started with `show_output`."""
        self.forward(None)
        self.started.wait()

    def forward(self, also: int | None, timeout: float | None = None) -> bool:
        """Print the child's output until the descriptor `also` is readable, the child has ended, or the time limit is
        reached.

        Args:
            also: a file descriptor at which the method returns when it is readable, or None to wait only for the child.
            timeout: seconds to wait, or None for no limit.

        Returns:
            Whether `also` became readable. False if the time limit is reached or the child has ended, even if processes
            that the child started keep the pipes open.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
            logs = {stream: stack.enter_context(open(self.log_files[stream], "ab")) for stream in self._pipes}
            for stream, pipe in self._pipes.items():
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, stream)
            if also is not None:
                selector.register(also, selectors.EVENT_READ)
            with end_descriptor(self.started) as end:
                if end is not None:
                    selector.register(end, selectors.EVENT_READ, "end")
                while self._pipes or also is not None:
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        return False
                    ready = {key.data: key.fileobj for key, _ in selector.select(left)}
                    for stream in STREAMS:
                        if stream in ready and not self._copy(stream, logs[stream]):
                            selector.unregister(ready[stream])
                    if None in ready:
                        return True
                    if "end" in ready:  # processes that the child started may still keep the pipes open
                        self._drain(logs)
                        return False
        return False

    def wait_until(self, timeout: float) -> bool:
        """Wait until the child has ended, at most this many seconds; return whether it has ended."""
        try:
            self.started.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _drain(self, logs: Mapping[str, IO[bytes]]) -> None:
        for stream, log in logs.items():
            while self._copy(stream, log):
                pass
            self._close(stream)

    def _copy(self, stream: str, log: IO[bytes]) -> bool:
        """Copy the data in a pipe to the log file and print it. Return False if the pipe is empty or closed."""
        pipe = self._pipes.get(stream)
        data = pipe.read(65536) if pipe else b""
        if data:
            log.write(data)
            log.flush()
            self._show(stream, data)
        elif data is not None:
            self._close(stream)
        return bool(data)

    def _show(self, stream: str, data: bytes) -> None:
        out = sys.stdout if stream == "stdout" else sys.stderr
        out.write(self._decoders[stream].decode(data))
        out.flush()

    def _close(self, stream: str) -> None:
        if pipe := self._pipes.pop(stream, None):
            pipe.close()

    async def wait(self, timeout: float | None = None, stream: str | None = None) -> None:
        """Wait for the child to end.

        Args:
            timeout: seconds after which the child is ended: by SIGTERM, and after 10 more seconds by SIGKILL. A line on
                stdout then reports the timeout, and the attribute `timeout` becomes true.
            stream: the stream to print while waiting.

        Raises:
            ValueError: the stream does not exist.
        """
        try:
            await asyncio.wait_for(_wait_for_end(self.started) if stream is None else self.emit_logs(stream), timeout)
        except asyncio.TimeoutError:
            self.timeout = True
            print(
                f"Timeout: The process (PID {self.started.pid}; command: '{self}') "
                f"did not complete within {timeout} seconds."
            )
            await self._kill_async()

    # -- logs

    def open_log(self, stream: str) -> IO[bytes]:
        """Open a stream's log file for reading bytes; the caller closes the file.

        Raises:
            FileNotFoundError: `cleanup` has removed the log.
        """
        try:
            return open(self.log_files[stream], "rb")
        except FileNotFoundError:
            raise FileNotFoundError(
                f"`cleanup` has removed the log of {stream}: read it earlier, or inside the `with` block"
            ) from None

    def read_log(self, stream: str) -> str:
        """Return the command's output on `stdout` or `stderr` so far; bytes that are not UTF-8 are replaced.

        Raises:
            FileNotFoundError: `cleanup` has removed the log.
        """
        with io.TextIOWrapper(self.open_log(stream), encoding="utf-8", errors="replace") as file:
            return file.read()

    async def stream_log(
        self,
        stream: str,
        position: int | None = None,
        timeout_per_line: float | None = None,
        log_write_delay: float = DELAY,
    ) -> AsyncIterator[tuple[int, str]]:
        """Yield (byte offset after the line, line) for each line of a stream; a later call can continue at the offset.

        Args:
            stream: `stdout` or `stderr`.
            position: the byte offset to start at; default: 0.
            timeout_per_line: seconds to wait for each line, or None for no limit.
            log_write_delay: seconds between two reads of the file while it does not grow.

        Raises:
            ValueError: the stream does not exist.
            FileNotFoundError: `cleanup` has removed the log.
            LogReadTimeoutError: no line was written for `timeout_per_line` seconds.
        """
        if stream not in self.log_files:
            raise ValueError(f"No log file found for '{stream}', valid values are: {', '.join(STREAMS)}")
        last = time.monotonic()
        with self.open_log(stream) as file:
            at = position or 0
            while True:
                # the end of the process is checked before the file is read, so that lines written in between are found
                over = self.started.poll() is not None
                file.seek(at)
                line = file.readline()
                if line.endswith(b"\n") or (line and over):
                    at, last = at + len(line), time.monotonic()
                    yield at, line.decode("utf-8", "replace").rstrip("\r\n")
                elif over:
                    return
                elif timeout_per_line is not None and time.monotonic() - last > timeout_per_line:
                    raise LogReadTimeoutError(f"no line on {stream} for {timeout_per_line} seconds")
                else:
                    await asyncio.sleep(log_write_delay)

    async def emit_logs(self, stream: str = "stdout", custom_logger: Callable[..., None] = print) -> None:
        """Call a function with each line of a stream as soon as it is written, until the child has ended.

        Raises:
            ValueError: the stream does not exist.
        """
        async for _, line in self.stream_log(stream):
            custom_logger(line)

    # -- ending

    def kill(self, termination_timeout: float = PATIENCE) -> None:
        """End the child and its descendants by SIGTERM, and by SIGKILL if they do not end in time.

        Args:
            termination_timeout: seconds between the two signals.
        """
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(termination_timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()  # if the child is a run, the run's guardian process also ends the tasks of the run
            self.process.wait()

    async def _kill_async(self) -> None:
        process = self.started
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(_wait_for_end(process), PATIENCE)
        except asyncio.TimeoutError:
            process.kill()
            await _wait_for_end(process)

    def cleanup(self) -> None:
        """Remove the log files. A child that still runs is not ended."""
        for stream in STREAMS:
            self._close(stream)
        if self.temp_dir is not None:
            shutil.rmtree(self.temp_dir, ignore_errors=True)


async def _wait_for_end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process to end without blocking the event loop."""
    with end_descriptor(process) as end:
        while process.poll() is None:
            if end is None:
                await asyncio.sleep(DELAY)
                continue
            loop, gone = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(end, gone.set)
            try:
                await gone.wait()
            finally:
                loop.remove_reader(end)


class SubprocessManager:
    """The commands that a program started, by process id."""

    def __init__(self) -> None:
        self.commands: dict[int, CommandManager] = {}

    def run_command(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        show_output: bool = False,
        **more: Any,
    ) -> int:
        """Start a command and return its process id.

        Args:
            command: the words of the command.
            env: all environment variables of the child; default: those of this process.
            cwd: the working directory of the child; default: the current one.
            show_output: whether `sync_wait` prints the output.
            **more: further arguments of `CommandManager`.

        Raises:
            OSError: the program or the working directory does not exist or cannot be used.
        """
        manager = CommandManager(command, env, cwd, **more)
        pid = manager.run(show_output=show_output)
        self.commands[pid] = manager
        return pid

    async def async_run_command(
        self, command: Sequence[str], env: Mapping[str, str] | None = None, cwd: str | None = None, **more: Any
    ) -> int:
        """Start a command without printing its output; return its process id without waiting for the end."""
        return self.run_command(command, env, cwd, **more)

    def get(self, pid: int) -> CommandManager | None:
        """Return the command with this process id, or None if this object did not start the process."""
        return self.commands.get(pid)

    def kill(self) -> None:
        """End all commands that still run, one after the other. Each may take 10 s to end."""
        for manager in self.commands.values():
            manager.kill()

    def cleanup(self) -> None:
        """Remove the log files of all commands."""
        for manager in self.commands.values():
            manager.cleanup()

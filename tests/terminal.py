"""A program on a pseudo-terminal, with methods that read and type as a user does."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from project import Project

# The terminal controls the program's session, so that Ctrl-C is sent as a signal, as in a shell.
_ENTER = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"


class Terminal:
    """A program that runs on a terminal. Use as a context manager."""

    def __init__(self, project: Project, *command: str, columns: int = 200, **environment: str) -> None:
        self._control, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ENTER, sys.executable, *command],
            cwd=project.root,
            env=project.environment | {"TERM": "dumb"} | environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.seen = ""
        self._read = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal like a window: the program gets SIGHUP."""
        if self._control >= 0:
            os.close(self._control)
            self._control = -1

    def until(self, text: str, seconds: float = 30) -> str:
        """Read output until it contains the text; return the output since the last call, up to the text."""
        deadline = time.monotonic() + seconds
        while (at := self.seen.find(text, self._read)) < 0:
            assert time.monotonic() < deadline, f"{text!r} was not shown:\n{self.seen[self._read :]}"
            assert self._more(), f"the program ended before {text!r}:\n{self.seen[self._read :]}"
        begin, self._read = self._read, at + len(text)
        return self.seen[begin : self._read]

    def shows(self, text: str) -> bool:
        """Return whether the program prints the text within half a second."""
        self._more()
        return text in self.seen[self._read :]

    def type(self, text: str) -> None:
        """Type some keys."""
        os.write(self._control, text.encode())

    def say(self, line: str, prompt: str = "(Pdb) ") -> str:
        """Type a line; return the output up to the next prompt, without the echo of the line."""
        self.type(f"{line}\n")
        self.until("\n")
        return self.until(prompt).removesuffix(prompt)

    def end(self, seconds: float = 30) -> int:
        """Read until the program ends; return its exit code, or -N if signal N ended it."""
        deadline = time.monotonic() + seconds
        while self._more():
            assert time.monotonic() < deadline, f"the program does not end:\n{self.seen[self._read :]}"
        return self.process.wait(20)

    def _more(self) -> bool:
        """Read available output for up to half a second; return False if no process uses the terminal any more."""
        if select.select([self._control], [], [], 0.5)[0]:
            try:
                data = os.read(self._control, 1 << 16)
            except OSError:  # no process uses the terminal any more
                return False
            self.seen += data.decode(errors="replace").replace("\r\n", "\n")
            return bool(data)
        return True

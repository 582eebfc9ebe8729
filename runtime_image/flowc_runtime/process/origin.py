"""What the process was like before it ran the user's code: its environment variables and its working directory.

A task must begin as this process did. What an import has done to its process, such as setting a variable, it will do
again in the task.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from flowc_runtime.process.loader import program_names


class ProcessOrigin(NamedTuple):
    """The environment variables and the working directory of a process, None if that is gone."""

    environment: dict[str, str]
    directory: str | None

    @classmethod
    def now(cls) -> ProcessOrigin:
        """Return those of this process, as they are."""
        try:
            directory = os.getcwd()
        except FileNotFoundError:
            directory = None
        return cls(dict(os.environ), directory)

    def follow(self, before: ProcessOrigin, after: ProcessOrigin) -> ProcessOrigin:
        """Return this one with what has changed between two others, in which only that counts."""
        names = {*before.environment, *after.environment}
        changed = {name for name in names if before.environment.get(name) != after.environment.get(name)}
        environment = {name: value for name, value in self.environment.items() if name not in changed}
        environment |= {name: after.environment[name] for name in changed if name in after.environment}
        return ProcessOrigin(environment, self.directory if before.directory == after.directory else after.directory)


def _main() -> object:
    return getattr(sys.modules.get("__main__"), "__file__", None)


_began = ProcessOrigin.now()  # a flow's file imports the authoring API before it defines the flow
_program = program_names().get("__file__")
_defined: ProcessOrigin | None = None


def defined() -> None:
    """Note that a flow is defined: what its file does to the process later, it does only when it is the program."""
    global _defined
    _defined = ProcessOrigin.now()


def of_program() -> ProcessOrigin:
    """Return what tasks of the program `python flow.py` begin with.

    That is what the program began with, and what it did after the flow was defined, below `if __name__ == "__main__"`.
    """
    if _defined is None or _program is None or _program != _main():  # the flow's file is run by another program
        return ProcessOrigin.now()
    return _began.follow(_defined, ProcessOrigin.now())

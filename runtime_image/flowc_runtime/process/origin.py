"""The state of the process before it ran user code: its environment variables and its working directory.

A task whose process imports the flow again must begin with this state, because the second import repeats what the first
import did, such as setting a variable.
"""

from __future__ import annotations

import os
import sys

from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.process.loader import program_names


class ProcessOrigin(NamedTuple):
    """The environment variables and the working directory of a process; the directory is None if it was deleted."""

    environment: dict[str, str]
    directory: str | None

    @classmethod
    def now(cls) -> ProcessOrigin:
        """Return the current state of this process."""
        try:
            directory = os.getcwd()
        except FileNotFoundError:
            directory = None
        return cls(dict(os.environ), directory)

    def follow(self, before: ProcessOrigin, after: ProcessOrigin) -> ProcessOrigin:
        """Return this state, changed by the differences between two other states.

        Args:
            before: the earlier state.
            after: the later state.
        """
        names = {*before.environment, *after.environment}
        changed = {name for name in names if before.environment.get(name) != after.environment.get(name)}
        environment = {name: value for name, value in self.environment.items() if name not in changed}
        environment |= {name: after.environment[name] for name in changed if name in after.environment}
        return ProcessOrigin(environment, self.directory if before.directory == after.directory else after.directory)


def _main() -> object:
    return getattr(sys.modules.get("__main__"), "__file__", None)


# the state before the flow is defined: a flow's file imports the authoring API, and with it this module, before it
# defines the flow
_began = ProcessOrigin.now()
_program = program_names().get("__file__")
_defined: ProcessOrigin | None = None


def defined() -> None:
    """Record the process's state after a flow was defined; only code below the flow's class changes it afterwards."""
    global _defined
    _defined = ProcessOrigin.now()


def of_program() -> ProcessOrigin:
    """Return the state with which tasks of the program `python flow.py` begin.

    The result is the initial state of the program, with those changes that code below `if __name__ == "__main__"` made
    after the flow was defined.
    """
    # the process is not `python flow.py`: another program has imported the flow's file
    if _defined is None or _program is None or _program != _main():
        return ProcessOrigin.now()
    return _began.follow(_defined, ProcessOrigin.now())

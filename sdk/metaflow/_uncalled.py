"""The warning for a program that defines a flow but never calls it: `python flow.py run` would silently do nothing."""

from __future__ import annotations

import atexit
import os
import sys

# The warning is printed only if the program's arguments contain one of these commands of a flow's file.
_SIGNATURE = "signature"  # the command with which a Runner reads a flow's parameters
_COMMANDS = frozenset({_SIGNATURE, "check", "dump", "logs", "resume", "run", "show", "spin"})
_defined: list[type] = []
NEVER_CALLED = "and never calls it: nothing has been done"


def note(cls: type) -> None:
    """Record a flow that the program defines. A warning is printed at exit if no flow's command line was started."""
    if not _defined:
        atexit.register(_tell)
    _defined.append(cls)


def note_call() -> None:
    """Record that a flow's command line has been started."""
    atexit.unregister(_tell)


def _tell() -> None:
    commands = [word for word in sys.argv[1:] if word in _COMMANDS]
    if not os.path.isfile(sys.argv[0]) or not commands or hasattr(sys, "last_value"):
        # no warning: the program is not a flow's file, has no such command, or has failed with an error that Python
        # reports
        return
    bases = {base for cls in _defined for base in cls.__mro__[1:]}
    flows = [cls.__name__ for cls in _defined if cls not in bases]
    name = os.path.relpath(sys.argv[0])
    command = "run" if commands[0] == _SIGNATURE else commands[0]
    print(
        f"warning: {name} defines the flow '{flows[-1]}' {NEVER_CALLED}\n"
        f'hint: end the file with `if __name__ == "__main__":`, and below that, indented, `{flows[-1]}()`; '
        f"or type: flowc {command} {name}",
        file=sys.stderr,
    )

"""Print the state that imports leave in a process: `python -m flowc_emulator.processes.try_imports MODULE …`.

The output is JSON lines. Each module is imported in a separate process, so that no import hides another's effects.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version

from flowc_emulator.processes.packages import UNSAFE
from flowc_emulator.processes.process_state import State
from flowc_ir import json_text
from flowc_ir.late.typeddict import TypedDict


def main() -> int:
    """Test the modules that are named by the arguments, and return the exit code 0.

    Hazard: each module is imported in a fork of this process, and the fork ends by `os._exit`.
    """
    for name in sys.argv[1:]:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                print(json_text.dumps(_try(name)), flush=True)
                os._exit(0)
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code:  # the process has died before it printed a report
            error = f"the process ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}"
            print(json_text.dumps(_found(name) | {"error": error}), flush=True)
    return 0


class ImportReport(TypedDict):
    """The result of importing a module, which is printed as a line of JSON.

    `faults` are the reasons why forks must not share the module; `error` is why the import failed; `version` is the
    version of the module's distribution; `seconds` is the duration of the import.
    """

    module: str
    version: str | None
    faults: list[str]
    error: str | None
    seconds: float


def _try(name: str) -> ImportReport:
    """Import a module and return the report about it."""
    before, began = State.now(), time.monotonic()
    package = name.partition(".")[0]
    found = _found(name)
    saved = os.dup(1)
    os.dup2(2, 1)  # output of the import must not mix with the lines of JSON
    try:
        import_module(name)
    except BaseException as error:
        found["error"] = f"{type(error).__name__}: {error}"
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
    found["seconds"] = round(time.monotonic() - began, 3)
    faults = State.now().since(before)
    unsafe = [each for each in UNSAFE if each in sys.modules]
    known = [UNSAFE[each].why if each == package else f"imports {each}, which {UNSAFE[each].why}" for each in unsafe]
    found["faults"] = known or faults
    return found


def _found(name: str) -> ImportReport:
    version = _version(name.partition(".")[0])
    return {"module": name, "version": version, "faults": [], "error": None, "seconds": 0.0}


def _version(package: str) -> str | None:
    try:
        return version((packages_distributions().get(package) or [package])[0])
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())

"""`python -m flowc_emulator.try_imports MODULE …`: what importing each of them leaves in a process, as JSON lines.

Each module is imported in a process of its own, so that one does not hide what another does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from typing import Any

from flowc_emulator.packages import UNSAFE
from flowc_emulator.process_state import State


def main() -> int:
    """Try the modules that the arguments name."""
    for name in sys.argv[1:]:
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            try:
                print(json.dumps(_try(name)), flush=True)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
    return 0


def _try(name: str) -> dict[str, Any]:
    """The faults of importing a module, why that failed if it did, its package's version, and seconds."""
    before, began = State.now(), time.monotonic()
    package = name.partition(".")[0]
    found: dict[str, Any] = {"module": name, "version": _version(package), "faults": [], "error": None}
    saved = os.dup(1)
    os.dup2(2, 1)  # what the import prints is no JSON
    try:
        import_module(name)
    except BaseException as error:
        found["error"] = f"{type(error).__name__}: {error}"
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)
    found["seconds"] = round(time.monotonic() - began, 3)
    known = [UNSAFE[package][0]] if package in UNSAFE else []
    found["faults"] = known or State.now().since(before)
    return found


def _version(package: str) -> str | None:
    try:
        return version((packages_distributions().get(package) or [package])[0])
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())

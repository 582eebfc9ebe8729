"""Import packages before tasks are forked, so that the tasks share them."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, final

from flowc_emulator.processes.packages import UNSAFE
from flowc_emulator.processes.process_state import State
from flowc_ir.late.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence


@final
@dataclass(frozen=True, slots=True)
class UnsafePackage:
    """A package that must not be imported before a fork, the reason, and the duration of its import in seconds."""

    package: str
    why: str
    seconds: float


def preload(modules: Sequence[str]) -> UnsafePackage | None:
    """Import the modules and discard their output; return the first package whose import left unshareable state.

    An exception during an import is ignored: the task that imports the module later reports the exception. Hazard:
    after an unsafe package was imported, this process must not be forked.

    Args:
        modules: names such as `numpy`, `numpy.array` (an attribute that may be imported lazily) and `numpy.*`.
    """
    with _silence():
        before, known = State.now(), {name for name in UNSAFE if name in sys.modules}
        for name in modules:
            package, began = name.partition(".")[0], time.monotonic()
            if package in UNSAFE and package not in known:
                return UnsafePackage(package, UNSAFE[package].why, UNSAFE[package].seconds)
            try:
                _load(name)
            except BaseException:  # noqa: S112  # the task that imports it reports the error with its traceback
                continue
            if loaded := next((each for each in UNSAFE if each in sys.modules and each not in known), None):
                return UnsafePackage(package, f"imports {loaded}, which {UNSAFE[loaded].why}", time.monotonic() - began)
            if faults := State.now().since(before):
                return UnsafePackage(package, faults[0], time.monotonic() - began)
    return None


def _load(name: str) -> None:
    """Import a module, or names that a module loads on first access (`module.name`, `module.*`)."""
    package, _, attribute = name.rpartition(".")
    if attribute == "*":
        module = import_module(package)
        for public in getattr(module, "__all__", ()):
            getattr(module, public, None)
        return
    try:
        import_module(name)
    except ModuleNotFoundError:
        if not package:
            raise
        getattr(import_module(package), attribute, None)


class _silence:
    """Discards output on descriptors 1 and 2: the process that started the run has already shown the same output.

    Hazard: the descriptors are replaced, not `sys.stdout`, since native code prints too. The saved copies of the
    descriptors are not inheritable, so a program that an import starts cannot keep them open.
    """

    def __enter__(self) -> None:
        self._saved = [os.dup(1), os.dup(2)]
        null = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(null, descriptor)
        os.close(null)

    def __exit__(self, *exc: object) -> None:
        for descriptor, saved in zip((1, 2), self._saved, strict=True):
            os.dup2(saved, descriptor)
            os.close(saved)

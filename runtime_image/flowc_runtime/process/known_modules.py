"""Check whether loaded modules may have objects, such as open files, that must be closed or finalized when the process
ends."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.own_packages import OWN_PACKAGES

if TYPE_CHECKING:
    from collections.abc import Collection

# flowc's own packages, packages that flowc imports, and packages that Python imports when it starts in an environment
# with setuptools or virtualenv. None of these packages leaves files open or has objects with finalizers.
_KNOWN: Final = frozenset({*OWN_PACKAGES, "click", "cloudpickle", "_distutils_hack", "_virtualenv"})
_PROGRAM: Final = "flowc.__main__"
_OF_SCRIPT: Final = frozenset({"main", "re", "sys"})  # the global names of the script `flowc`, as installers write it


def only_known_modules() -> bool:
    """Return whether no loaded module has open files or objects with finalizers.

    The standard library, flowc, and the user's modules in `ambient().harmless_modules` have none. Any other module is
    unknown, so the result is False.
    """
    harmless = ambient().harmless_modules
    for name in list(sys.modules):
        if name == "__main__":
            if not _is_known_program(harmless):
                return False
            continue
        if is_of_others(name) and name not in harmless:
            return False
    return True


def is_of_others(name: str) -> bool:
    """Return whether a module belongs to another package than the standard library, flowc and the packages that flowc
    uses."""
    top = name.partition(".")[0]
    return not (top in sys.stdlib_module_names or top in _KNOWN)


def _is_known_program(harmless: Collection[str]) -> bool:
    """Return whether the program is the script `flowc`, `python -m flowc`, or one of the harmless modules."""
    program = sys.modules["__main__"]
    if any(sys.modules.get(name) is program for name in harmless):
        return True
    if getattr(getattr(program, "__spec__", None), "name", None) == _PROGRAM:
        return True
    names = {name for name in vars(program) if not name.startswith("__")}
    return names <= _OF_SCRIPT and getattr(vars(program).get("main"), "__module__", None) == _PROGRAM

"""How a task finds a function: by the function's module and name, or from a pickle in the code package."""

from __future__ import annotations

import builtins
import os
import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, cast, final

from flowc.diagnostics import describe, raised_at
from flowc_ir import Function
from flowc_ir.late import LateModule
from flowc_ir.late.namedtuple import NamedTuple
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.errors import HintedError
from flowc_runtime.process.loader import module_name, package_place
from flowc_runtime.run.nodes.user_functions import pickle_file

if TYPE_CHECKING:
    import pkgutil
    from collections.abc import Sequence

    import cloudpickle

    from flowc_ir import Return
    from flowc_runtime.run.nodes.user_functions import UserFunction

else:  # imported at first use: `cloudpickle` for functions that cannot be imported, `pkgutil` for hints
    cloudpickle, pkgutil = LateModule("cloudpickle"), LateModule("pkgutil")


class FunctionError(HintedError):
    """A function cannot be found, or it can neither be imported nor pickled; the message contains the reason."""


class Found(NamedTuple):
    """A Python function (`code`), and the IR's `Function` that refers to it."""

    function: Function
    code: UserFunction


@final
class FunctionReferences:
    """The functions of one pipeline. `known` maps each `Function` of the IR to the Python function; `pickles` maps the
    name of each pickle to its bytes."""

    def __init__(self) -> None:
        self.known: dict[Function, UserFunction] = {}
        self.pickles: dict[str, bytes] = {}
        self._unnamed: dict[int, str] = {}

    def find(self, given: object, returns: Sequence[Return] = (), end_event: str = "") -> Found:
        """Return the function that is given as an object or as a dotted path. Raises FunctionError."""
        found = _by_path(given) if isinstance(given, str) else given
        if not callable(found):
            raise FunctionError(f"{given!r:.80} is {type(found).__name__}, not a function", "name a function")
        code = cast("UserFunction", found)
        module, name = _reference(code)
        if not module:
            name = self._pickled(code)
        function = Function(module=module, name=name, returns=tuple(returns), end_event=end_event)
        self.known[function] = code
        return Found(function, code)

    def find_reducer(self, given: object) -> Found:
        """Return the reducer that is given as a function, its dotted path, the name of a builtin, or a lambda as text.

        Raises:
            FunctionError: `given` has none of these forms, or the function cannot be found.
        """
        if isinstance(given, str) and given.lstrip().startswith("lambda"):
            try:
                code = eval(given, {})  # safe: the text is the user's own code, like a lambda in the pipeline's file
            except Exception as error:
                raise FunctionError(f"{given!r:.80} cannot be evaluated: {error}", "write a lambda or a name") from None
            return self.find(code)
        if isinstance(given, str) and given.isidentifier() and hasattr(builtins, given):
            return self.find(f"builtins.{given}")
        return self.find(given)

    def files(self) -> list[tuple[str, bytes]]:
        """Return the pickles as files of the code package."""
        return [(pickle_file(name), content) for name, content in self.pickles.items()]

    def _pickled(self, code: UserFunction) -> str:
        """Pickle a function that cannot be imported, and return the name of its pickle."""
        if id(code) in self._unnamed:
            return self._unnamed[id(code)]
        own = getattr(code, "__name__", type(code).__name__)
        name = base = "lambda_" if own == "<lambda>" else own if own.isidentifier() else "function"
        number = 2
        while name in self.pickles:
            name, number = f"{base}_{number}", number + 1
        try:
            self.pickles[name] = cloudpickle.dumps(code)
        except Exception as error:  # an object in the function's closure may raise any exception when it is pickled
            raise FunctionError(
                f"{own} is not a function of a module, and cannot be pickled: {error}",
                "define it by `def` at the top level of a module",
            ) from None
        self._unnamed[id(code)] = name
        return name


def _reference(code: UserFunction) -> tuple[str, str]:
    """Return the module and the qualified name of a function; two empty strings if the function cannot be imported from
    this module by this name."""
    module, name = getattr(code, "__module__", None), getattr(code, "__qualname__", "")
    if not isinstance(module, str) or not name or "<" in name:
        return "", ""
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not code:
        return "", ""
    if module == "__main__":
        main = main_file()
        return (module_name(main[1]), name) if main else ("", "")
    return module, name


def main_file() -> tuple[str, str] | None:
    """Return the running program's import root, and the program's file relative to this root; None if the program has
    no file."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if not isinstance(file, str) or not os.path.isfile(file):
        return None
    path = os.path.abspath(file)
    spec = getattr(main, "__spec__", None)  # `__spec__` is not None under `python -m pkg.module`
    place = package_place(spec.name, path) if spec is not None else None
    return place or (os.path.dirname(path), os.path.basename(path))


def _by_path(text: str) -> object:
    """Return the object of a dotted path, such as `statistics.mean` or `pkg.module:Class.method`."""
    if not all(part.isidentifier() for part in re.split("[.:]", text)) or text.count(":") > 1:
        raise FunctionError(
            f"{text!r} is not the dotted path of a function", "write a path such as 'package.module.function'"
        )
    module, colon, name = text.partition(":")
    if not colon:
        module, _, name = text.rpartition(".")
    if not module or not name:
        raise FunctionError(
            f"{text!r} is not the dotted path of a function", "write a path such as 'package.module.function'"
        )
    found: object = _imported(module)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = closest(part, [each for each in dir(found) if callable(getattr(found, each, None))])
            hint = did_you_mean(near) if near else "name one of its functions"
            raise FunctionError(f"the module {module} has no {name!r}", hint) from None
    return found


def _imported(module: str) -> object:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise FunctionError(f"cannot import {module}: {error}", "install what it imports") from None
        near = closest(module, _modules_near(module))
        hint = did_you_mean(near) if near else "name a module beside the pipeline, or an installed one"
        raise FunctionError(f"cannot import {module}: {error}", hint) from None
    except (Exception, SystemExit) as error:  # importing the user's module may raise any exception
        where = f" ({place})" if (place := raised_at(error)) else ""
        raise FunctionError(f"importing {module} failed: {describe(error)}{where}", "mend the module") from None


def _modules_near(module: str) -> list[str]:
    """Return, for a hint, the dotted names of the modules in the package in which a module was not found."""
    package, _, _ = module.rpartition(".")
    try:
        places = getattr(sys.modules.get(package), "__path__", ()) if package else sys.path[:1]
        return [f"{package}.{each.name}".lstrip(".") for each in pkgutil.iter_modules(places)]
    except OSError:
        return []

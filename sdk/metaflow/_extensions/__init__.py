"""Extensions of the API: packages `metaflow_extensions.<org>` add names, settings and decorators to `metaflow`.

| point | content of its module |
|---|---|
| `toplevel` | two module names: `toplevel` (its names are added to `metaflow`); `module_overrides` (imported first) |
| `config` | settings of `metaflow.metaflow_config` |
| `exceptions` | exceptions of `metaflow.exception` |
| `plugins` | `STEP_DECORATORS_DESC`, `FLOW_DECORATORS_DESC`: `[("name", ".module.Class"), …]`; see `without_effect` |

`__mf_promote_submodules__`, in the modules `plugins` and `toplevel`, is a list of modules that become importable below
`metaflow`. A listed module replaces the module of `metaflow` with the same name. If no extension is installed, this
module only searches `sys.path` once.

A module that cannot be imported, or an invalid entry of a list, causes a warning and is ignored. Flows that do not use
the module or entry still run. A module cannot be imported if it raises any exception, including SystemExit and other
subclasses of BaseException. Only KeyboardInterrupt is not caught, because it comes from the user.
"""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False  # `typing` costs start-up time
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType
    from typing import Any

    from metaflow._extensions.aliases import AliasFinder
    from metaflow._extensions.discover import Extension

_PACKAGE = "metaflow_extensions"
_MODULE = type(sys)  # `types.ModuleType`, without importing `types`
_KINDS = {"STEP_DECORATORS_DESC": "step", "FLOW_DECORATORS_DESC": "flow"}

_found: list[Extension] = []
_known: tuple[str, ...] = ()  # the searched directories of the namespace package, in which `_found` was found
_finder: AliasFinder | None = None
_printed: set[str] = set()
left_out: dict[str, dict[str, str]] = {}
"""The modules of extensions that cannot be imported: organization → module → error."""
decorators: dict[str, dict[str, str]] = {}
"""The decorators of extensions: decorator name → kind (`step` or `flow`) → dotted path of the class."""


def begin() -> None:
    """Find the extensions and import their `module_overrides` before any module of metaflow. Failures are warnings."""
    global _found, _known
    try:
        package = importlib.import_module(_PACKAGE)
    except ModuleNotFoundError as error:
        if error.name != _PACKAGE:
            warn(f"no extension of metaflow is available: importing {_PACKAGE} failed: {error}")
        return
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        warn(f"no extension of metaflow is available: importing {_PACKAGE} failed: {type(error).__name__}: {error}")
        return
    from metaflow._extensions import discover

    roots = tuple(package.__path__)
    if roots == _known:
        return
    if getattr(package, "__file__", None):
        warn(f"{package.__file__} makes {_PACKAGE} a plain package, which hides all others: remove that file")
    _known = roots
    _found = discover.find(roots, warn)
    for extension in _at_point("toplevel"):
        if name := getattr(_load(extension.module, extension), "module_overrides", None):
            _load(f"{_PACKAGE}.{extension.org}.toplevel.{name}", extension)


def complete(api: ModuleType) -> None:
    """Add the public names of extensions to the module `metaflow`, which already contains its own names.

    Failures are warnings.

    Args:
        api: the module `metaflow`.
    """
    if not _found:
        return
    exceptions = importlib.import_module("metaflow.exception")
    for extension in _at_point("exceptions"):
        vars(exceptions).update(_names(_load(extension.module, extension)))
    for extension in _at_point("plugins"):
        if module := _load(extension.module, extension):
            _read_plugins(module, extension)
            _promote(module, "plugins.", extension)
    for extension in _at_point("toplevel"):
        if name := getattr(_load(extension.module, extension), "toplevel", None):
            _complete_toplevel(api, f"{_PACKAGE}.{extension.org}.toplevel.{name}", extension)


def _complete_toplevel(api: ModuleType, name: str, extension: Extension) -> None:
    if module := _load(name, extension):
        _promote(module, "", extension)
        vars(api).update(_names(module))
        _hoist(module)


def refresh() -> None:
    """Search for extensions again if `sys.path` has changed: a flow's directory may contain extensions."""
    before = _known
    begin()
    if _known != before:
        complete(sys.modules["metaflow"])


def config() -> dict[str, Any]:
    """Return the settings of extensions by name.

    Settings of a later extension override those of earlier extensions, but the lists DEBUG_OPTIONS are concatenated.
    """
    values: dict[str, Any] = {}
    for extension in _at_point("config"):
        module = _load(extension.module, extension)
        own = _entries(module, "DEBUG_OPTIONS", extension, "a string", _is_text)
        options = [*values.get("DEBUG_OPTIONS", ()), *own]
        values.update(_names(module))
        values.pop("DEBUG_OPTIONS", None)
        if options:
            values["DEBUG_OPTIONS"] = options
    return values


def roots() -> tuple[str, ...]:
    """Return the directories of the namespace package `metaflow_extensions`, or an empty tuple without extensions."""
    return _known


def organizations() -> list[str]:
    """Return the names of all installed extensions, including those that could not be imported."""
    return sorted({extension.org for extension in _found})


def order() -> list[str]:
    """Return the names of the extensions' modules in import order. If fewer than two modules exist, return an empty
    list."""
    return [extension.module for extension in _found] if len(_found) > 1 else []


def _at_point(point: str) -> Iterator[Extension]:
    return (extension for extension in _found if extension.point == point)


def _load(name: str, extension: Extension) -> ModuleType | None:
    """Import a module of an extension; return None after a warning if that fails."""
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        left_out.setdefault(extension.org, {})[name] = f"{type(error).__name__}: {error}"
        warn(
            f"the extension '{extension.org}' is left out: importing {name} failed: {type(error).__name__}: {error}; "
            "repair or uninstall it; the names that it adds to `metaflow` are not available"
        )
        return None


def warn(text: str) -> None:
    """Print a warning about an extension on stderr, once."""
    if text not in _printed:
        _printed.add(text)
        print(f"warning: {text}", file=sys.stderr)


def _names(module: ModuleType | None) -> dict[str, object]:
    """Return the public names of a module and their values, without modules and without names such as `__all__`."""
    return {
        name: value
        for name, value in (vars(module).items() if module else ())
        if not name.startswith("__") and not isinstance(value, _MODULE)
    }


def _entries(
    module: ModuleType | None, name: str, extension: Extension, form: str, fits: Callable[[object], bool]
) -> list[Any]:
    """Return the valid entries of a list in an extension's module; each invalid entry causes a warning."""
    declared: Any = vars(module).get(name) if module else None
    try:
        entries = [declared] if isinstance(declared, str) else list(declared if declared is not None else ())
        wrong = [entry for entry in entries if isinstance(declared, str) or not fits(entry)]
    except TypeError:
        entries = wrong = [declared]
    for entry in wrong:
        warn(f"{name} of the extension '{extension.org}' must be a list, each entry {form}: {entry!r} is left out")
    return [entry for entry in entries if all(entry is not one for one in wrong)]


def _is_text(entry: object) -> bool:
    return isinstance(entry, str)


# -- plugins


def _read_plugins(module: ModuleType, extension: Extension) -> None:
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    for name, kind in _KINDS.items():
        for decorator, path in _entries(module, name, extension, 'like ("name", ".module.Class")', _is_place):
            where = f"{package}{path}" if path.startswith(".") else path
            decorators.setdefault(decorator, {})[kind] = where


def _is_place(entry: object) -> bool:
    return isinstance(entry, (tuple, list)) and len(entry) == 2 and all(isinstance(part, str) for part in entry)


def without_effect() -> Iterator[tuple[str, str]]:
    """Yield (organization, list name) for each list of plugins that flowc does not support.

    A user selects a plugin of such a list by name, on the command line or in a setting; flowc rejects that name.
    """
    for extension in _at_point("plugins"):
        for name, value in vars(sys.modules.get(extension.module, sys)).items():
            if name.endswith("_DESC") and value and name not in _KINDS:
                yield extension.org, name


def broken_decorators() -> Iterator[str]:
    """Load the classes of all decorators of extensions; yield an error message for each class that cannot be loaded."""
    from metaflow._extensions.discover import ExtensionError

    for name, kinds in sorted(decorators.items()):
        for kind in kinds:
            try:
                decorator_class(name, kind)
            except ExtensionError as error:
                yield str(error)


def decorator_class(name: str, kind: str) -> type:
    """Return the class of an extension's decorator.

    Args:
        name: the name of the decorator.
        kind: `step` or `flow`.

    Raises:
        ExtensionError: the class does not exist at its path, or importing its module fails.
        KeyError: no extension has such a decorator.
    """
    from metaflow._extensions.discover import ExtensionError

    path = decorators[name][kind]
    module, _, attribute = path.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), attribute)
        if not isinstance(cls, type):
            raise TypeError(f"{cls!r} is not a class")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ExtensionError(
            f"the decorator '{name}' of an extension cannot be loaded from {path}: {type(error).__name__}: {error}"
        ) from error
    return cls


def make_decorator(name: str) -> Any:
    """Return the decorator `@name` of an extension: its class, or a function that records the use of the decorator.

    Raises:
        ExtensionError: the class cannot be loaded, or does not derive from a decorator class that flowc supports.
    """
    from metaflow._extensions.discover import ExtensionError

    for kind, path in decorators[name].items():
        cls = decorator_class(name, kind)
        if any(base.__module__.startswith("metaflow.user_decorators.") for base in cls.__mro__):
            return cls  # calling the class decorates the step or flow
        if getattr(cls, "_flowc_kind", None) != kind:
            raise ExtensionError(
                f"the decorator '{name}' of an extension, {path}, cannot be used: flowc takes classes that derive from "
                "UserStepDecorator, StepMutator or FlowMutator; or from StepDecorator, FlowDecorator"
            )
    from metaflow._applied import apply

    return apply(name)


# -- modules


def _promote(module: ModuleType, below: str, extension: Extension) -> None:
    """An extension lists modules in `__mf_promote_submodules__`. Make each of them importable from Metaflow's package:
    the extension's module `x` also gets the name `metaflow.x`."""
    for name in _entries(module, "__mf_promote_submodules__", extension, "a string", _is_text):
        real = f"{_PACKAGE}.{extension.org}.{below}{name}"
        if not _aliases().add(f"metaflow.{below}{name}", real):
            warn(f"the extension '{extension.org}' promotes the module '{real}', which does not exist: it is left out")


def _hoist(module: ModuleType) -> None:
    """Make each module that the extension's module `toplevel` imports, as in `from ..plugins import x`, importable as
    `metaflow.x`, too."""
    for name, value in vars(module).items():
        if isinstance(value, _MODULE) and value.__name__.startswith(f"{_PACKAGE}."):
            _aliases().add(f"metaflow.{name}", value.__name__)


def _aliases() -> AliasFinder:
    global _finder
    if _finder is None:
        from metaflow._extensions.aliases import AliasFinder

        _finder = AliasFinder()
        sys.meta_path.insert(0, _finder)
    return _finder


def aliases() -> Mapping[str, str]:
    """Return the extension modules that are importable as `metaflow.NAME`: a dict from this name to the real module
    name."""
    return _finder.aliases if _finder is not None else {}


begin()  # called at import: `metaflow` imports this module before its other modules

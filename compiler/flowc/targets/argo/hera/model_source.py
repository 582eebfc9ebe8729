"""Runs the modules of Hera's models without importing them, and with other base classes than pydantic's.

Hera's modules only define classes. The annotations in these classes are strings, which are read when a class is used:

    class Backoff(APIBaseModel):
        max_duration: Annotated[str | None, Field(alias="maxDuration", description="…")] = None
"""

from __future__ import annotations

import builtins
from enum import Enum
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NamedTuple, final

from flowc.targets.argo.hera.field_types import AnnotatedType, UnreadableModelError, field_options
from flowc.targets.argo.hera.plain_models import PlainModel, PlainRootModel, bind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec

INDEX: Final = "hera.workflows.models"


class _Unused:
    """A placeholder for a name that Hera's modules import, but that the models used by flowc do not need."""

    def __class_getitem__(cls, _item: object) -> type[_Unused]:
        return cls


# The names that Hera's modules import from other packages. If Hera imports any other name, UnreadableModelError is
# raised.
_OUTSIDE: Final[Mapping[str, Mapping[str, object]]] = {
    "__future__": {"annotations": None},
    "collections": {"ChainMap": _Unused},
    "enum": {"Enum": Enum},
    "inspect": {"get_annotations": _Unused},
    "pydantic": {
        "VERSION": "2",
        "AwareDatetime": _Unused,
        "Base64Str": _Unused,
        "BaseModel": PlainModel,
        "ConfigDict": dict,
        "Field": field_options,
        "RootModel": PlainRootModel,
    },
    "pydantic.fields": {"FieldInfo": _Unused},
    "pydantic.v1": {"BaseModel": _Unused},
    "typing": {"Annotated": AnnotatedType, "Any": _Unused, "Dict": _Unused, "Type": _Unused},
}


@final
class ModelSource:
    """The models of the installed Hera."""

    def __init__(self) -> None:
        self._namespaces: dict[str, dict[str, object]] = {}
        self._specs: dict[str, ModuleSpec | None] = {}

    def model(self, name: str) -> object:
        """Return a model.

        Args:
            name: the name of the model in `hera.workflows.models`.

        Raises:
            ModuleNotFoundError: Hera is not installed.
            UnreadableModelError: Hera's source contains a construct that this package does not support.
        """
        found = self.namespace(INDEX).get(name)
        if not isinstance(found, _Reference):
            raise UnreadableModelError(f"{INDEX} has no {name}")
        return self.namespace(found.module).get(found.name)

    def namespace(self, name: str) -> dict[str, object]:
        """Return the namespace of a module of Hera. The module is run if it was not run before."""
        if name in self._namespaces:
            return self._namespaces[name]
        spec = self.spec(name)
        code = getattr(spec.loader, "get_code", None) if spec is not None else None
        if spec is None or code is None:
            raise UnreadableModelError(f"there is no code of the module {name}")
        namespace: dict[str, object] = {
            "__name__": name,
            "__package__": name if spec.submodule_search_locations is not None else spec.parent,
            "__builtins__": {**vars(builtins), "__import__": self._import},
        }
        self._namespaces[name] = namespace
        exec(code(name), namespace)
        bind(namespace)
        return namespace

    def is_package(self, name: str) -> bool:
        """Return whether a module of Hera contains other modules."""
        spec = self.spec(name)
        return spec is not None and spec.submodule_search_locations is not None

    def spec(self, name: str) -> ModuleSpec | None:
        """Find a module of Hera without importing the packages that contain it; None if there is no such module.

        Raises:
            ModuleNotFoundError: Hera is not installed.
        """
        if name not in self._specs:
            parent, _, _ = name.rpartition(".")
            if parent:
                package = self.spec(parent)
                places = package.submodule_search_locations if package is not None else None
                self._specs[name] = None if places is None else PathFinder.find_spec(name, places)
            else:
                self._specs[name] = find_spec(name)
                if self._specs[name] is None:
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return self._specs[name]

    def _import(
        self,
        name: str,
        importing: Mapping[str, object],
        _locals: object = None,
        from_list: Sequence[str] = (),
        level: int = 0,
    ) -> _Imported:
        """Replace `__import__` in Hera's modules, which only have statements `from … import …`."""
        if not from_list:
            raise UnreadableModelError(f"{importing['__name__']} imports {name}")
        if level:
            package = str(importing["__package__"]).split(".")
            name = ".".join([*package[: len(package) + 1 - level], *([name] if name else [])])
        return _Imported(self, name, late=importing["__name__"] == INDEX)


@final
class _Reference(NamedTuple):
    """A name that `hera.workflows.models` imports from a module that was not run yet."""

    module: str
    name: str


@final
class _Imported:
    """A module from which a module of Hera imports names. If `late` is true, the names are `_Reference`s."""

    def __init__(self, source: ModelSource, name: str, *, late: bool) -> None:
        self._source = source
        self._name = name
        self._late = late

    def __getattr__(self, name: str) -> object:
        source, module = self._source, self._name
        if module in _OUTSIDE:
            found = _OUTSIDE[module]
        elif not module.startswith("hera."):
            found = {}
        elif source.is_package(module) and source.spec(f"{module}.{name}") is not None:
            return _Imported(source, f"{module}.{name}", late=False)
        elif self._late:
            return _Reference(module, name)
        else:
            found = source.namespace(module)
        if name not in found:
            raise UnreadableModelError(f"Hera imports {name} from {module}")
        return found[name]

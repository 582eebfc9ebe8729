"""Base classes that replace pydantic's when Hera's models are defined: an instance is checked when it is made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, TypeAlias, final

from flowc.targets.argo.hera.field_types import MismatchError, UnreadableModelError, reader, split

if TYPE_CHECKING:
    from collections.abc import KeysView, Mapping

    from flowc.targets.argo.hera.field_types import Read

    FieldPlan: TypeAlias = tuple[tuple[str, str, Read], ...]
    """For each given field, in the order of the definitions: its name, its name in JSON, and the function that reads
    its value."""

CONFIG = {"populate_by_name": True, "frozen": False, "use_enum_values": True, "arbitrary_types_allowed": True}
"""The pydantic configuration of Hera's models; the classes in this module behave like pydantic's classes with this
configuration."""

# An annotation that matches this pattern may contain a default, which these classes do not support: with pydantic, the
# field has this value if none is given.
_DEFAULT = re.compile(r"Field\((?!alias=|description=|title=)|\bdefault\w*=")


@final
class ModelFields:
    """The fields of one model."""

    def __init__(self, model: type[PlainModel]) -> None:
        self.namespace: dict[str, object] = {}
        self._model = model
        self._plans: dict[tuple[str, ...], FieldPlan] = {}
        self._read: Mapping[str, str] | None = None
        self._required: frozenset[str] = frozenset()

    def plan(self, given: tuple[str, ...]) -> FieldPlan:
        """Return the plan for reading an instance that is given these fields: for each field, its names and its reader.

        Args:
            given: the names of fields that the model has.

        Raises:
            TypeError: a required field is missing.
            UnreadableModelError: the model contains a construct that this package does not support.
        """
        plan = self._plans.get(given)
        if plan is None:
            plan = self._plans[given] = self._make(frozenset(given))
        return plan

    def _make(self, given: frozenset[str]) -> FieldPlan:
        annotations = self.annotations()
        if missing := self._required - given:
            raise TypeError(f"{self._model.__name__} needs the field {', '.join(sorted(missing))}")
        return tuple(self._field(name, text) for name, text in annotations.items() if name in given)

    def annotations(self) -> Mapping[str, str]:
        """Return the annotation of each field.

        Raises:
            UnreadableModelError: the model contains a construct that this package does not support.
        """
        if self._read is None:
            self._read = _annotations(self._model)
            for name, text in self._read.items():
                if _DEFAULT.search(text):
                    self._field(name, text)
            self._required = frozenset(self._read.keys() - vars(self._model).keys())
        return self._read

    def _field(self, name: str, text: str) -> tuple[str, str, Read]:
        declared, alias = split(eval(text, self.namespace))
        return name, alias or name, reader(declared, _read_model)


class PlainModel:
    """The base class of Hera's models. An instance has the given fields as attributes; all other fields are None.

    Instances must not be changed, because an instance converts its fields to JSON when it is made.
    """

    _fields: ClassVar[ModelFields]
    _json: object

    def __init_subclass__(cls) -> None:
        """Give a new model class its `ModelFields`, which read the annotations of the class when they are first
        needed."""
        cls._fields = ModelFields(cls)

    def __init__(self, /, **given: object) -> None:
        name, found = "", {}
        plan = self._fields.plan(tuple(given))
        try:
            for name, alias, read in plan:
                found[alias] = read(given[name])
        except MismatchError as error:
            raise TypeError(f"{type(self).__name__}.{name}: {error}") from None
        self.__dict__ = given
        self._json = found

    @classmethod
    def model_rebuild(cls) -> None:
        """Do nothing. Hera's modules call this function after the last class, so that pydantic reads the annotations;
        `PlainModel` reads them later."""


class PlainRootModel(PlainModel):
    """The base class of Hera's models that contain one value, `root`, and have the same JSON as this value."""

    def __class_getitem__(cls, _item: object) -> type[PlainRootModel]:
        """Return the class itself: `PlainRootModel[X]` needs no class of its own, because the annotation of `root`
        contains the type X."""
        return cls

    def __init__(self, root: object) -> None:
        super().__init__(root=root)
        (self._json,) = self._json.values()  # type: ignore[attr-defined] # the JSON of a model is a dict


def field_names(model: type[PlainModel]) -> KeysView[str]:
    """Return the names of a model's fields.

    Raises:
        UnreadableModelError: the model contains a construct that this package does not support.
    """
    return model._fields.annotations().keys()


def json_of(model: PlainModel) -> object:
    """Return the JSON of a model. All callers get the same object, so they must not change it."""
    return model._json


def bind(namespace: dict[str, object]) -> None:
    """Let the models that a module has defined read their annotations in the module's namespace."""
    for value in namespace.values():
        if isinstance(value, type) and issubclass(value, PlainModel) and value.__module__ == namespace["__name__"]:
            value._fields.namespace = namespace


def _annotations(model: type[PlainModel]) -> Mapping[str, str]:
    """Return the annotations of a model.

    Raises:
        UnreadableModelError: the class is more than a list of fields with the default None, or it inherits fields.
    """
    own = [base for base in model.__mro__ if base not in (PlainModel, PlainRootModel, object)]
    for base in own:
        names = {name for name in vars(base) if not name.startswith("__") or callable(vars(base)[name])}
        for name in names - {"_fields", "__dict__", "__weakref__"}:
            value, is_field = vars(base)[name], base is model and name in base.__annotations__
            if not (is_field and value is None) and not (name == "model_config" and value == CONFIG):
                raise UnreadableModelError(f"{base.__name__} has {name} = {value!r}")
        if base is not model and base.__annotations__:
            raise UnreadableModelError(f"{model.__name__} inherits fields from {base.__name__}")
    annotations = model.__annotations__
    if not all(isinstance(text, str) for text in annotations.values()):
        raise UnreadableModelError(f"the annotations of {model.__name__} are not strings")
    return annotations


def _read_model(model: type) -> Read:
    """Return the function that reads a field with a model as its type."""
    if not issubclass(model, PlainModel):
        raise UnreadableModelError(f"a field has the type {model.__name__}")
    if not issubclass(model, PlainRootModel):

        def read(value: object) -> object:
            if isinstance(value, model):
                return value._json
            raise MismatchError(f"a {model.__name__}, not {value!r}")

        return read

    def read_root(value: object) -> object:
        return (value if isinstance(value, model) else model(value))._json

    return read_root

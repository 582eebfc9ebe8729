"""Makes instances of Hera's models, and refuses unknown fields, which pydantic ignores."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from flowc.targets.argo.hera.plain_models import PlainModel, field_names, json_of

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flowc.targets.argo.object_types import Object

    Model = TypeVar("Model", bound=BaseModel)


def make(model: type[Model], /, **fields: object) -> Model:
    """Return an instance of one of Hera's models with these fields; fields that are None are left out.

    Args:
        model: a class of `hera.workflows.models`.
        fields: the values of the fields, by the fields' names in Python.

    Raises:
        TypeError: the model has no such field; or, unless pydantic checks it, a required field is missing, or a value
            has a type that the field does not allow.
        pydantic.ValidationError: pydantic finds a missing field or a wrong type.
    """
    known = field_names(model) if issubclass(model, PlainModel) else model.model_fields.keys()
    if not fields.keys() <= known:
        raise TypeError(f"{model.__name__} has no field {', '.join(sorted(fields.keys() - known))}")
    return model(**{name: value for name, value in fields.items() if value is not None})


def dump(model: BaseModel) -> Object:
    """Return a model as a manifest, with the field names of Kubernetes."""
    # The casts are needed because the declared types of `json_of` and `model_dump` are more general than `Object`.
    if isinstance(model, PlainModel):
        return cast("Object", json_of(model))
    return cast("Object", model.model_dump(mode="json", by_alias=True, exclude_none=True))

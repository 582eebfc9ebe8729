"""Makes Hera's generated models strictly: the models themselves silently drop unknown fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from pydantic import BaseModel

    from flowc.targets.argo.object_types import Object

    Model = TypeVar("Model", bound=BaseModel)


def make(model: type[Model], /, **fields: object) -> Model:
    """Return one of Hera's models with exactly these fields, without those that are None.

    Args:
        model: a class of `hera.workflows.models`.
        fields: values by the names of the model's fields in Python.

    Raises:
        TypeError: the model has no such field.
        pydantic.ValidationError: a value has a type that the field does not allow.
    """
    unknown = fields.keys() - model.model_fields.keys()
    if unknown:
        raise TypeError(f"{model.__name__} has no field {', '.join(sorted(unknown))}")
    return model(**{name: value for name, value in fields.items() if value is not None})


def dump(model: BaseModel) -> Object:
    """Return a model as a manifest, with the spelling of Kubernetes."""
    # A cast, since the type of a dump does not say that the models have the fields of Object.
    return cast("Object", model.model_dump(mode="json", by_alias=True, exclude_none=True))

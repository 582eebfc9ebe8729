"""Makes Hera's generated models and refuses unknown fields, which the models themselves silently ignore."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

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
        TypeError: the model has no such field.
        pydantic.ValidationError: a value has a type that the field does not allow.
    """
    unknown = fields.keys() - model.model_fields.keys()
    if unknown:
        raise TypeError(f"{model.__name__} has no field {', '.join(sorted(unknown))}")
    return model(**{name: value for name, value in fields.items() if value is not None})


def dump(model: BaseModel) -> Object:
    """Return a model as a manifest; its fields have their names in Kubernetes."""
    # The cast is needed because the type of `model_dump` does not show the fields of Object.
    return cast("Object", model.model_dump(mode="json", by_alias=True, exclude_none=True))

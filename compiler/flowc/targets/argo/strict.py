"""Hera's generated models as the typed object layer, without their one trap: they drop fields that they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)


def make(model: type[Model], /, **fields: Any) -> Model:
    """A model of exactly these fields; those that are None are left out.

    Raises:
        TypeError: the model has no such field.
    """
    unknown = fields.keys() - model.model_fields.keys()
    if unknown:
        raise TypeError(f"{model.__name__} has no field {', '.join(sorted(unknown))}")
    return model(**{name: value for name, value in fields.items() if value is not None})


def dump(model: BaseModel) -> dict[str, Any]:
    """The manifest, in Kubernetes' own spelling."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)

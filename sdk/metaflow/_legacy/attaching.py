"""`_attach_decorators_to_step`, under the name of Metaflow's module: hooks call it to add decorators to a step."""

from metaflow._legacy.hooks import attach_decorators as _attach_decorators_to_step

__all__ = ["_attach_decorators_to_step"]

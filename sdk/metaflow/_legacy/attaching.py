"""The module under which Metaflow has `_attach_decorators_to_step`, with which a hook adds decorators to a step."""

from metaflow._legacy.hooks import attach_decorators as _attach_decorators_to_step

__all__ = ["_attach_decorators_to_step"]

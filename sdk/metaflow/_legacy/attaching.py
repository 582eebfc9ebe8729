"""Metaflow's name for putting decorators on a step from a hook."""

from metaflow._legacy.hooks import attach_decorators as _attach_decorators_to_step

__all__ = ["_attach_decorators_to_step"]

"""Constants of a flow's class: values that its body sets, kept for those who read the run without its code."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from flowc_runtime import codecs
from flowc_runtime.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc_runtime.codecs import ArtifactRef
    from flowc_runtime.objects import Objects


def store_constants(objects: Objects, cls: type) -> dict[str, ArtifactRef]:
    """Store the constants of a class and its bases, by name; not those that cannot be pickled."""
    refs: dict[str, ArtifactRef] = {}
    for name, value in _constants(cls):
        try:
            refs[name] = codecs.store_value(objects, value)
        except ArtifactError:  # the code, which no reader of the run has, is free to have what it likes
            continue
    return refs


def _constants(cls: type) -> Iterator[tuple[str, Any]]:
    for name in dir(cls):
        value = inspect.getattr_static(cls, name)
        is_code = isinstance(value, type) or inspect.ismodule(value) or hasattr(type(value), "__get__")
        if not name.startswith("_") and not is_code:
            yield name, value

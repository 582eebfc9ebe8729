"""Describe values for records: the name of the type, and a text of at most one line."""

from __future__ import annotations

import itertools
import reprlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flowc_runtime.store.records.record_types import ArtifactRef

# records contain this name for the class ExternalFile, even after the class has moved to another module
EXTERNAL = "flowc_runtime.external.ExternalFile"
_EXTERNAL_CLASS = "flowc_runtime.store.backends.external.ExternalFile"


class _Short(reprlib.Repr):
    """A repr that never builds the full text of a huge value."""

    def repr_bytes(self, x: bytes, level: int) -> str:
        ends = x if len(x) <= 2 * self.maxother else x[: self.maxother] + x[-self.maxother :]
        return self.repr_instance(ends, level)

    def repr_int(self, x: int, level: int) -> str:
        if x.bit_length() > 10_000:  # Python refuses to print more than 4,300 digits
            return f"<int of {x.bit_length():,} bits>"
        return super().repr_int(x, level)


_SHORT = _Short()
_SHORT.maxstring = _SHORT.maxother = 80
_SHORT.maxlong = 40
IMMUTABLE = frozenset({int, float, bool, str, bytes, complex, type(None)})
_SHORT_NUMBERS = frozenset({float, bool, type(None)})  # types whose objects have a short repr
_SHORT_INT = 128  # bits: the repr of such a number has at most 40 characters
CONTAINERS = (list, tuple, dict, set, frozenset)
_BUILTIN = IMMUTABLE | set(CONTAINERS)
# Packages whose attributes `shape` and `dtype` are cheap and have no side effects.
_SHAPED = frozenset({"numpy", "pandas", "polars", "pyarrow", "scipy", "torch", "jaxlib", "xarray"})
# Packages of whose objects `flowc_runtime.run.previews` makes previews.
_PREVIEWED = frozenset({"numpy", "torch", "pandas", "polars", "PIL"})
_NAMES = frozenset(cls.__name__ for cls in CONTAINERS)


def type_name(cls: type) -> str:
    """Return the dotted name of a type; a builtin type's name has no module."""
    if cls.__module__ == "builtins":
        return cls.__qualname__
    name = f"{cls.__module__}.{cls.__qualname__}"
    return EXTERNAL if name == _EXTERNAL_CLASS else name


def short_repr(value: object) -> str:
    """Return a description of a value in at most one line.

    Only the repr of builtin types is called: the repr of a user's class may be slow, fail or contain a secret.
    """
    cls = type(value)
    if cls in _SHORT_NUMBERS or (cls is int and cast("int", value).bit_length() <= _SHORT_INT):
        return repr(value)
    if cls in _BUILTIN:
        if isinstance(value, CONTAINERS) and not _all_builtin(value, _SHORT.maxlevel):
            return f"<{type_name(cls)} of {len(value)}>"
        return _SHORT.repr(value)
    if cls.__module__.partition(".")[0] in _SHAPED and isinstance(shape := getattr(value, "shape", None), tuple):
        dtype = getattr(value, "dtype", "")
        return f"<{type_name(cls)} {'×'.join(map(str, shape))}{dtype and f' {dtype}'}>"
    return f"<{type_name(cls)}>"


def _all_builtin(value: object, levels: int) -> bool:
    """Return whether a short repr of the value, which shows `levels` levels, only contains values of builtin types."""
    if type(value) not in _BUILTIN:
        return False
    if not isinstance(value, CONTAINERS) or not levels:
        return True
    items: Iterator[object] = itertools.islice(value, 8)
    if isinstance(value, dict):
        items = itertools.chain.from_iterable(itertools.islice(value.items(), 8))
    return all(_all_builtin(item, levels - 1) for item in items)


def says_little(ref: ArtifactRef) -> bool:
    """Return whether a preview could show more of an artifact than its `repr`: the `repr` is cut, or only names the
    type. The artifact is of a type that has previews."""
    text, kind = ref["repr"], ref["type"]
    return "..." in text or (text[:1] == "<" and (kind in _NAMES or kind.partition(".")[0] in _PREVIEWED))


def without_preview(ref: ArtifactRef) -> ArtifactRef:
    """Return a reference without its preview, which only the record of the task that made the artifact contains."""
    if "preview" not in ref:
        return ref
    plain = ref.copy()
    del plain["preview"]
    return plain


def without_previews(refs: Mapping[str, ArtifactRef]) -> dict[str, ArtifactRef]:
    """Return a copy of references by name, without previews: the artifacts that a task inherits."""
    return {name: without_preview(ref) if "preview" in ref else ref for name, ref in refs.items()}

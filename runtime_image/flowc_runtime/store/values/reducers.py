"""Reducers for objects of some libraries, so that an object that was only read is pickled to the same bytes again.

The classes of these objects are looked up in loaded modules: if a module is not loaded, no value contains its objects.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Object: TypeAlias = Any  # an object of another library
    _Reducer: TypeAlias = Callable[[_Object], _Object]

OUT_OF_BAND = 1 << 16  # bytes: for a smaller buffer, a page of its own costs more than a copy
_NUMERIC = ("BooleanArray", "FloatingArray", "IntegerArray")
_TIMES = ("DatetimeArray", "PeriodArray", "TimedeltaArray")
_SPARSE = ("bsr_array", "bsr_matrix", "csc_array", "csc_matrix", "csr_array", "csr_matrix")
# A module, its classes, and attributes that cache computed values. The libraries pickle these attributes, too.
_COMPUTED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("pandas.arrays", (*_NUMERIC, *_TIMES), ("_cache",)),
    ("scipy.sparse", _SPARSE, ("_has_canonical_format", "_has_sorted_indices")),
)


def with_reducers(table: Mapping[type, _Reducer]) -> dict[type, _Reducer] | None:
    """Return a pickler's dispatch table with the reducers added, or None if none of the libraries is loaded."""
    own: dict[type, _Reducer] = {}
    if array := getattr(sys.modules.get("numpy"), "ndarray", None):
        own[array] = _reduce_array
    for module, names, attributes in _COMPUTED:
        if loaded := sys.modules.get(module):
            reduce = _without(attributes)
            own |= {cls: reduce for name in names if (cls := getattr(loaded, name, None)) is not None}
    return {**own, **table} if own else None


def _reduce_array(array: _Object) -> _Object:
    """Reduce an array so that a large view such as `m[::2]` is pickled out of band, like a contiguous array.

    Numpy would copy the view into the pickle. The array that is read back is contiguous, so its encoding would differ
    from that of the view.
    """
    flags = array.flags
    if array.nbytes >= OUT_OF_BAND and not array.dtype.hasobject and not (flags.c_contiguous or flags.f_contiguous):
        array = array.copy(order="C")
    return array.__reduce_ex__(5)


def _without(attributes: tuple[str, ...]) -> _Reducer:
    """Return a reducer that omits the given attributes, which the object computes again when they are accessed."""

    def reduce(value: _Object) -> _Object:
        for name in attributes:
            value.__dict__.pop(name, None)
        return value.__reduce_ex__(5)

    return reduce

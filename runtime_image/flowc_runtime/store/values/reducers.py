"""How objects of some libraries are pickled, so that what was only read is pickled to the same bytes again.

Their classes are looked up in modules that are loaded already: where one is not, no value has such objects.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    _Reducer: TypeAlias = Callable[[Any], Any]

OUT_OF_BAND = 1 << 16  # bytes; below, a page of its own costs more than a copy
_NUMERIC = ("BooleanArray", "FloatingArray", "IntegerArray")
_TIMES = ("DatetimeArray", "PeriodArray", "TimedeltaArray")
_SPARSE = ("bsr_array", "bsr_matrix", "csc_array", "csc_matrix", "csr_array", "csr_matrix")
# Of classes of a module, the attributes in which objects keep what they have computed from the rest, and pickle it too.
_COMPUTED: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("pandas.arrays", (*_NUMERIC, *_TIMES), ("_cache",)),
    ("scipy.sparse", _SPARSE, ("_has_canonical_format", "_has_sorted_indices")),
)


def with_reducers(table: Mapping[type, _Reducer]) -> dict[type, _Reducer] | None:
    """A pickler's dispatch table and entries for these classes, where it has none; None if no module has them."""
    own: dict[type, _Reducer] = {}
    if array := getattr(sys.modules.get("numpy"), "ndarray", None):
        own[array] = _reduce_array
    for module, names, attributes in _COMPUTED:
        if loaded := sys.modules.get(module):
            reduce = _without(attributes)
            own |= {cls: reduce for name in names if (cls := getattr(loaded, name, None)) is not None}
    return {**own, **table} if own else None


def _reduce_array(array: Any) -> Any:
    """A large view such as `m[::2]` goes out of band, which numpy does only with arrays that are contiguous.

    Numpy copies a view into the pickle. What is read from there is contiguous, so it never has that encoding again.
    """
    flags = array.flags
    if array.nbytes >= OUT_OF_BAND and not array.dtype.hasobject and not (flags.c_contiguous or flags.f_contiguous):
        array = array.copy(order="C")
    return array.__reduce_ex__(5)


def _without(attributes: tuple[str, ...]) -> _Reducer:
    """An object without what it computes anew when it is asked for."""

    def reduce(value: Any) -> Any:
        for name in attributes:
            vars(value).pop(name, None)
        return value.__reduce_ex__(5)

    return reduce

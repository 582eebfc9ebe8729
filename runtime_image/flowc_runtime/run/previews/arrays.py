"""Previews of arrays of numpy and tensors of torch: shape, type, and a histogram of a sample of the numbers."""

from __future__ import annotations

import sys
from math import prod
from typing import TYPE_CHECKING, Final

from flowc_runtime.store.values.descriptions import type_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc_runtime.run.previews.short_texts import ShortTexts
    from flowc_runtime.store.records.record_types import PreviewRecord
    from flowc_runtime.store.values.codecs import UserValue

COLUMNS: Final = 16
"""The number of columns of a histogram."""
MOST: Final = 4096
"""The number of elements that are read; of a larger array, elements at equal distances are read."""


def previews(value: UserValue, package: str, texts: ShortTexts) -> Iterator[PreviewRecord]:
    """Yield the previews of an array, largest first: with a histogram, and without one.

    Args:
        value: a value whose class belongs to numpy or torch.
        package: `numpy` or `torch`, which is imported.
        texts: makes the texts.
    """
    module = sys.modules[package]
    if package == "torch":
        if type(value) not in (module.Tensor, module.nn.Parameter):
            return
        shape, kind, is_number = tuple(value.shape), str(value.dtype), not value.dtype.is_complex
        here = value.device.type == "cpu" and value.layout is module.strided  # copying from a GPU takes long
    elif type(value) is module.ndarray:
        shape, here = value.shape, True
        own = type(value.dtype).__module__.partition(".")[0] == "numpy"
        kind = str(value.dtype) if own else type_name(type(value.dtype))
        is_number = value.dtype.kind in "biuf"
    elif isinstance(value, module.generic):
        if value.dtype.kind in "biufc":
            yield {"kind": "text", "text": repr(value.item()), "cut": False}
        return
    else:
        return
    about: PreviewRecord = {"kind": "array", "shape": list(shape[:16]), "dtype": texts.short(kind, 60)}
    if is_number and here and prod(shape) and "numpy" in sys.modules:
        yield {**about, **_histogram(value, package, shape)}
    yield about


def _histogram(value: UserValue, package: str, shape: Sequence[int]) -> PreviewRecord:
    """Return the fields of the histogram of an array with at least one element."""
    numpy = sys.modules["numpy"]
    steps = _steps(shape)
    sample = value[tuple(slice(None, None, step) for step in steps)]
    if package == "torch":
        sample = sample.detach().to(dtype=sys.modules["torch"].float64).numpy()
    found: PreviewRecord = {"kind": "array"}
    with numpy.errstate(all="ignore"):
        numbers = sample.astype(numpy.float64).ravel()
        finite = numbers[numpy.isfinite(numbers)]
        if any(step > 1 for step in steps):
            found["sampled"] = len(numbers)
        if len(finite) < len(numbers):
            found["missing"] = len(numbers) - len(finite)
        if len(finite):
            low, high = finite.min(), finite.max()
            found["least"], found["most"] = float(low), float(high)
            # halves, because the difference of two large numbers may be infinite
            shares = (finite / 2 - low / 2) / (high / 2 - low / 2) if high / 2 > low / 2 else finite * 0
            columns = numpy.minimum((shares * COLUMNS).astype(numpy.int64), COLUMNS - 1)
            found["counts"] = numpy.bincount(columns, minlength=COLUMNS).tolist()
    return found


def _steps(shape: Sequence[int]) -> list[int]:
    """Return the distances between the elements of a sample of at most MOST elements, one for each dimension."""
    steps, sizes = [1] * len(shape), list(shape)
    while prod(sizes) > MOST:
        axis = sizes.index(max(sizes))
        steps[axis] *= 2
        sizes[axis] = -(-shape[axis] // steps[axis])
    return steps

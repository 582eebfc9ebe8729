"""Previews of the tables and columns of pandas and polars: the first rows and columns as texts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flowc_runtime.run.previews.short_texts import ShortTexts
    from flowc_runtime.store.records.record_types import PreviewRecord
    from flowc_runtime.store.values.codecs import UserValue

_ROWS: Final = 6
_COLUMNS: Final = 8
_WIDEST: Final = 200  # columns: of a wider table, even the types of the columns take long to read


def previews(value: UserValue, package: str, texts: ShortTexts) -> Iterator[PreviewRecord]:
    """Yield the previews of a table, largest first: with fewer and fewer rows and columns.

    Args:
        value: a value whose class belongs to pandas or polars.
        package: `pandas` or `polars`, which is imported.
        texts: makes the texts of names and cells.
    """
    module = sys.modules[package]
    if type(value) is module.DataFrame:
        shape = list(value.shape)
        if shape[1] > _WIDEST:
            return
    elif type(value) is module.Series:
        shape = [len(value)]
    else:
        return
    read = _of_pandas if package == "pandas" else _of_polars
    found = read(value, len(shape) == 1)
    if found is None:
        return
    columns = [texts.cell(name) for name, _ in found]
    cells = [[texts.cell(cell) for cell in column] for _, column in found]
    rows = [list(row) for row in zip(*cells, strict=True)]
    count = len(rows)
    width = len(columns)
    while width:
        head = [row[:width] for row in rows[:count]]
        yield {"kind": "table", "shape": shape, "columns": columns[:width], "rows": head}
        if count > 2:
            count -= 1
        else:
            width -= 1


def _of_pandas(value: UserValue, single: bool) -> Sequence[tuple[object, Sequence[object]]] | None:
    """Return the name and the first values of each column, after a column with the index if the index has names.

    None if reading them could call code of the user: classes of columns, or attributes, which pandas copies.
    """
    kinds = [value.dtype] if single else [*value.dtypes.iloc[:_COLUMNS]]
    if value.attrs or not all(map(_is_own, kinds)):
        return None
    pandas, index = sys.modules["pandas"], value.index
    head = value.iloc[:_ROWS]
    found: list[tuple[object, Sequence[object]]] = []
    if type(index) in (pandas.Index, pandas.DatetimeIndex) and _is_own(index.dtype):
        found.append((index.name if index.name is not None else "", index[:_ROWS].tolist()))
    if single:
        return [*found, (value.name if value.name is not None else "", head.tolist())]
    names = value.columns[:_COLUMNS].tolist()
    return [*found, *((name, head.iloc[:, at].tolist()) for at, name in enumerate(names))]


def _is_own(dtype: UserValue) -> bool:
    """Return whether the class of a column's type is one of numpy or pandas: other classes may be the user's."""
    return type(dtype).__module__.partition(".")[0] in ("numpy", "pandas")


def _of_polars(value: UserValue, single: bool) -> Sequence[tuple[object, Sequence[object]]]:
    """Return the name and the first values of each column."""
    columns = [value] if single else [value.to_series(at) for at in range(min(value.width, _COLUMNS))]
    return [(column.name, column.head(_ROWS).to_list()) for column in columns]

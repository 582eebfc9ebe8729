"""The component `Table`: rows of values and components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from metaflow.plugins.cards.card_modules.card import MetaflowCardComponent
from metaflow.plugins.cards.card_modules.renderer_tools import NotShownError, render_part, render_safely
from metaflow.plugins.cards.card_modules.user_component import UserComponent
from metaflow.plugins.cards.card_modules.values import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Table"]
_ROWS, _COLUMNS = 100, 30  # a larger data frame is shortened to this size


class Table(UserComponent):
    """A table whose cells are values or other components.

    >>> current.card.append(Table([["a", 1], ["b", Markdown("*two*")]], headers=["name", "value"]))

    Args:
        data: the rows, each a sequence of cells: values or components.
        headers: the headings of the columns.
        disable_updates: whether `update` has no effect.
    """

    def __init__(
        self,
        data: Sequence[Sequence[object]] | None = None,
        headers: Sequence[object] | None = None,
        disable_updates: bool = False,
    ) -> None:
        self._data = cast("Iterable[Iterable[object]]", [[]] if data is None else data)  # `render` checks them
        self._headers = cast("Iterable[object]", [] if headers is None else headers)
        self._fixed = disable_updates
        self._note: str | None = None

    @classmethod
    def from_dataframe(cls, dataframe: object = None, truncate: bool = True) -> Table:
        """Return a Table with the content of a pandas or Polars data frame.

        Args:
            dataframe: the data frame, or a series. Missing values are shown as None.
            truncate: whether to show at most 100 rows and 30 columns; the card then shows the data frame's full size.

        >>> current.card.append(Table.from_dataframe(houses))
        """
        table = cls()
        table._show(dataframe, truncate)
        return table

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Show other rows; the arguments are the same as for `Table` or `from_dataframe`."""
        if self._is_fixed():
            return
        frame = args[0] if args else kwargs.get("dataframe")
        if hasattr(frame, "columns"):
            self._show(frame, kwargs.get("truncate", True))
        else:
            self._wrong = None
            self.__init__(*args, **kwargs)  # type: ignore[misc]

    def _show(self, frame: object, truncate: bool) -> None:
        shown = self._try(_of_frame, frame, truncate)
        self._data, self._headers, self._note = shown if shown is not None else ([[]], [], None)

    @render_safely
    def render(self) -> dict[str, Any]:
        """Return the component as a dict."""
        try:
            rows = [[_cell(value) for value in row] for row in self._data]
            columns = [str(header) for header in self._headers]
        except TypeError:
            raise NotShownError("a Table takes a list of rows, each a list of cells, and a list of headers") from None
        return self._base("table", columns=columns, data=rows, vertical=False, note=self._note)


def _cell(value: object) -> Any:
    return render_part(value) if isinstance(value, MetaflowCardComponent) else plain(value)


def _of_frame(frame: Any, truncate: bool) -> tuple[list[list[Any]], list[str], str | None]:
    """Return the rows and the headers of a data frame. If the data frame is shortened, also return a note about its
    full size."""
    if hasattr(frame, "to_frame"):  # a series, which is a single column
        frame = frame.to_frame()
    if not hasattr(frame, "columns") or not hasattr(frame, "shape"):
        raise NotShownError(f"from_dataframe takes a data frame of pandas or Polars, not {type(frame).__name__}")
    height, width = frame.shape
    note = None
    if truncate and (height > _ROWS or width > _COLUMNS):
        note = f"{min(height, _ROWS):,} of {height:,} rows, {min(width, _COLUMNS)} of {width:,} columns"
        frame = frame.iloc[:_ROWS, :_COLUMNS] if hasattr(frame, "iloc") else frame[:_ROWS, :_COLUMNS]
    headers = [_header(column) for column in frame.columns]
    if not hasattr(frame, "itertuples"):
        return [[_or_none(value) for value in row] for row in frame.rows()], headers, note
    names = [name for name in frame.index.names if name is not None]
    index = bool(names) or type(frame.index).__name__ != "RangeIndex"
    rows = [[_or_none(value) for value in row] for row in frame.itertuples(index=index, name=None)]
    return rows, [", ".join(map(str, names)), *headers] if index else headers, note


def _header(column: object) -> str:
    """Return the name of a column as text; the name of a multi-level column includes all levels."""
    return ", ".join(map(str, column)) if isinstance(column, tuple) else str(column)


def _or_none(value: object) -> object:
    """Return a value of a data frame; a missing value (NaN, NaT, NA) becomes None."""
    try:
        missing = bool(value != value)
    except (
        TypeError,
        ValueError,
    ):  # the result of comparing NA, or an array, cannot be converted to a bool
        missing = type(value).__name__ == "NAType"
    return None if missing else value

"""Lists go on without the records that cannot be read, and name each of these once."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc_runtime.base.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RecordWarning(UserWarning):
    """An object of the store cannot be read, and what it is about is left out."""


# A command line's own way to tell it, in place of a warning of Python's.
told_by: Callable[[str], None] | None = None


def tell(error: RecordError) -> None:
    """Name a record that cannot be read."""
    if told_by is not None:
        told_by(str(error))
    else:
        warnings.warn(str(error), RecordWarning, stacklevel=2)


@contextmanager
def going_on() -> Iterator[None]:
    """Leave out what needs a record that cannot be read: `with going_on(): rows.append(row(run))`."""
    try:
        yield
    except RecordError as error:
        tell(error)


@contextmanager
def told_through(tell_line: Callable[[str], None]) -> Iterator[None]:
    """In here each record that cannot be read is told to `tell_line`, once."""
    global told_by
    before, known = told_by, set[str]()

    def tell_once(line: str) -> None:
        if line not in known:
            known.add(line)
            tell_line(line)

    told_by = tell_once
    try:
        yield
    finally:
        told_by = before

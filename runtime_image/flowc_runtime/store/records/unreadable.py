"""Lists leave out unreadable records and report each of them once."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc_runtime.base.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RecordWarning(UserWarning):
    """A warning: an object of the store cannot be read, and its run or task is left out."""


# How a command line reports it, instead of a Python warning.
told_by: Callable[[str], None] | None = None


def tell(error: RecordError) -> None:
    """Report a record that cannot be read."""
    if told_by is not None:
        told_by(str(error))
    else:
        warnings.warn(str(error), RecordWarning, stacklevel=2)


@contextmanager
def going_on() -> Iterator[None]:
    """Skip a block that needs an unreadable record: `with going_on(): rows.append(row(run))`."""
    try:
        yield
    except RecordError as error:
        tell(error)


@contextmanager
def told_through(tell_line: Callable[[str], None]) -> Iterator[None]:
    """Report each unreadable record inside the block once, by `tell_line`."""
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

"""Report unreadable records: listings leave out a run or a task whose record is unreadable."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RecordWarning(UserWarning):
    """A warning: an object of the store cannot be read, and its run or task is left out."""


def tell(error: RecordError) -> None:
    """Report a record that cannot be read."""
    if (report := ambient().report_unreadable) is not None:
        report(str(error))
    else:
        warnings.warn(str(error), RecordWarning, stacklevel=2)


@contextmanager
def skipping() -> Iterator[None]:
    """If the code in the `with` block finds an unreadable record, report the record and continue after the block: `with
    skipping(): rows.append(row(run))`."""
    try:
        yield
    except RecordError as error:
        tell(error)


@contextmanager
def reporting_by(tell_line: Callable[[str], None]) -> Iterator[None]:
    """Report each unreadable record that the code in the `with` block finds once, by a call of `tell_line`."""
    here, known = ambient(), set[str]()
    before = here.report_unreadable

    def tell_once(line: str) -> None:
        if line not in known:
            known.add(line)
            tell_line(line)

    here.report_unreadable = tell_once
    try:
        yield
    finally:
        here.report_unreadable = before

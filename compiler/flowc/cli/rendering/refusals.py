"""Reports an OSError or RecursionError that a command does not handle, in one line with the file or the line of code.

Commands themselves report an error if they know the file that caused it. `calling.reporting_errors` passes the
remaining errors to this module. The remaining errors are OSErrors, with or without a file's name, and RecursionErrors
because of input that is nested too deeply.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc.cli.options.common import fail
from flowc.cli.rendering.streams import is_of_a_stream
from flowc_runtime.base.own_packages import OWN_PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


@contextmanager
def reporting_system_errors() -> Iterator[None]:
    """A context manager for a command: an OSError or RecursionError ends the program with one line of text.

    Raises:
        SystemExit: the command raised an OSError or a RecursionError; the error is printed.
        OSError: an output stream failed; `reporting_failed_output` reports that.
    """
    try:
        yield
    except OSError as error:
        if is_of_a_stream(error):
            raise
        why = error.strerror or str(error) or type(error).__name__
        if error.filename is None:
            fail(f"{why}{_where(error.__traceback__)}")
        names = [os.fsdecode(each) if isinstance(each, (str, bytes)) else f"descriptor {each}"
                 for each in (error.filename, error.filename2) if each is not None]  # fmt: skip
        fail(f"{' -> '.join(names)}: {why}", _HINTS.get(type(error)))
    except RecursionError as error:
        fail(
            f"the input is nested too deeply{_where(error.__traceback__)}",
            "look for many brackets, or an expression of thousands of terms, in the flow's files and its input",
        )


_HINTS = {
    PermissionError: "make it readable (writable if the command writes it), or name another file",
    FileNotFoundError: "another process may have removed it",
}


def _where(traceback: TracebackType | None) -> str:
    """Return the module and line of the innermost frame in flowc's own code, for the error message."""
    found = ""
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in OWN_PACKAGES and module != __name__:
            found = f" (in {module}, line {traceback.tb_lineno})"
        traceback = traceback.tb_next
    return found

"""Functions that run around every command: they check the installation before the command, and report errors that the
command does not handle.

Hazard: this module must not import `metaflow`, because it must first check that the installed `metaflow` is flowc's.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowc.cli.light_click import click
from flowc.cli.options.common import fail, fail_with
from flowc.cli.rendering.refusals import reporting_system_errors
from flowc.installation import REPAIR, find_fault
from flowc_runtime.base.config import settings
from flowc_runtime.base.config.configuration import current_file
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.store.records import unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_setup() -> None:
    """Check that the package `metaflow` is flowc's, and that the configuration file has no fault; print warnings.

    Raises:
        SystemExit: another package provides `metaflow`; the error is printed.
        ConfigurationError: the configuration file has a fault.
    """
    if (fault := find_fault()) is not None:
        if fault.fatal:
            fail(fault.message, REPAIR)
        click.echo(f"warning: {fault.message}\nhint: {REPAIR}", err=True)
    current_file()


@contextmanager
def reporting_errors() -> Iterator[None]:
    """A context manager for a command: an error of flowc ends the program with one line of text.

    Unreadable records are reported as warnings.

    Raises:
        SystemExit: the command raised an error; it is printed. The exit code is 2 for a wrong setting.
    """
    try:
        settings.check()
        with reporting_system_errors(), unreadable.reporting_by(lambda line: click.echo(f"warning: {line}", err=True)):
            yield
    except FlowcError as error:  # for example, the store is unreachable
        fail_with(error)

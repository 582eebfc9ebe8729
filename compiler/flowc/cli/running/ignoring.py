"""Leaves files that git ignores out of manifests and of a run's recorded code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail
from flowc.frontends.travel import stays, without_ignored
from flowc.ignored import NoGitError, UnknownError
from flowc_ir.late.dataclass import replace
from flowc_runtime.base.config import configuration

if TYPE_CHECKING:
    from flowc.cli.options.loading import Checked
    from flowc.package import Package

_SECONDS = 2  # seconds that git may take when a run begins


def travelling(checked: Checked) -> Checked:
    """Return the flow with a code package without files that git ignores.

    Print a note about ignored files that the flow may need. If git is not installed, print a note and package ignored
    files, too.

    Raises:
        SystemExit: git fails to report the ignored files; the error is printed.
    """
    try:
        package, gone = without_ignored(checked.package, checked.flow.code.file, _patterns())
    except NoGitError as error:
        click.echo(f"note: {error}: files that git ignores are packaged too", err=True)
        return checked
    except UnknownError as error:
        message = f"the files that git ignores are unknown, and they must not be packaged: {error}"
        fail(
            message,
            "make `git status` work in the flow's directory, delete a `.git` that is not a repository, or move the "
            "flow elsewhere",
        )
    if line := stays(checked.package, gone):
        click.echo(f"note: {line}", err=True)
    flow = replace(checked.flow, code=replace(checked.flow.code, digest=package.digest))
    return checked._replace(flow=flow, package=package)


def recordable_files(package: Package, own: str, *, secrets: bool = False) -> list[tuple[str, bytes]] | None:
    """Return the files of a code package that a run's record may contain: Python files and the flow's file.

    Args:
        package: the code package.
        own: the flow's file.
        secrets: whether to include files that contain the word `secrets`; they may contain secret values.

    Returns:
        The relative path and the content of each file that the record may contain. The result is None if git does not
        report the ignored files within two seconds.
    """
    try:
        package, _ = without_ignored(package, own, _patterns(), seconds=_SECONDS)
    except NoGitError:
        pass
    except UnknownError:
        return None
    return [
        file for file in package.files
        if (file[0].endswith(".py") or file[0] == own) and (secrets or b"secrets" not in file[1])
    ]  # fmt: skip


def is_code(checked: Checked, digest: str) -> bool:
    """Return whether a digest is the digest of the flow's code package, with or without the files that git ignores.

    If git fails to report the ignored files, the digest is only compared with the digest of the complete package.
    """
    if digest == checked.package.digest:
        return True
    try:
        package, _ = without_ignored(checked.package, checked.flow.code.file, _patterns(), seconds=_SECONDS)
    except UnknownError:
        return False
    return digest == package.digest


def _patterns() -> list[str]:
    """Return the patterns of files that are packaged although git ignores them."""
    return [part.strip() for part in (configuration.text("package-ignored") or "").split(",") if part.strip()]

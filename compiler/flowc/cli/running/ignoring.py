"""Files that git ignores, left out of what leaves the flow's directory: of manifests, and of what a run keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from flowc.cli.options.common import fail
from flowc.frontends.travel import stays, without_ignored
from flowc.ignored import NoGitError, UnknownError
from flowc_runtime.base.config import configuration

if TYPE_CHECKING:
    from flowc.cli.options.loading import Checked
    from flowc.package import Package

_SECONDS = 2  # how long the beginning of a run waits for git


def travelling(found: Checked) -> Checked:
    """The flow with the package that may travel; of files that it may need and that stay, a line says so.

    Where git does not say what it ignores, the program ends.
    """
    try:
        package, gone = without_ignored(found.package, found.flow.code.file, _patterns())
    except NoGitError as error:
        click.echo(f"note: {error}: files that it ignores travel too", err=True)
        return found
    except UnknownError as error:
        message = f"it is unknown which files git ignores, and those must not travel: {error}"
        fail(message, "make `git status` work there, delete a `.git` that is no repository, or move the flow elsewhere")
    if line := stays(found.package, gone):
        click.echo(f"note: {line}", err=True)
    flow = replace(found.flow, code=replace(found.flow.code, digest=package.digest))
    return found._replace(flow=flow, package=package)


def kept_files(package: Package, own: str, *, secrets: bool = False) -> list[tuple[str, bytes]] | None:
    """The Python files of a package that a run may keep; None where git does not say in time what it ignores.

    `own` is the flow's file. A file in which the word `secrets` stands may hold some; with `secrets` it counts too.
    """
    try:
        package, _ = without_ignored(package, own, _patterns(), seconds=_SECONDS)
    except NoGitError:
        pass
    except UnknownError:
        return None
    return [file for file in package.files if file[0].endswith(".py") and (secrets or b"secrets" not in file[1])]


def is_code(found: Checked, digest: str) -> bool:
    """Whether a digest is that of the flow's code, as a whole or as it travels."""
    if digest == found.package.digest:
        return True
    try:
        package, _ = without_ignored(found.package, found.flow.code.file, _patterns(), seconds=_SECONDS)
    except UnknownError:
        return False
    return digest == package.digest


def _patterns() -> list[str]:
    """Those of the files that travel although git ignores them."""
    return [part.strip() for part in (configuration.text("package-ignored") or "").split(",") if part.strip()]

"""Read `@project` into the IR's `Project`, and determine the branch from the decorator and the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypedDict, cast, final

from flowc.frontends.metaflow.decorators.reader import BOOL, TEXT, ArgumentKind, optional
from flowc_ir import Project, codes
from flowc_ir.late.dataclass import dataclass
from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flowc.frontends.metaflow.decorators.reader import Reader
    from metaflow.decorators import Applied

    class _Arguments(TypedDict, total=False):
        name: str
        branch: str | None
        production: bool


PROJECT: Final[Mapping[str, ArgumentKind]] = {"name": TEXT, "branch": optional(TEXT), "production": BOOL}
_NAME = late_pattern(r"[a-z0-9_]+", re.ASCII)
_MAX_NAME = 128


class DeploymentError(Exception):
    """The options `--branch` and `--production` contradict the flow."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectBranch:
    """The user who compiles or runs a flow, and the options of the command line that choose the project's branch.

    Attributes:
        user: the user's name; without a branch name the branch is `user.NAME`.
        branch: the value of `--branch`; None for the branch of the decorator.
        production: whether `--production` is set.
        needs_project: whether a flow without `@project` is refused.
    """

    user: str = ""
    branch: str | None = None
    production: bool = False
    needs_project: bool = False


def read_project(reader: Reader, applied: Applied, deployment: ProjectBranch) -> Project | None:
    """Convert one `@project` to a `Project` of the IR. Return None if the decorator has a fault, which is reported.

    Args:
        reader: reads decorators of the class and collects their faults.
        applied: the decorator `@project` as it was applied.
        deployment: the user and the branch options of the command line.

    Raises:
        DeploymentError: the command line contradicts the decorator.
    """
    arguments = cast("_Arguments | None", reader.arguments(applied, PROJECT))
    if arguments is None:
        return None
    name, branch = arguments.get("name"), arguments.get("branch")
    if name is None:
        reader.faults.add(
            codes.BAD_ARGUMENT, reader.span(applied), "@project has no name", hint='write @project(name="…")'
        )
        return None
    before = len(reader.faults)
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        reader.faults.add(
            codes.BAD_ARGUMENT,
            reader.span(applied, "name"),
            f"@project: {name!r} is not a valid name for a project",
            hint=f"use lower-case letters, digits and _, at most {_MAX_NAME} characters",
        )
    if branch is not None and not _NAME.fullmatch(branch):
        reader.faults.add(
            codes.BAD_ARGUMENT,
            reader.span(applied, "branch"),
            f"@project: {branch!r} is not a valid name for a branch",
            hint="use lower-case letters, digits and _",
        )
    if deployment.branch is not None:
        if branch is not None:
            raise DeploymentError(f"--branch is '{deployment.branch}', but @project has '{branch}': give only one")
        if not _NAME.fullmatch(deployment.branch):
            raise DeploymentError(
                f"{deployment.branch!r} is not a valid name for a branch: use lower-case letters, digits and _"
            )
        branch = deployment.branch
    if len(reader.faults) > before:
        return None
    production = arguments.get("production", False) or deployment.production
    return Project(name=name, branch=_resolve(branch, deployment.user, production=production), production=production)


def _resolve(branch: str | None, user: str, *, production: bool) -> str:
    if branch is None:
        return "prod" if production else f"user.{user}"
    return f"{'prod' if production else 'test'}.{branch}"


def check_unused(deployment: ProjectBranch, flow: str, *, has_project: bool) -> None:
    """Refuse `--branch` and `--production` for a flow without a project.

    Args:
        deployment: the options of the command line.
        flow: the flow's name.
        has_project: whether the flow has `@project`.

    Raises:
        DeploymentError: the flow has no project.
    """
    if deployment.needs_project and not has_project:
        option = "--branch" if deployment.branch is not None else "--production"
        raise DeploymentError(f"{option} is for flows with @project, and {flow} has none")

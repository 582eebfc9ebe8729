"""The options of the command line that apply to one flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.frontends.metaflow.configs import ConfigSources
    from flowc.frontends.metaflow.decorators.project import ProjectBranch
    from metaflow.decorators import Applied

Ask: TypeAlias = "Callable[[type], LoadOptions]"
ChooseClass: TypeAlias = "Callable[[type | None], str | None]"


class LoadOptions(NamedTuple):
    """The options of the command line that apply to one flow.

    Attributes:
        with_decorators: decorators of `--with`, which are added to the steps that do not have them.
        deployment: the user and the branch of the flow; None for the defaults.
        configs: the sources from which configs get their values; None if all configs get their defaults.
        suffixes: endings of file names; files with these endings are packaged in addition to Python files.
    """

    with_decorators: Sequence[Applied] = ()
    deployment: ProjectBranch | None = None
    configs: ConfigSources | None = None
    suffixes: tuple[str, ...] = ()

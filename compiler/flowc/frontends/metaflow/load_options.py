"""The options of the command line that apply to one flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

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
        with_decorators: decorators for the steps that do not have them.
        deployment: the user and the branch of the flow; None for the defaults.
        configs: the sources of the configs' values; None for none.
        suffixes: ends of the names of files that are packaged besides Python files.
    """

    with_decorators: Sequence[Applied] = ()
    deployment: ProjectBranch | None = None
    configs: ConfigSources | None = None
    suffixes: tuple[str, ...] = ()

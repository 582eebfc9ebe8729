"""The options of the command line that apply to one flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc.frontends.metaflow.configs import ConfigSources
    from flowc.frontends.metaflow.decorators.project import ProjectBranch
    from metaflow.decorators import Applied

Ask: TypeAlias = "Callable[[type], Asked]"
ChooseClass: TypeAlias = "Callable[[type | None], str | None]"


class Asked(NamedTuple):
    """The options of the command line that apply to one flow; None leaves a field at its default."""

    with_decorators: Sequence[Applied] = ()
    deployment: ProjectBranch | None = None
    configs: ConfigSources | None = None
    suffixes: tuple[str, ...] = ()

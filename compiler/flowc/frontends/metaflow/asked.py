"""What the command line says of a flow besides its name."""

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
    """What the command line says of the flow besides its name."""

    with_decorators: Sequence[Applied] = ()
    deployment: ProjectBranch | None = None
    configs: ConfigSources | None = None
    suffixes: tuple[str, ...] = ()

"""What passes are told besides the flow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from flowc_runtime.store.values.files import MAX_PACKED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from pathlib import Path

    from flowc_ir import Parameter
    from flowc_ir.diagnostic import Diagnostic


class PassError(Exception):
    """A pass has found faults; `diagnostics` are all that it found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(diagnostic.message for diagnostic in self.diagnostics))


@final
@dataclass(slots=True)
class Room:
    """Where the content of files goes: `inline` bytes with the names of the files, `package` bytes beside the code.

    What has no room is given to `name`, which returns what stands for the file in the store, or refuses it. `packed`
    are the files beside the code: paths in the package, and contents. `far` are those to send: the parameter, the path,
    and what stands for it.
    """

    package: int
    name: Callable[[str], dict[str, Any]]
    inline: int = MAX_PACKED
    packed: dict[str, bytes] = field(default_factory=dict)
    far: list[tuple[Parameter, str, dict[str, Any]]] = field(default_factory=list)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the command line and the target say.

    Attributes:
        scheduled: whether the flow's schedule will start runs.
        packages: whether tasks get the packages that their steps ask for; if not, where they run has them.
        beside: the directory where a file is looked up that is not in the working directory.
        room: where the content of files goes; None leaves the files where they are.
        now: when the flow is compiled, an aware time; None is the time of the clock.
    """

    scheduled: bool = True
    packages: bool = True
    beside: Path | None = None
    room: Room | None = None
    now: datetime | None = None

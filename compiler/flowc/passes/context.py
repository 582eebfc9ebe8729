"""The class `Context`: what passes get in addition to the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_runtime.store.values.files import MAX_PACKED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from flowc_ir import Parameter
    from flowc_ir.diagnostic import Diagnostic
    from flowc_runtime.base.config.pod_tables import PodTables


class PassError(Exception):
    """The error of a pass that refuses the flow; `diagnostics` are all faults that the pass found."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("; ".join(diagnostic.message for diagnostic in self.diagnostics))


@final
@dataclass(slots=True)
class Room:
    """Some parameters have a file as their default. A `Room` has the space that remains for these files, and the files
    for which `pack_files` has already decided whether they are in the code package or in the store.

    Attributes:
        package: the number of bytes that files may add to the code package.
        name: a function that is called with the path of a file that fits neither into the package nor into the IR. The
            function returns the file's reference in the store, or raises ParameterError or FlowcError.
        inline: the number of bytes that the contents of files may add to the IR.
        packed: the files to add to the code package: path in the package -> content.
        far: for each file to send to the store, the parameter, the file's path, and the result of `name`.
    """

    package: int
    name: Callable[[str], Mapping[str, object]]
    inline: int = MAX_PACKED
    packed: dict[str, bytes] = field(default_factory=dict)
    far: list[tuple[Parameter, str, Mapping[str, object]]] = field(default_factory=list)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The inputs of passes from the command line and the target.

    Attributes:
        scheduled: whether the flow's schedule will start runs.
        packages: whether tasks install the packages of their steps; False if the packages are already installed where
            tasks run.
        beside: the directory in which a file that is a parameter's default is looked up if it is not in the working
            directory.
        room: the space for files that are defaults of parameters; if it is None, these files are not packed.
        now: the time of compilation, an aware datetime; None is the present.
        pods: the tables of the configuration file with defaults and overrides of steps; None if the file has no such
            tables.
        configuration: the name of the configuration file in hints.
    """

    scheduled: bool = True
    packages: bool = True
    beside: Path | None = None
    room: Room | None = None
    now: datetime | None = None
    pods: PodTables | None = None
    configuration: str = "flowc.toml"

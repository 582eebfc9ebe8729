"""What a target is: a system that a flow is compiled for, and perhaps runs are started on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import click

    from flowc.package import Package
    from flowc.targets.deployment import Deployment, Need
    from flowc_ir.diagnostic import Faults
    from flowc_ir.graphs.analysis import Analysis

Settings = TypeVar("Settings")
Product = TypeVar("Product")


class Travel(NamedTuple):
    """How a flow travels to where its tasks run.

    Attributes:
        store: the URL of the store in which the runs keep their records.
        claim: the volume of a store in a directory, None where the store is a bucket.
        capacity: how many bytes the code, the IR and the files that are defaults may have together.
    """

    store: str
    claim: str | None
    capacity: int


def _no_options() -> Sequence[click.Option]:
    return ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Generic[Settings, Product]):
    """A system that flows are compiled for.

    Attributes:
        name: what `--target` calls it.
        about: the help of `flowc compile` for this target.
        settings: makes the settings from the values that are given for `options`, by their names. Raises ValueError,
            whose text begins with the name of the value and a colon.
        lower: makes the product of a flow without faults, given its analysis, the code that travels, and the settings.
            Raises BackendError for what the system cannot run, TargetError for what is missing here.
        emit: writes the product as text; the same product gives the same text.
        check: adds what the system cannot run to the faults, before `lower`.
        options: makes the options of `flowc compile` that are the target's own.
        configured: the values that a variable or the configuration file can give: their names and the settings' keys.
        travel: how the flow travels to where its tasks run; None for a target that runs nothing, such as a picture.
        scheduled: whether the product starts runs by the flow's @schedule, so that its warnings matter.
        what_next: the command that uses a file with the product, given the file and the settings; "" for none.
        needs: what has to be installed for the target.
        deployment: the commands for runs and flows on the system.
    """

    name: str
    about: str
    settings: Callable[[Mapping[str, object]], Settings]
    lower: Callable[[Analysis, Package, Settings], Product]
    emit: Callable[[Product], str]
    check: Callable[[Analysis, Settings, Faults], None] = lambda analysis, settings, faults: None
    options: Callable[[], Sequence[click.Option]] = _no_options
    configured: Mapping[str, str] = field(default_factory=dict)
    travel: Callable[[Settings], Travel] | None = None
    scheduled: Callable[[Settings], bool] = lambda settings: False
    what_next: Callable[[str, Settings], str] = lambda path, settings: ""
    needs: tuple[Need, ...] = ()
    deployment: Deployment | None = None

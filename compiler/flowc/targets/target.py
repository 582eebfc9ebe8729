"""The class `Target`: a system for which flows are compiled, and which may run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, final

from flowc_ir.late.dataclass import dataclass, field
from flowc_ir.late.namedtuple import NamedTuple

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
    """The way in which the code of a flow gets to its tasks.

    Attributes:
        store: the URL of the store for the records of runs.
        claim: the volume with the store's directory, None if the store is a bucket.
        capacity: the maximum size in bytes of the code, the IR and the files that are defaults of parameters, together.
    """

    store: str
    claim: str | None
    capacity: int


def _no_options() -> Sequence[click.Option]:
    return ()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Generic[Settings, Product]):
    """A system for which flows are compiled.

    Attributes:
        name: the value of `--target`.
        about: the help of `flowc compile` for this target.
        settings: a function that gets the values of `options` by name, and returns the settings. For a wrong value, the
            function raises ValueError, whose text begins with the name of the value and a colon.
        lower: a function that compiles a flow: it gets the analysis of a flow without faults, the code package and the
            settings, and returns the product. Raises BackendError if the system cannot run the flow, TargetError if
            something is not installed here.
        emit: a function that returns the product as text; equal products have equal texts.
        check: reports the constructs that the system cannot run; called before `lower`.
        options: returns the target's own options of `flowc compile`.
        configured: the options that an environment variable or the configuration file can set, and their keys in this
            file.
        travel: how the code gets to the tasks; None for a target without tasks, such as a picture.
        scheduled: returns whether the product starts runs by the flow's @schedule; if so, warnings about the schedule
            are shown.
        what_next: returns a command that uses a file with the product, or "".
        needs: the distributions that the target needs.
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

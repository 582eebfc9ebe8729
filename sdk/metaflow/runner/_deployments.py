"""The interface between `Deployer` and a cluster: the deployed flows of one namespace, and their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_ir.model import Parameter

    Words = Callable[[Sequence[Parameter]], list[tuple[str, str]]]


class Deployment(NamedTuple):
    """A deployed flow.

    Attributes:
        name: the name of the WorkflowTemplate.
        flow: the name of the flow's class.
        store: the address of the store in which the flow's runs are recorded.
        namespace: the namespace in the cluster.
    """

    name: str
    flow: str
    store: str
    namespace: str


class RunStatus(NamedTuple):
    """A run in the cluster.

    Attributes:
        phase: Argo's phase, such as `Running`.
        suspended: whether the run is suspended.
        active: whether the run has not ended yet.
    """

    phase: str
    suspended: bool
    active: bool


class Deployments(Protocol):
    """The deployed flows of one namespace of a cluster.

    Each method raises MetaflowException if the cluster rejects the request, does not have the object, or cannot be
    reached.
    """

    def find(self, name: str) -> Deployment:
        """Return the deployed flow with this name: the name of its class or of its WorkflowTemplate."""
        ...

    def find_all(self) -> Iterator[Deployment]:
        """Return all deployed flows."""
        ...

    def template(self, name: str) -> dict[str, Any]:
        """Return the manifest of a deployed flow, as the cluster stores it."""
        ...

    def start(self, name: str, words: Words) -> str:
        """Start a run and return its id.

        Args:
            name: The name of the WorkflowTemplate.
            words: A function that is called with the parameters that the flow declares. The function returns the run's
                arguments as (name, text) pairs, as for `flowc trigger --param`.

        Raises:
            ValueError: a parameter's name or value is invalid.
        """
        ...

    def delete(self, name: str, *, force: bool) -> bool:
        """Delete a deployed flow; return False if it did not exist.

        Raises:
            MetaflowException: an active run needs the deployed flow, and `force` is false.
        """
        ...

    def status(self, run: str) -> RunStatus:
        """Return the status of a run."""
        ...

    def suspend(self, run: str, *, on: bool) -> None:
        """Suspend a run if `on` is true, otherwise resume it."""

    def terminate(self, run: str) -> bool:
        """End a run and record its end; return False if its pods did not end in time."""
        ...

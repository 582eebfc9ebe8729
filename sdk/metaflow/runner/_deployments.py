"""What the `Deployer` asks of a cluster: the deployed flows of one namespace, and their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flowc_ir.model import Parameter

    Words = Callable[[Sequence[Parameter]], list[tuple[str, str]]]


class Deployment(NamedTuple):
    """A deployed flow.

    Attributes:
        name: the template's.
        flow: the flow's own name.
        store: the address of the store of its runs.
        namespace: the cluster's.
    """

    name: str
    flow: str
    store: str
    namespace: str


class RunStatus(NamedTuple):
    """A run as the cluster knows it: Argo's phase, whether it is held, and whether it has yet to end."""

    phase: str
    suspended: bool
    active: bool


class Deployments(Protocol):
    """The deployed flows of one namespace of a cluster. Each method raises MetaflowException."""

    def find(self, name: str) -> Deployment:
        """Return the flow that is deployed under this name, its class's or its template's."""

    def find_all(self) -> Iterator[Deployment]:
        """Return all deployed flows."""

    def template(self, name: str) -> dict[str, Any]:
        """Return the manifest of a deployed flow."""

    def start(self, name: str, words: Words) -> str:
        """Start a run and return its id.

        Args:
            name: The template's.
            words: Returns names and texts of parameters, as `flowc trigger --param` takes them. It is given those that
                the flow declares.

        Raises:
            ValueError: a name or a value is wrong.
        """

    def delete(self, name: str, *, force: bool) -> bool:
        """Delete a deployed flow; return whether it was there. Without `force` it must have no active run."""

    def status(self, run: str) -> RunStatus:
        """Return the status of a run."""

    def suspend(self, run: str, *, on: bool) -> None:
        """Hold a run, or let it go on."""

    def terminate(self, run: str) -> bool:
        """End a run and record its end; return whether its pods have ended in time."""

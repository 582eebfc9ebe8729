"""Options and errors that the commands for a cluster share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

from flowc.cli.options.adding import with_options
from flowc.cli.options.common import fail
from flowc.cli.options.configured import ConfiguredOption
from flowc.targets.argo.cluster.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flowc.targets.argo.cluster.api import Cluster

    Command = TypeVar("Command", bound=Callable[..., object])

CONTEXT = ConfiguredOption(
    ["--context"],
    key="context",
    metavar="NAME",
    help="Use this context of the kubeconfig [default: the current context].",
)
KUBECONFIG = click.Option(["--kubeconfig"], metavar="FILE", help="Read the cluster's address from FILE [$KUBECONFIG].")
NAMESPACE = ConfiguredOption(
    ["--namespace"], key="namespace", metavar="NAME", help="Use this namespace [default: the context's]."
)
PLACE = (CONTEXT, KUBECONFIG, NAMESPACE)


def cluster_options(function: Command) -> Command:
    """Add the options --context, --kubeconfig and --namespace to a command."""
    return with_options(function, PLACE)


@contextmanager
def connected(
    context: str | None = None, kubeconfig: str | None = None, namespace: str | None = None
) -> Iterator[Cluster]:
    """Connect to the cluster that the options name, and yield the connection.

    Args:
        context: the value of `--context`.
        kubeconfig: the value of `--kubeconfig`.
        namespace: the value of `--namespace`.

    Raises:
        SystemExit: the connection failed, or the code in the `with` block raised a ClusterError; the error is printed.
    """
    from flowc.targets.argo.cluster.api import connect

    try:
        yield connect(kubeconfig=kubeconfig, context=context, namespace=namespace or None)
    except ClusterError as error:
        fail(error.message, error.hint)

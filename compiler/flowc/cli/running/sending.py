"""Files that are too large to go with a flow or a trigger are sent ahead, to the store of the cluster's runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from flowc.cli.rendering.working import working
from flowc_runtime.base.config import configuration
from flowc_runtime.store.backends.by_address import open_objects
from flowc_runtime.store.values.files import send_file, size_of
from flowc_runtime.store.values.parameters import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable


def sender(
    url: str | None, limit: int, *, claim: str | None = None, only_name: bool = False
) -> Callable[[str], dict[str, Any]]:
    """What sends a file of more than `limit` bytes to a store, and says so; without a store it refuses.

    A directory is taken for the volume of the `claim`, if it is here too. With `only_name` nothing is sent: it says how
    the file would be named.

    Raises, when it is called:
        ParameterError: no store is named, or it cannot be reached from here.
        StoreError: the store does not take it.
    """

    def send(path: str) -> dict[str, Any]:
        size = size_of(path)
        large = f"file '{path}' has {size:,} bytes, and there is room for {max(limit, 0):,}"
        if url is None:
            raise ParameterError(
                f"{large}: name the store of the cluster's runs, --store URL or $FLOWC_CLUSTER_STORE, to send it there"
            )
        directory, volume = url.removeprefix("file://"), claim or configuration.text("store-claim")
        if "://" not in directory and not (volume and os.path.isdir(directory)):
            raise ParameterError(f"{large}: the store {url} is a volume of the cluster, which is not reached from here")
        with working(f"{'reading' if only_name else 'sending'} {path} ({size:,} bytes)"):
            sent = send_file(None if only_name else open_objects(url), path)
        if not only_name:
            click.echo(f"note: {path} ({size:,} bytes) is sent to {url}", err=True)
        return sent

    return send

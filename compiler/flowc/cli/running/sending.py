"""Sends files that are too large for manifests, or for the trigger of a run, to the store of the cluster's runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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
) -> Callable[[str], dict[str, object]]:
    """Return a function that sends a file to the store of the cluster's runs and returns the file's record.

    The returned function raises ParameterError if no setting names a store, or if this machine cannot reach the store.
    It raises StoreError if the store cannot be written.

    Args:
        url: the address of the store, or None if no setting names one. If the address is a directory, the directory
            must be the volume of `claim`, mounted on this machine, too.
        limit: the space in bytes for files in the manifests, which the error message shows.
        claim: the name of the PersistentVolumeClaim with the store, or None for the value of the setting `store-claim`.
        only_name: whether the function returns the record without sending the file.
    """

    def send(path: str) -> dict[str, object]:
        size = size_of(path)
        large = f"file '{path}' has {size:,} bytes, and there is room for {max(limit, 0):,}"
        if url is None:
            raise ParameterError(
                f"{large}: name the store of the cluster's runs, --store URL or $FLOWC_CLUSTER_STORE, to send it there"
            )
        directory, volume = url.removeprefix("file://"), claim or configuration.text("store-claim")
        if "://" not in directory and not (volume and os.path.isdir(directory)):
            raise ParameterError(f"{large}: the store {url} is a volume of the cluster, unreachable from here")
        with working(f"{'reading' if only_name else 'sending'} {path} ({size:,} bytes)"):
            sent = send_file(None if only_name else open_objects(url), path)
        if not only_name:
            click.echo(f"note: {path} ({size:,} bytes) is sent to {url}", err=True)
        return sent

    return send

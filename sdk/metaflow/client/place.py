"""The client's store (`metadata`) and namespace (`namespace`), which are settings of the whole process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.config import settings
from flowc_runtime.base.config.whereabouts import LOCAL_NAME, default_url
from flowc_runtime.store.backends.layered import SPIN_NAME
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from flowc_runtime.store.backends.objects import Objects

__all__ = [
    "default_metadata",
    "default_namespace",
    "get_metadata",
    "get_namespace",
    "metadata",
    "namespace",
    "open_store",
]

_stores: dict[tuple[int, str], Store] = {}


def namespace(ns: str | None) -> str | None:
    """Restrict the client to objects whose run has the tag `ns`.

    The namespace is global to the process. Client objects that exist already keep the namespace in which they were
    created.

    Args:
        ns: a tag, usually `user:NAME`, or None to remove the restriction.

    Returns:
        `ns`.

    >>> namespace("user:ann")
    'user:ann'
    >>> namespace(None)
    """
    ambient().namespace = ns
    return ns


def get_namespace() -> str | None:
    """Return the client's namespace, or None if the client is not restricted to a namespace.

    The default namespace is the run's namespace in a step, and `user:NAME` elsewhere.

    >>> get_namespace()
    'user:ann'
    """
    here = ambient()
    if here.namespace is not False:
        return here.namespace
    if here.task is not None:  # in a step, the default is the namespace of the run
        return here.task.namespace
    return f"user:{settings.user_name()}"


def default_namespace() -> str | None:
    """Reset the namespace to the default: the run's namespace in a step, and `user:NAME` elsewhere.

    >>> namespace("user:bob")
    'user:bob'
    >>> default_namespace()
    'user:ann'
    """
    ambient().namespace = False
    return get_namespace()


def metadata(ms: str) -> str:
    """Select the store for all objects that are created afterwards.

    Args:
        ms: a directory, `local@DIR`, or the address of a bucket: `s3://…`, `gs://…`, `az://…`. The directory is a store
            or contains a store `.flowc`.

    Returns:
        The selected store, as `get_metadata` returns it.

    Raises:
        ValueError: the directory has no store, or the text is not an address of a store.
        AddressError: flowc does not support the scheme of the address, or the address may contain credentials.

    >>> metadata("s3://bucket/team")
    's3://bucket/team'
    """
    ambient().store_url = metadata_url(ms)
    return get_metadata()


def inspect_spin(datastore_root: str = ".") -> str:
    """Select the store with the results of `spin --persist`; `default_metadata` selects the regular store again.

    Args:
        datastore_root: the directory in which `spin` ran.

    Returns:
        The selected store, as `get_metadata` returns it.

    Raises:
        ValueError: the directory contains no results of `spin --persist`.

    >>> inspect_spin("nowhere")
    Traceback (most recent call last):
    ValueError: no result of spin in nowhere: run spin with --persist to keep its task
    """
    results = os.path.join(os.path.abspath(datastore_root), SPIN_NAME)
    if not os.path.isdir(results):
        raise ValueError(f"no result of spin in {datastore_root}: run spin with --persist to keep its task")
    ambient().store_url = results
    return get_metadata()


def get_metadata() -> str:
    """Return the client's store as `local@DIR` or the address of a bucket.

    >>> get_metadata() == metadata(get_metadata())
    True
    """
    return describe(current_url())


def default_metadata() -> str:
    """Reset the store to the default: the store in the settings, or the nearest `.flowc` in or above the directory.

    >>> default_metadata() == get_metadata()
    True
    """
    ambient().store_url = None
    return get_metadata()


def current_url() -> str:
    """Return the address of the client's store: an absolute path, or the address of a bucket.

    The client uses the store selected by `metadata`, else the store of the running task's run, else the default store.
    """
    here = ambient()
    of_run = here.task.store if here.task is not None else None  # in a step, the default is the store of the run
    url = here.store_url or of_run or default_url()
    url = url.removeprefix("file://")
    return url if "://" in url else os.path.abspath(url)


def open_store(url: str) -> Store:
    """Open the store at an address.

    Every call for a bucket returns the same object, because the object keeps connections to the bucket open.

    A forked process opens its own store object, because it must not use connections of its parent. A process that will
    fork tasks must not open connections to a bucket. Its store object therefore lets a separate process send the
    requests (`ambient().open_bucket`).

    Args:
        url: a path, `file://…`, or the address of a bucket. The function sends no request and creates nothing.

    Raises:
        AddressError: flowc cannot open an address of this form.
        StoreError: the bucket's address has no slash, or the directory cannot be read.
    """
    known, here = (os.getpid(), url), ambient()
    if known not in _stores:
        in_bucket = "://" in url.removeprefix("file://")
        ask = here.open_bucket if in_bucket and here.task is None else None
        opened = Store.open(url)  # rejects an invalid address without sending a request
        _stores[known] = Store(cast("Objects", ask(url))) if ask is not None else opened
    return _stores[known]


def describe(url: str) -> str:
    """Return the address of a store as `metadata` accepts it: `local@DIR` for a directory, without its `.flowc`."""
    path = url.removeprefix("file://")
    if "://" in path:
        return path
    return f"local@{os.path.abspath(path).removesuffix(f'/{LOCAL_NAME}') or '/'}"


def shown_store(url: str) -> str:
    """Return a description of a store for messages: its address, with a note if its directory does not exist."""
    path = url.removeprefix("file://")
    gone = "://" not in path and not os.path.isdir(path)
    return f"the store {path}{', a directory that does not exist' if gone else ''}"


def metadata_url(ms: str, *, must_exist: bool = True) -> str:
    """Return the address of the store that an argument of `metadata` names.

    Args:
        ms: `local@DIR`, a directory, or the address of a bucket.
        must_exist: whether to raise ValueError for a directory without a store. If False, the function returns the path
            at which the store `.flowc` of the directory would be created.

    Raises:
        ValueError: `must_exist` is true and the directory has no store, or the text is not an address.
        AddressError: flowc does not support the scheme of the address.
    """
    kind, at, place = ms.partition("@")
    if not at or "://" in kind:
        kind, place = "local", ms
    if kind == "service" or place.startswith(("http://", "https://")):
        raise ValueError(f"flowc has no metadata service: name the directory or the bucket of the store, not {ms!r}")
    if kind != "local":
        raise ValueError(f"cannot look in {ms!r}: give local@DIR, a directory, s3://…, gs://… or az://…")
    path = place.removeprefix("file://")
    if "://" in path:
        return open_store(path).objects.url  # raises AddressError for an unsupported scheme
    path = os.path.abspath(os.path.expanduser(path))
    inside = f"{path}/{LOCAL_NAME}"
    if os.path.isdir(inside):
        return inside
    if os.path.isdir(f"{path}/flows") or (os.path.isdir(path) and os.path.basename(path) == LOCAL_NAME):
        return path
    if must_exist:
        raise ValueError(f"Could not find directory {LOCAL_NAME} in directory {place}")
    return inside

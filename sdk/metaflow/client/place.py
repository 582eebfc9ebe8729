"""Where the client looks: which store (`metadata`), and which runs of it (`namespace`). Both are the process's own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowc_runtime.base.config import settings
from flowc_runtime.base.config.whereabouts import LOCAL_NAME, default_url
from flowc_runtime.run import context
from flowc_runtime.store.backends import remote
from flowc_runtime.store.backends.layered import SPIN_NAME
from flowc_runtime.store.records.store import Store

if TYPE_CHECKING:
    from typing import Literal

__all__ = [
    "default_metadata",
    "default_namespace",
    "get_metadata",
    "get_namespace",
    "metadata",
    "namespace",
    "open_store",
]

_chosen_namespace: str | Literal[False] | None = False  # False: nobody has chosen
_chosen_url: str | None = None
_stores: dict[tuple[int, str], Store] = {}


def namespace(ns: str | None) -> str | None:
    """From now on only what has the tag `ns` is to be found; None: everything. Gives the namespace.

    >>> namespace("user:ann")
    'user:ann'
    >>> namespace(None)
    """
    global _chosen_namespace
    _chosen_namespace = ns
    return ns


def get_namespace() -> str | None:
    """The namespace that the client looks in; None where it looks everywhere.

    >>> get_namespace()
    'user:ann'
    """
    if _chosen_namespace is not False:
        return _chosen_namespace
    if context.task is not None:  # a step looks where its run was told to
        return context.task.namespace
    return f"user:{settings.user_name()}"


def default_namespace() -> str | None:
    """Forget what `namespace` chose: `user:NAME` again, or in a step the namespace of its run.

    >>> namespace("user:bob")
    'user:bob'
    >>> default_namespace()
    'user:ann'
    """
    global _chosen_namespace
    _chosen_namespace = False
    return get_namespace()


def metadata(ms: str) -> str:
    """From now on look in another store: a directory, `local@DIR`, or `s3://…`, `gs://…`, `az://…`.

    DIR is a store or a directory that has one, `.flowc`. Gives what `get_metadata` gives. Raises ValueError where
    there is no store.

    >>> metadata("s3://bucket/team")
    's3://bucket/team'
    """
    global _chosen_url
    _chosen_url = metadata_url(ms)
    return get_metadata()


def inspect_spin(datastore_root: str = ".") -> str:
    """From now on look at what `spin --persist` has kept in a directory; `default_metadata` goes back to the runs.

    Gives what `get_metadata` gives. Raises ValueError where nothing was kept.

    >>> inspect_spin("nowhere")
    Traceback (most recent call last):
    ValueError: nothing was kept in nowhere: spin keeps its task with --persist
    """
    global _chosen_url
    kept = os.path.join(os.path.abspath(datastore_root), SPIN_NAME)
    if not os.path.isdir(kept):
        raise ValueError(f"nothing was kept in {datastore_root}: spin keeps its task with --persist")
    _chosen_url = kept
    return get_metadata()


def get_metadata() -> str:
    """Where the client looks, as `metadata` takes it: `local@DIR`, or the address of a bucket.

    >>> get_metadata() == metadata(get_metadata())
    True
    """
    return describe(current_url())


def default_metadata() -> str:
    """Forget what `metadata` chose: the store of the settings again, or `.flowc` found upward.

    >>> default_metadata() == get_metadata()
    True
    """
    global _chosen_url
    _chosen_url = None
    return get_metadata()


def current_url() -> str:
    """The address of the store that the client looks in."""
    here = context.task.store if context.task is not None else None  # a step looks where its run is
    url = _chosen_url or here or default_url()
    url = url.removeprefix("file://")
    return url if "://" in url else os.path.abspath(url)


def open_store(url: str) -> Store:
    """The store of an address: of a bucket always the same object, since its client keeps connections.

    A forked process has its own, and one that is yet to fork tasks asks another process for all of it.
    """
    known = os.getpid(), url
    if known not in _stores:
        in_bucket = "://" in url.removeprefix("file://")
        ask = remote.asked_of if in_bucket and context.task is None else None
        opened = Store.open(url)  # which refuses what is no address; nothing is asked for yet
        _stores[known] = Store(ask(url)) if ask is not None else opened
    return _stores[known]


def describe(url: str) -> str:
    """An address as `metadata` takes it."""
    path = url.removeprefix("file://")
    if "://" in path:
        return path
    return f"local@{os.path.abspath(path).removesuffix(f'/{LOCAL_NAME}') or '/'}"


def shown_store(url: str) -> str:
    """A store for a message, by its address; of a directory that is not there it says so."""
    path = url.removeprefix("file://")
    gone = "://" not in path and not os.path.isdir(path)
    return f"the store {path}{', a directory that does not exist' if gone else ''}"


def metadata_url(ms: str, *, must_exist: bool = True) -> str:
    """The address of the store that `metadata` is told of. Raises ValueError, if it must exist and does not."""
    kind, at, place = ms.partition("@")
    if not at or "://" in kind:
        kind, place = "local", ms
    if kind == "service" or place.startswith(("http://", "https://")):
        raise ValueError(f"flowc has no metadata service: name the directory or the bucket of the store, not {ms!r}")
    if kind != "local":
        raise ValueError(f"cannot look in {ms!r}: give local@DIR, a directory, s3://…, gs://… or az://…")
    path = place.removeprefix("file://")
    if "://" in path:
        return open_store(path).objects.url  # raises for another scheme
    path = os.path.abspath(os.path.expanduser(path))
    inside = f"{path}/{LOCAL_NAME}"
    if os.path.isdir(inside):
        return inside
    if os.path.isdir(f"{path}/flows") or (os.path.isdir(path) and os.path.basename(path) == LOCAL_NAME):
        return path
    if must_exist:
        raise ValueError(f"Could not find directory {LOCAL_NAME} in directory {place}")
    return inside

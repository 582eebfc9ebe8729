"""Where the files of `Catalog(get=…, put=…)` are kept: in the store, nowhere, or in the catalog of a package.

The setting `catalog` chooses it for the files that tasks put. A file's record names the catalog that keeps it, so that
a run with one catalog can be resumed with another.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from flowc_ir.late import LateModule
from flowc_ir.suggestion import suggest
from flowc_runtime.base.errors import FlowcError
from flowc_runtime.store.backends.external import digest_of

if TYPE_CHECKING:
    from flowc_runtime.base.config import plugin_kinds as kinds
    from flowc_runtime.base.config import plugins
else:  # cost start-up time, and only catalogs of packages need them
    kinds = LateModule("flowc_runtime.base.config.plugin_kinds")
    plugins = LateModule("flowc_runtime.base.config.plugins")

STORE: Final = "store"
"""The catalog in the store of runs: the default."""
NONE: Final = "none"
"""No catalog: files stay where tasks write them, and `get` only checks that they are there."""
_OWN: Final = (STORE, NONE)


class KeepingError(Exception):
    """The catalog of a package cannot keep or fetch a file. The message names the catalog and its distribution."""


class UnknownCatalogError(FlowcError):
    """The setting `catalog` names no catalog that is installed."""


@runtime_checkable
class FileCatalog(Protocol):
    """Keeps the files that tasks put: an entry point of the group `flowc.catalogs` names an instance.

    The setting `catalog = "NAME"` chooses it, where NAME is the name of the entry point. flowc calls the methods in the
    processes of tasks, which may run at the same time, and in programs that read a file with the client. Any exception
    fails the step, with the catalog and the file in the message.
    """

    def keep(self, path: str, digest: str) -> str:
        """Keep the bytes of a file, and return an address from which `fetch` gets them.

        flowc records the address. It may keep the same bytes again, for example when a step is retried.

        Args:
            path: the path of the file.
            digest: the sha256 of its bytes, in hex.
        """
        ...

    def fetch(self, address: str, target: str) -> None:
        """Write the bytes of a kept file to the path `target`, whose directory exists. flowc checks their digest.

        Args:
            address: the address that `keep` has returned, perhaps on another machine.
            target: the path of a file that does not exist.
        """
        ...


def check_catalog(name: str) -> None:
    """Check that a value of the setting `catalog` names a catalog; no package is imported.

    Raises:
        UnknownCatalogError: it does not.
    """
    if name not in _OWN and name not in (installed := kinds.CATALOGS.names()):
        known = [*_OWN, *installed]
        hint = suggest(name, known, f"there are {', '.join(known)}")
        raise UnknownCatalogError(f"there is no catalog '{name}' (the setting `catalog`, FLOWC_CATALOG): {hint}")


def keep(catalog: str, path: str, digest: str) -> str:
    """Let the catalog of a package keep a file; return its address.

    Raises:
        KeepingError: the catalog is not installed, or fails.
    """
    try:
        address: object = _find(catalog).keep(path, digest)
    except KeepingError:
        raise
    except Exception as error:  # the package's code may raise anything
        raise KeepingError(f"{_named(catalog)} cannot keep {path}: {type(error).__name__}: {error}") from error
    if not isinstance(address, str) or not address:
        raise KeepingError(f"{_named(catalog)} has returned {address!r:.60} for {path}, not its address")
    return address


def fetch(catalog: str, address: str, target: str, digest: str) -> None:
    """Write a file that the catalog of a package keeps to a path.

    Args:
        catalog: the name of the catalog.
        address: the address that `keep` has returned.
        target: the path, which does not exist.
        digest: the sha256 of the file's bytes, in hex.

    Raises:
        KeepingError: the catalog is not installed or fails, or the file has other bytes.
    """
    try:
        _find(catalog).fetch(address, target)
    except KeepingError:
        raise
    except Exception as error:  # the package's code may raise anything
        raise KeepingError(f"{_named(catalog)} cannot fetch {address}: {type(error).__name__}: {error}") from error
    if not os.path.isfile(target):
        raise KeepingError(f"{_named(catalog)} has not written {address} to {target}")
    if (found := digest_of(target)) != digest:
        raise KeepingError(f"{_named(catalog)} has other bytes at {address}: their sha256 was {digest} and is {found}")


def _find(name: str) -> FileCatalog:
    try:
        found = kinds.CATALOGS.find(name, FileCatalog)  # type: ignore[type-abstract]  # only for isinstance
    except plugins.PluginError as error:
        raise KeepingError(f"{error.message}: {error.hint}") from error
    if found is None:
        raise KeepingError(f"the catalog '{name}' is not installed in {sys.executable}: install its package there")
    return found


def _named(name: str) -> str:
    return kinds.CATALOGS.described(name)

"""File catalogs, which keep the files of `Catalog(get=…, put=…)`: in the store, by a plugin, or not at all.

The setting `catalog` chooses the catalog for the files that tasks put. A file's record names the catalog that stores
the file, so that a run can be resumed with another catalog.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from flowc_ir.late import LateModule
from flowc_ir.suggestion import suggest
from flowc_runtime.base.errors import FlowcError, HintedError
from flowc_runtime.store.backends.external import digest_of

if TYPE_CHECKING:
    from flowc_runtime.base.config import plugin_kinds as kinds
    from flowc_runtime.base.config import plugins
else:  # imported at first use: only catalogs that packages provide need these modules
    kinds = LateModule("flowc_runtime.base.config.plugin_kinds")
    plugins = LateModule("flowc_runtime.base.config.plugins")

STORE: Final = "store"
"""The name of the default catalog, which stores files in the store of the runs."""
NONE: Final = "none"
"""The name of the catalog that stores nothing: files stay where tasks write them, and `get` checks that they exist."""
_OWN: Final = (STORE, NONE)


class KeepingError(Exception):
    """A catalog that a package provides failed to store or fetch a file. The message names the catalog and its
    distribution."""


class UnknownCatalogError(HintedError, FlowcError):
    """The setting `catalog` names a catalog that is not installed. The attribute `hint` lists the available
    catalogs."""


@runtime_checkable
class FileCatalog(Protocol):
    """A catalog that a package adds: it stores files that steps declare in `Catalog(put=…)`.

    The package registers an instance as an entry point of the group `flowc.catalogs`; the setting `catalog = "NAME"`
    chooses it by the entry point's name. flowc calls the methods in the processes of tasks, which may run at the same
    time, and in programs that read a file with the client. If a method raises an exception, the step fails, with the
    catalog and the file in the message.
    """

    def keep(self, path: str, digest: str) -> str:
        """Store the bytes of a file, and return an address for `fetch`.

        flowc records the address. flowc may call this method again with the same bytes, for example when a step is
        retried.

        Args:
            path: the path of the file.
            digest: the sha256 of the file's bytes, in hex.
        """
        ...

    def fetch(self, address: str, target: str) -> None:
        """Write the bytes of a stored file to the path `target`. flowc then checks their digest.

        Args:
            address: an address that `keep` returned, possibly on another machine.
            target: the path to write; its directory exists, the file does not.
        """
        ...


def check_catalog(name: str) -> None:
    """Check that a value of the setting `catalog` names an installed catalog. The catalog's package is not imported.

    Raises:
        UnknownCatalogError: the catalog is not installed.
    """
    if name not in _OWN and name not in (installed := kinds.CATALOGS.names()):
        known = [*_OWN, *installed]
        hint = suggest(name, known, f"install the package that provides it; the catalogs are {', '.join(known)}")
        raise UnknownCatalogError(f"there is no catalog '{name}'", hint)


def keep(catalog: str, path: str, digest: str) -> str:
    """Store a file in a catalog that an installed package provides, and return the file's address in the catalog.

    Raises:
        KeepingError: the catalog is not installed, or raised an exception.
    """
    try:
        address: object = _find(catalog).keep(path, digest)
    except KeepingError:
        raise
    except Exception as error:  # the package's code may raise any exception
        raise KeepingError(f"{_named(catalog)} cannot keep {path}: {type(error).__name__}: {error}") from error
    if not isinstance(address, str) or not address:
        raise KeepingError(f"{_named(catalog)} has returned {address!r:.60} for {path}, not its address")
    return address


def fetch(catalog: str, address: str, target: str, digest: str) -> None:
    """Fetch a file from a package's catalog, write it to a path, and check its digest.

    Args:
        catalog: the name of the catalog.
        address: the address that `keep` returned.
        target: the path to write, which does not exist.
        digest: the sha256 of the file's bytes, in hex.

    Raises:
        KeepingError: the catalog is not installed or raised an exception, or the digest differs.
    """
    try:
        _find(catalog).fetch(address, target)
    except KeepingError:
        raise
    except Exception as error:  # the package's code may raise any exception
        raise KeepingError(f"{_named(catalog)} cannot fetch {address}: {type(error).__name__}: {error}") from error
    if not os.path.isfile(target):
        raise KeepingError(f"{_named(catalog)} has not written {address} to {target}")
    if (found := digest_of(target)) != digest:
        raise KeepingError(f"{_named(catalog)} has other bytes at {address}: their sha256 was {digest} and is {found}")


@cache  # cached, because searching the installed packages takes longer than storing a file
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

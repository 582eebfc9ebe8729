"""Find stores of installed packages by the scheme of an address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base import addresses
from flowc_runtime.base.config.plugin_kinds import STORES
from flowc_runtime.base.config.plugins import PluginError
from flowc_runtime.base.errors import AddressError
from flowc_runtime.store.backends.backend import StoreBackend

if TYPE_CHECKING:
    from collections.abc import Sequence


def find_store(url: str, own: Sequence[str]) -> type[StoreBackend]:
    """Return the class of the store for the scheme of an address.

    Args:
        url: the address, such as `mem://team`.
        own: the schemes of flowc's own stores, for the error.

    Raises:
        AddressError: no package registers a store for the scheme, or more than one does; or the registered class cannot
            be imported, or is not a subclass of StoreBackend.
    """
    scheme, shown = url.partition("://")[0], addresses.shown(url)
    try:
        found = STORES.find(scheme, type)
        if found is not None and not issubclass(found, StoreBackend):
            raise PluginError(
                f"{STORES.described(scheme)} is not a {STORES.public}", "fix the plugin's package, or uninstall it"
            )
    except PluginError as error:
        raise AddressError(f"cannot open the store {shown}: {error.message}; {error.hint}") from error
    if found is None:
        known = list(dict.fromkeys([*own, *STORES.names()]))
        near = closest(scheme, known)
        hint = (
            did_you_mean(f"{near}://") if near is not None else f"there are {', '.join(f'{each}://' for each in known)}"
        )
        raise AddressError(f"cannot open the store {shown}: no installed package has a store for {scheme}://; {hint}")
    return found

"""Open the backend of a store by the store's address."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flowc_ir.late import LateModule
from flowc_runtime.base import addresses
from flowc_runtime.base.errors import AddressError, StoreError
from flowc_runtime.store.backends.layered import BELOW, LayeredObjects
from flowc_runtime.store.backends.local import LocalObjects

if TYPE_CHECKING:
    from flowc_runtime.store.backends import installed_stores
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.backends.remote import bucket
else:  # imported at first use: a store in a directory needs neither module
    bucket = LateModule("flowc_runtime.store.backends.remote.bucket")
    installed_stores = LateModule("flowc_runtime.store.backends.installed_stores")


def open_objects(url: str) -> Objects:
    """Return the backend of a store's address: a path, `file://…`, `s3://bucket/prefix`, `gs://…`, `az://…`, or an
    address whose scheme an installed package has registered.

    Raises:
        AddressError: the scheme is not supported, or the address may contain credentials.
        StoreError: a slash is missing in the address, or the directory cannot be read.
    """
    if problem := addresses.fault(url):
        raise AddressError(f"cannot open the store {addresses.shown(url)}: {problem}; {addresses.HINT}")
    scheme, separator, rest = url.partition("://")
    if not separator and (meant := addresses.meant(url)):
        why = f"a slash is missing; did you mean '{addresses.shown(meant)}'? To name a directory, begin with ./"
        raise StoreError(f"cannot open the store: {why}")
    if not separator or scheme == "file":
        return open_directory(rest if separator else url)
    if scheme in bucket.SCHEMES and rest:
        return bucket.RemoteObjects(url)
    if not rest or scheme in bucket.SCHEMES:
        raise AddressError(
            f"cannot open the store {addresses.shown(url)!r}: name a directory, or a bucket with s3://, gs:// or az://"
        )
    return cast("Objects", installed_stores.find_store(url, ("file", *bucket.SCHEMES))(url))


def open_directory(root: str) -> LocalObjects:
    """Open the store in a directory; if the directory is layered on another store, open both.

    Raises:
        StoreError: the directory cannot be read.
    """
    try:
        with open(f"{root}/{BELOW}", encoding="utf-8") as file:
            return LayeredObjects(root, file.read(), open_objects)
    except (FileNotFoundError, NotADirectoryError):
        return LocalObjects(root)
    except OSError as error:
        raise StoreError(f"cannot read the store {root}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StoreError(f"cannot read {BELOW} of the store {root}: it is not UTF-8") from None

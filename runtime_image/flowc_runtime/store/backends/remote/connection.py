"""Load the client library of buckets, obstore, and connect to a bucket."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

from flowc_runtime.base.config import settings
from flowc_runtime.base.contract import POD
from flowc_runtime.base.errors import AddressError, LibraryError
from flowc_runtime.store.backends.remote.errors import reason

if TYPE_CHECKING:
    from types import ModuleType

    from obstore.store import ObjectStore

INSTALL = "pip install 'flowc[s3]'"
_CONNECT = timedelta(seconds=4)
_WHOLE = 3600.0  # The seconds that a request may take while bytes still arrive, such as a large download.
# obstore itself repeats requests that fail quickly, so that a listing of many requests survives a few faults. Failures
# that last longer are handled by `asking`. The backoff is random, so that pods that start together do not repeat
# requests together.
_RETRY = {"max_retries": 3, "retry_timeout": timedelta(seconds=3)}
_POD_BACKOFF = {"init_backoff": timedelta(seconds=1), "base": 3, "max_backoff": timedelta(seconds=15)}


def library(url: str) -> ModuleType:
    """Import and return obstore; errors contain the address of the store.

    Raises:
        LibraryError: obstore is not installed, or cannot be loaded.
    """
    try:
        import obstore
        import obstore.store
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "obstore":
            raise LibraryError(f"the store {url} needs obstore, which is not installed: {INSTALL}") from error
        text = (str(error).splitlines() or ["no reason given"])[0]
        raise LibraryError(
            f"the store {url} needs obstore, which cannot be loaded ({text}): install it again, {INSTALL}"
        ) from error
    return obstore


def connect(url: str, quiet: float | None, upload: float | None) -> ObjectStore:
    """Create a client of a bucket, without sending a request.

    Args:
        url: the address of the store.
        quiet: a request fails if no byte of the answer arrives for this many seconds, including the time of sending.
        upload: the seconds that one request may take, for a client that sends large objects.

    Raises:
        AddressError: obstore is missing, or refuses the address or the settings in the environment.
    """
    library(url)
    from obstore.store import from_url

    limit = {"timeout": timedelta(seconds=upload or _WHOLE)}
    if quiet is not None:
        limit["read_timeout"] = timedelta(seconds=quiet)
    retry = _RETRY | ({"backoff": _POD_BACKOFF} if POD in os.environ else {})
    try:
        _take_endpoint()
        options = {"connect_timeout": _CONNECT, "allow_http": _says_http(), **limit}
        client: ObjectStore = from_url(url, retry_config=retry, client_options=options)  # type: ignore[call-overload]
        return client
    except Exception as error:
        raise AddressError(f"cannot open the store {url}: {reason(str(error))}") from error


def _says_http() -> bool:
    """Return whether the environment allows plain http, by its endpoint or by AWS_ALLOW_HTTP."""
    return (endpoint() or "").startswith("http://") or os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")


def endpoint() -> str | None:
    """Return the address of the S3 service in the environment, if it is set."""
    return os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT")


def _take_endpoint() -> None:
    """Use METAFLOW_S3_ENDPOINT_URL as the endpoint if no AWS variable sets an endpoint."""
    if (named := settings.get("S3_ENDPOINT_URL")) and not endpoint():
        os.environ["AWS_ENDPOINT_URL"] = named

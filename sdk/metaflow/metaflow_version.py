"""The version of the API."""

from __future__ import annotations

from flowc_runtime.base.version import API_VERSION, FULL_VERSION

__all__ = ["API_VERSION", "get_version"]


def get_version(public: bool = False) -> str:
    """Return the version of Metaflow that this API matches; unless `public`, with flowc's own version after a `+`."""
    return API_VERSION if public else FULL_VERSION

"""Which version of the API this is."""

from __future__ import annotations

from flowc_runtime.base.version import API_VERSION, FULL_VERSION

__all__ = ["API_VERSION", "get_version"]


def get_version(public: bool = False) -> str:
    """Metaflow's version whose API this is; unless `public`, with flowc's own after a `+`."""
    return API_VERSION if public else FULL_VERSION

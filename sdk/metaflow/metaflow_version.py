"""Which version of the API this is."""

from __future__ import annotations

__all__ = ["API_VERSION", "get_version"]

API_VERSION = "2.19.39"
"""The version of Metaflow whose API this is: programs compare `metaflow.__version__` to know what they can use."""


def get_version(public: bool = False) -> str:
    """Metaflow's version whose API this is; unless `public`, with flowc's own after a `+`."""
    if public:
        return API_VERSION
    from flowc import __version__

    return f"{API_VERSION}+flowc.{__version__}"

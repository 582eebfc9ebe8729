"""The version of Metaflow that the API is compatible with."""

from __future__ import annotations

from flowc_runtime.base.version import API_VERSION, FULL_VERSION

__all__ = ["API_VERSION", "get_version"]

__version__ = API_VERSION  # `metaflow.__version__`


def get_version(public: bool = False) -> str:
    """Return the version of Metaflow that this API matches.

    Unless `public` is true, append `+` and the version of flowc.
    """
    return API_VERSION if public else FULL_VERSION

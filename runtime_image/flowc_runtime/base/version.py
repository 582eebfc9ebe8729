"""The version of Metaflow whose API flowc implements, and the version of flowc."""

from flowc import __version__

API_VERSION = "2.19.39"
"""The version of Metaflow whose API flowc implements. Programs check `metaflow.__version__` for features."""

FULL_VERSION = f"{API_VERSION}+flowc.{__version__}"

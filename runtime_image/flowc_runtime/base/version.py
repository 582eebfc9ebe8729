"""Which version of Metaflow's API this is, and of flowc."""

from flowc import __version__

API_VERSION = "2.19.39"
"""The version of Metaflow whose API this is: programs compare `metaflow.__version__` to know what they can use."""

FULL_VERSION = f"{API_VERSION}+flowc.{__version__}"

"""The line of `flowc doctor` about the configured store: whether the store's address and client library are usable."""

from __future__ import annotations

import subprocess
import sys

from flowc_runtime.base import addresses
from flowc_runtime.base.config.whereabouts import default_url
from flowc_runtime.base.errors import ConfigurationError, FlowcError
from flowc_runtime.store.backends.by_address import open_objects
from flowc_runtime.store.backends.remote.bucket import SCHEMES

# A separate process imports the client library, for two reasons: a broken library may end the process that imports it,
# and `doctor` later inspects which modules its own process has loaded.
_LOAD = """
import sys
from flowc_runtime.base.errors import StoreError
from flowc_runtime.store.backends.remote.connection import library
try:
    library(sys.argv[1])
except StoreError as error:
    sys.exit(str(error))
"""


def examine_store() -> tuple[str, str]:
    """Return the mark and the text of the line about the store; the mark is BAD if no run can use the store."""
    try:
        url = default_url()
    except ConfigurationError:
        return "--", "the store: unknown until the configuration is fixed"
    except FlowcError as error:
        return "BAD", f"the store: {error}"
    if problem := addresses.fault(url):
        return "BAD", f"the store {addresses.shown(url)}: {problem}; {addresses.HINT}"
    scheme, separator, _ = url.partition("://")
    if scheme not in SCHEMES:
        try:
            open_objects(url)
        except FlowcError as error:
            return "BAD", str(error)
        return "ok", f"the store is {url}{', of an installed package' if separator and scheme != 'file' else ''}"
    done = subprocess.run([sys.executable, "-c", _LOAD, url], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return "BAD", lines[-1] if lines else f"importing obstore ends Python with exit code {done.returncode}"
    return "ok", f"the store is {url}, and its client library is installed"

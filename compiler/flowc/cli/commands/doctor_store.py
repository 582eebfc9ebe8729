"""What `flowc doctor` says of the store that is configured: whether what it needs is there."""

from __future__ import annotations

import subprocess
import sys

from flowc_runtime.base import addresses
from flowc_runtime.base.config.whereabouts import default_url
from flowc_runtime.base.errors import ConfigurationError, FlowcError
from flowc_runtime.store.backends.remote import SCHEMES

# In a process of its own: a library that cannot be loaded may end it, and what this one has imported is looked at.
_LOAD = """
import sys
from flowc_runtime.base.errors import StoreError
from flowc_runtime.store.backends.remote_client import library
try:
    library(sys.argv[1])
except StoreError as error:
    sys.exit(str(error))
"""


def examine_store() -> tuple[str, str]:
    """Return the mark and the text of doctor's line about the store; the mark is BAD where no run can use it."""
    try:
        url = default_url()
    except ConfigurationError:
        return "--", "the store: it is not known before the configuration is mended"
    except FlowcError as error:
        return "BAD", f"the store: {error}"
    if problem := addresses.fault(url):
        return "BAD", f"the store {addresses.shown(url)}: {problem}; {addresses.HINT}"
    if url.partition("://")[0] not in SCHEMES:
        return "ok", f"the store is {url}"
    done = subprocess.run([sys.executable, "-c", _LOAD, url], capture_output=True, text=True, check=False)
    if done.returncode:
        return "BAD", (done.stderr.strip().splitlines() or [f"obstore ends Python with {done.returncode}"])[-1]
    return "ok", f"the store is {url}, and its client library is there"

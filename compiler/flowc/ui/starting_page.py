"""Starts the server of the page for `flowc run --ui`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowc.ui.listening import DEFAULT_HOST, bind, url_of
from flowc_runtime.base.contract import RUN

if TYPE_CHECKING:
    from flowc_runtime.store.records.run_store import RunStore

PACKAGES = ("jinja2", "starlette", "uvicorn")
IDLE = 600
"""Seconds without an open page after which the server that `flowc run --ui` has started ends."""


def missing_packages() -> list[str]:
    """Return the names of the packages that the page needs and that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def open_page(run: RunStore) -> str:
    """Start a server for the page of a run, which opens the page in the browser; return the page's address.

    The server is a process with a session of its own: it does not end with the run, so that the user can look at the
    run afterwards. It ends when no page was open for IDLE seconds.

    Raises:
        OSError: no socket or process can be created.
    """
    path = f"run/{quote(run.flow, safe='')}/{quote(run.id, safe='')}"
    with bind(DEFAULT_HOST, None) as listening:
        command = [sys.executable, "-m", "flowc", "ui", "--store", run.objects.url, "--opens", path]
        command += ["--inherited", str(listening.fileno()), "--idle", str(IDLE)]
        subprocess.Popen(
            command,
            pass_fds=[listening.fileno()],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name != RUN},
        )
        return url_of(listening) + path

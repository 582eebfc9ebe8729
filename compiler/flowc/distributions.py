"""Finds the installed distributions that contain a package `metaflow`, and the commands that uninstall all except
flowc's."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from base64 import urlsafe_b64encode
from importlib import metadata, util
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_PACKAGE = "metaflow/__init__.py"
SUFFIX = "+flowc"
"""flowc's wheel contains a distribution `metaflow`, whose version ends in this suffix."""


class RepairError(Exception):
    """The error that an installation cannot be repaired. The message says why."""


def others() -> list[str]:
    """Return the names of the installed distributions, besides flowc, that contain a package `metaflow`."""
    found = {
        distribution.name
        for distribution in metadata.distributions()
        if distribution.name != "flowc" and any(str(file) == _PACKAGE for file in distribution.files or ())
    }
    return sorted(found)


def damaged() -> list[str]:
    """Return the files of flowc's package `metaflow` that are missing, or whose digests differ from those in the
    installation's file `RECORD`.

    The list is empty for an editable installation, whose files are elsewhere.
    """
    found = []
    for file in _files():
        if file.parts[0] != "metaflow" or file.hash is None:
            continue
        try:
            content = file.read_binary()
        except OSError:
            content = b""
        digest = urlsafe_b64encode(hashlib.new(file.hash.mode, content).digest()).rstrip(b"=").decode()
        if digest != file.hash.value:
            found.append(str(file))
    return found


def stands_in() -> str | None:
    """Return the version of flowc's distribution `metaflow`, or None if it is not installed. Without flowc's
    distribution `metaflow`, pip would install Metaflow for packages that require `metaflow`."""
    versions = [it.version for it in metadata.distributions() if it.name == "metaflow" and it.version.endswith(SUFFIX)]
    return next(iter(versions), None)


def repair_commands(source: str | None = None) -> list[list[str]]:
    """Return the commands that remove other packages named `metaflow` from this environment and reinstall flowc.

    flowc and its own distribution `metaflow` are uninstalled first. After this uninstallation, a command that
    uninstalls `metaflow` uninstalls the other distribution of this name.

    Args:
        source: the wheel or directory to install flowc from; None stands for the source from which flowc is installed
            now.

    Raises:
        RepairError: there is no installer, or the wheel or directory of flowc no longer exists.
    """
    installer = _installer()
    words = _source(source)  # Call this first: if it fails, no distribution must have been uninstalled.
    commands = [[*installer("uninstall"), "flowc"]] if words else []
    commands += [[*installer("uninstall"), name] for name in others()]
    if words:
        commands.append([*installer("install"), "--no-deps", *words])
    return commands


def _installer() -> _Installer:
    if util.find_spec("pip") is not None:
        return _Installer([sys.executable, "-m", "pip"], [], yes=True)
    if uv := shutil.which("uv"):
        return _Installer([uv, "pip"], ["--python", sys.executable], yes=False)
    raise RepairError("this environment has neither pip nor uv: install one of them")


class _Installer(NamedTuple):
    program: Sequence[str]
    options: Sequence[str]
    yes: bool

    def __call__(self, verb: str) -> list[str]:
        return [*self.program, verb, *self.options, *(["-y"] if self.yes and verb == "uninstall" else [])]


def _source(given: str | None) -> list[str] | None:
    """Return the arguments by which pip and uv install flowc, or None if flowc is only on `sys.path`, not installed."""
    try:
        distribution = metadata.distribution("flowc")
    except metadata.PackageNotFoundError:
        return [given] if given else None
    if given:
        return [given]
    written = distribution.read_text("direct_url.json")
    if written is None:  # flowc was installed from a package index
        return [f"flowc=={distribution.version}"]
    origin = json.loads(written)
    url = str(origin["url"])
    if "vcs_info" in origin:
        return [f"flowc @ {origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"]
    if not url.startswith("file:"):
        return [f"flowc @ {url}"]
    path = unquote(urlsplit(url).path)
    if not os.path.exists(path):
        raise RepairError(
            f"flowc was installed from {path}, which is gone: add --from with a wheel of flowc, or its source directory"
        )
    return ["--editable", path] if origin.get("dir_info", {}).get("editable") else [path]


def _files() -> list[metadata.PackagePath]:
    try:
        return metadata.distribution("flowc").files or []
    except metadata.PackageNotFoundError:
        return []

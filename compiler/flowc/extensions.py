"""Collects the files of the installed extensions of the Metaflow API for the code package.

All files of an extension are packaged, also templates, unless the lists `include_suffixes` or `exclude_suffixes` in
`metaflow_extensions/<org>/mfextmeta_<id>.py` restrict them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from flowc_ir.late import LateModule
from metaflow import _extensions
from metaflow._extensions.discover import ORDER

if TYPE_CHECKING:
    import runpy
    from collections.abc import Iterator
else:  # imported at first use, because the import costs start-up time
    runpy = LateModule("runpy")

_PACKAGE = "metaflow_extensions"


def extension_files() -> dict[str, bytes]:
    """Return the files of all loaded extensions: relative path (`metaflow_extensions/ORG/…`) -> content.

    If there are extensions, one of the files lists the order in which this machine loads the extensions.

    Raises:
        OSError: a directory or a file of an extension cannot be read.
    """
    files: dict[str, bytes] = {}
    for root in _extensions.roots():
        for org in sorted(os.listdir(root)):
            directory = os.path.join(root, org)
            if org.isidentifier() and os.path.isdir(directory):
                files.update(_files(directory, f"{_PACKAGE}/{org}"))
    if files and (order := _extensions.order()):
        files[f"{_PACKAGE}/{ORDER}"] = "\n".join(order).encode()
    return files


def _files(directory: str, name: str) -> Iterator[tuple[str, bytes]]:
    wanted, unwanted = _suffixes(directory)
    for place, directories, files in os.walk(directory, onerror=_fail):
        directories[:] = sorted(inner for inner in directories if inner != "__pycache__" and inner[0] != ".")
        for file in files:
            kept = file.endswith(wanted) if wanted else not file.endswith(unwanted)
            path = os.path.join(place, file)
            if kept and file[0] != "." and os.path.exists(path):  # the condition leaves out dangling links
                with open(path, "rb") as opened:
                    yield f"{name}/{os.path.relpath(path, directory).replace(os.sep, '/')}", opened.read()


def _fail(error: OSError) -> NoReturn:
    raise error  # without this function, os.walk silently skips an unreadable directory


def _suffixes(directory: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    wanted: list[str] = []
    unwanted = [".pyc"]
    for file in sorted(os.listdir(directory)):
        if file.startswith("mfextmeta_") and file.endswith(".py"):
            said = runpy.run_path(os.path.join(directory, file))
            wanted += said.get("include_suffixes", ())
            unwanted += said.get("exclude_suffixes", ())
    return tuple(wanted), tuple(unwanted)

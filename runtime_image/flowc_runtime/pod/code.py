"""Store the code package of a cluster run, so that the client can read the code later."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import gzip
    import tarfile

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import PackageRecord
else:  # imported at first use: the compiler also imports this module, but needs neither gzip nor tarfile
    gzip = LateModule("gzip")
    tarfile = LateModule("tarfile")


def pack(directory: str) -> bytes:
    """Return the files of a directory as a tar.gz; equal files give equal bytes.

    Raises:
        OSError: a file cannot be read.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(paths_in(directory)):
            with open(f"{directory}/{path}", "rb") as file:
                info = tarfile.TarInfo(path)
                info.size = os.fstat(file.fileno()).st_size
                tar.addfile(info, file)
    return gzip.compress(archive.getvalue(), mtime=0)


def store_package(objects: Objects, directory: str) -> PackageRecord:
    """Store the files of a directory as one blob, shared by runs with equal files; return its digest and size.

    Raises:
        OSError: a file cannot be read.
        StoreError: the store cannot be written.
    """
    data = pack(directory)
    return {"digest": objects.create_blob([data]), "size": len(data)}


def paths_in(directory: str) -> list[str]:
    """Return the files of a code package, relative to its directory, without compiled byte code. Links are followed."""
    found = []
    for here, directories, names in os.walk(directory, followlinks=True):
        # The files of a Kubernetes volume are links into `..data`. `..data` is a link itself, so Kubernetes can replace
        # all files at once.
        directories[:] = [name for name in directories if name != "__pycache__" and not name.startswith("..")]
        found += [os.path.relpath(f"{here}/{name}", directory) for name in names]
    return found

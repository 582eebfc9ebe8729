"""The files that a task received from earlier tasks, and the files that it passed to later tasks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, final

from flowc_ir.late import LateModule
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.backends.external import digest_of

if TYPE_CHECKING:
    import tempfile

    from flowc_runtime.run import catalogs
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import TaskFileRecord
else:  # imported late, because only files in a package's catalog need the module
    catalogs = LateModule("flowc_runtime.run.catalogs")
    tempfile = LateModule("tempfile")

__all__ = ["TaskFile"]


@final
class TaskFile:
    """A file that a task received from an earlier task or passed to later tasks.

    Attributes:
        name: the path relative to the task's data folder.
        digest: the SHA-256 of the content, in hexadecimal digits.
        size: the size of the content in bytes.
        stage: `get` for a received file, `put` for one that the task passed on.
        place: where the file is, if it is not in the store: its address in `catalog`, or its path on this machine;
            otherwise None.
        catalog: the name of the catalog, from an installed package, that keeps the file, or None if the store keeps the
            file.
    """

    def __init__(self, objects: Objects, record: TaskFileRecord) -> None:
        self._objects = objects
        self.name = record["name"]
        self.digest = record["digest"]
        self.size = record["size"]
        self.stage = record["stage"]
        self.place = record.get("place")
        self.catalog = record.get("catalog")

    def read_bytes(self) -> bytes:
        """Return the content.

        Raises:
            ArtifactError: the store has no copy, and the file on this machine is missing or has changed; or the file's
                catalog is not installed or fails.
            Damaged: the stored bytes do not match the digest.
            StoreError: the store cannot be read.
        """
        if self.place is None:
            return self._objects.read_blob(self.digest, self.size)
        if self.catalog is not None:
            return self._fetched(self.catalog, self.place)
        if not os.path.isfile(self.place):
            raise ArtifactError(f"the store has no copy of '{self.name}', and this machine has no file {self.place}")
        if (digest := digest_of(self.place)) != self.digest:
            raise ArtifactError(f"{self.place} has changed: its sha256 was {self.digest} and is {digest}")
        with open(self.place, "rb") as file:
            return file.read()

    def _fetched(self, catalog: str, place: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="flowc-file-") as directory:
            target = os.path.join(directory, os.path.basename(self.name))
            try:
                catalogs.fetch(catalog, place, target, self.digest)
            except catalogs.KeepingError as error:
                raise ArtifactError(f"cannot read '{self.name}': {error}") from error
            with open(target, "rb") as file:
                return file.read()

    def read_text(self, encoding: str = "utf-8") -> str:
        """Return the content as text; the method raises the same errors as `read_bytes`."""
        return self.read_bytes().decode(encoding)

    def __repr__(self) -> str:
        return f"TaskFile({self.name!r}, {self.size:,} bytes, {self.stage})"

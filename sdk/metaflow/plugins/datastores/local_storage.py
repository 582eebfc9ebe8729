"""The storage for files of extensions, if the store is a directory."""

from __future__ import annotations

import io
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from flowc_ir import json_text
from metaflow.datastore.datastore_storage import CloseAfterUse, DataStoreStorage, ListContentResult, sorted_entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from metaflow.datastore.datastore_storage import Content

__all__ = ["LocalStorage"]

_META = "_meta"


def _write(path: str, stream: BinaryIO) -> None:
    """Write a file atomically: other processes see the complete file or no file.

    The umask determines the file's permissions.
    """
    part = f"{path}.{os.getpid()}-{os.urandom(6).hex()}"
    try:
        with open(part, "xb") as file:
            shutil.copyfileobj(stream, file)
        os.replace(part, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(part)
        raise


class LocalStorage(DataStoreStorage):
    """The storage in a directory. The metadata of a file is in a JSON file in the same directory."""

    TYPE = "local"
    METADATA_DIR = _META

    @classmethod
    def get_datastore_root_from_config(cls, echo: Callable[..., None], create_on_absent: bool = True) -> str | None:
        """Return the root of the running task's store, or of the default store. If that store is a bucket, return
        None."""
        from flowc_runtime.base.ambient import ambient
        from flowc_runtime.base.config.whereabouts import default_url

        task = ambient().task
        url = (task.store if task is not None else None) or default_url()
        return url.removeprefix("file://") if "://" not in url or url.startswith("file://") else None

    @staticmethod
    def _makedirs(path: str) -> None:
        os.makedirs(path, exist_ok=True)

    def is_file(self, paths: Iterable[str]) -> list[bool]:
        """Return a list that contains for each path whether the file exists."""
        return [os.path.isfile(self.full_uri(path)) for path in paths]

    def info_file(self, path: str) -> tuple[bool, Any]:
        """Return whether the file exists, and the file's metadata."""
        if not os.path.isfile(self.full_uri(path)):
            return False, None
        try:
            with open(f"{self.full_uri(path)}{_META}", encoding="utf-8") as file:
                return True, json_text.loads(file.read())
        except FileNotFoundError:
            return True, None

    def size_file(self, path: str) -> int | None:
        """Return the file's size in bytes, or None if the file does not exist."""
        try:
            return os.path.getsize(self.full_uri(path))
        except OSError:
            return None

    def list_content(self, paths: Iterable[str]) -> list[ListContentResult]:
        """Return the entries directly below each of the given directories."""
        return [entry for path in paths for entry in sorted_entries(str(self.datastore_root), path)]

    def save_bytes(
        self, path_and_bytes_iter: Iterable[tuple[str, Content]], overwrite: bool = False, len_hint: int = 0
    ) -> None:
        """Store contents. Each file is written atomically: other processes see the complete file or no file.

        Args:
            path_and_bytes_iter: pairs of a path below the root and a binary stream, or of a path and (stream, metadata
                that JSON can represent).
            overwrite: whether existing files are replaced; otherwise they stay unchanged.
            len_hint: ignored.
        """
        for path, content in path_and_bytes_iter:
            whole = self.full_uri(path)
            if os.path.exists(whole) and not overwrite:
                continue
            stream, meta = content if isinstance(content, tuple) else (content, None)
            self._makedirs(os.path.dirname(whole))
            if meta:
                _write(f"{whole}{_META}", io.BytesIO(json_text.dumps(meta).encode()))
            _write(whole, stream)

    def load_bytes(self, keys: Iterable[str]) -> CloseAfterUse:
        """Return a context manager over (path, local file, metadata); file and metadata are None for a missing path.

        The returned paths are those of the stored files, not of copies, so the caller must not change the files.
        """
        files = []
        for path in keys:
            there, meta = self.info_file(path)
            files.append((path, self.full_uri(path) if there else None, meta))
        return CloseAfterUse(iter(files))

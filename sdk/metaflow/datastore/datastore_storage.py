"""The base class of the storages in which decorators of extensions keep files."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from flowc_ir.late.namedtuple import NamedTuple
from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Content = BinaryIO | tuple[BinaryIO, Mapping[str, Any]]

__all__ = ["CloseAfterUse", "DataException", "DataStoreStorage"]


class DataException(MetaflowException):
    """Files of an extension cannot be stored or read."""

    headline = "Data store error"


class ListContentResult(NamedTuple):
    """An entry of a directory; `path` is relative to the root."""

    path: str
    is_file: bool


class CloseAfterUse:
    """A context manager that returns `data` when the `with` block starts, and closes `closer` when the block ends."""

    def __init__(self, data: Any, closer: Any = None) -> None:
        self.data = data
        self._closer = closer

    def __enter__(self) -> Any:
        return self.data

    def __exit__(self, *_error: object) -> None:
        if self._closer is not None:
            self._closer.close()


class DataStoreStorage:
    """The base class of storages. A storage stores files under paths that are relative to a root.

    Custom storages derive from this class and override its methods.

    Args:
        root: the directory or address of the root; by default, the root from the settings.
    """

    TYPE: ClassVar[str | None] = None
    datastore_root: str | None = None
    path_rexp: ClassVar[Any] = None

    list_content_result = ListContentResult

    def __init__(self, root: str | None = None) -> None:
        if root is not None:
            self.datastore_root = root

    @classmethod
    def get_datastore_root_from_config(cls, echo: Callable[..., None], create_on_absent: bool = True) -> str | None:
        """Return the root directory or address from the settings, or None if the settings contain none.

        Args:
            echo: prints a line.
            create_on_absent: whether to create a missing root.
        """
        raise NotImplementedError

    def is_file(self, paths: Iterable[str]) -> list[bool]:
        """Return a list that contains for each path whether the file exists."""
        raise NotImplementedError

    def info_file(self, path: str) -> tuple[bool, Any]:
        """Return whether the file exists, and the file's metadata, or None if the file has no metadata."""
        raise NotImplementedError

    def size_file(self, path: str) -> int | None:
        """Return the file's size in bytes, or None if the file does not exist."""
        raise NotImplementedError

    def list_content(self, paths: Iterable[str]) -> list[ListContentResult]:
        """Return the entries directly below each of the given directories."""
        raise NotImplementedError

    def save_bytes(
        self, path_and_bytes_iter: Iterable[tuple[str, Content]], overwrite: bool = False, len_hint: int = 0
    ) -> None:
        """Store contents.

        Args:
            path_and_bytes_iter: pairs of a path below the root and a binary stream, or of a path and (stream, metadata
                that JSON can represent).
            overwrite: whether existing files are replaced; otherwise they stay unchanged.
            len_hint: the number of files, or 0 if it is unknown.
        """
        raise NotImplementedError

    def load_bytes(self, keys: Iterable[str]) -> CloseAfterUse:
        """Return a context manager over (path, local file, metadata); file and metadata are None for a missing path."""
        raise NotImplementedError

    def full_uri(self, path: str) -> str:
        """Return the absolute path or address of a path below the root."""
        return self.path_join(str(self.datastore_root), path)

    @staticmethod
    def path_join(*components: str) -> str:
        """Join the parts of a path."""
        return posixpath.join(*components)

    @staticmethod
    def path_split(path: str) -> list[str]:
        """Split a path into its parts."""
        return path.split("/")

    @staticmethod
    def basename(path: str) -> str:
        """Return the last part of a path."""
        return path.rpartition("/")[2]

    @staticmethod
    def dirname(path: str) -> str:
        """Return all parts of a path except the last."""
        return path.rpartition("/")[0]


def sorted_entries(root: str, path: str) -> Iterator[ListContentResult]:
    """Yield the entries directly below a directory, in the order of their names."""
    try:
        entries: Sequence[os.DirEntry[str]] = sorted(os.scandir(os.path.join(root, path)), key=lambda it: it.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        yield ListContentResult(f"{path.rstrip('/')}/{entry.name}".lstrip("/"), entry.is_file())

"""Where decorators of extensions keep files: what Metaflow's storages have in common."""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, NamedTuple

from metaflow.exception import MetaflowException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Content = BinaryIO | tuple[BinaryIO, Mapping[str, Any]]

__all__ = ["CloseAfterUse", "DataException", "DataStoreStorage"]


class DataException(MetaflowException):
    """Files could not be kept, or not be read."""

    headline = "Data store error"


class ListContentResult(NamedTuple):
    """One entry of a directory; `path` is below the root."""

    path: str
    is_file: bool


class CloseAfterUse:
    """`data` in a `with` statement, after which `closer` is closed."""

    def __init__(self, data: Any, closer: Any = None) -> None:
        self.data = data
        self._closer = closer

    def __enter__(self) -> Any:
        return self.data

    def __exit__(self, *_error: object) -> None:
        if self._closer is not None:
            self._closer.close()


class DataStoreStorage:
    """Files by their paths below a root. A storage of an own derives from it."""

    TYPE: ClassVar[str | None] = None
    datastore_root: str | None = None
    path_rexp: ClassVar[Any] = None

    list_content_result = ListContentResult

    def __init__(self, root: str | None = None) -> None:
        if root is not None:
            self.datastore_root = root

    @classmethod
    def get_datastore_root_from_config(cls, echo: Callable[..., None], create_on_absent: bool = True) -> str | None:
        """Return the root that the settings say."""
        raise NotImplementedError

    def is_file(self, paths: Iterable[str]) -> list[bool]:
        """Whether each is there."""
        raise NotImplementedError

    def info_file(self, path: str) -> tuple[bool, Any]:
        """Whether it is there, and what was kept with it."""
        raise NotImplementedError

    def size_file(self, path: str) -> int | None:
        """Return its bytes, None if it is not there."""
        raise NotImplementedError

    def list_content(self, paths: Iterable[str]) -> list[ListContentResult]:
        """Return what is directly below these directories."""
        raise NotImplementedError

    def save_bytes(
        self, path_and_bytes_iter: Iterable[tuple[str, Content]], overwrite: bool = False, len_hint: int = 0
    ) -> None:
        """Keep contents, each a file or a file with a dict to keep with it; what is there stays without `overwrite`."""
        raise NotImplementedError

    def load_bytes(self, keys: Iterable[str]) -> CloseAfterUse:
        """In a `with` statement: (path, local file, what was kept with it) of each; None twice of what is not there."""
        raise NotImplementedError

    def full_uri(self, path: str) -> str:
        """Return the whole path."""
        return self.path_join(str(self.datastore_root), path)

    @staticmethod
    def path_join(*components: str) -> str:
        """Join parts of a path."""
        return posixpath.join(*components)

    @staticmethod
    def path_split(path: str) -> list[str]:
        """Split a path."""
        return path.split("/")

    @staticmethod
    def basename(path: str) -> str:
        """Return the last part."""
        return path.rpartition("/")[2]

    @staticmethod
    def dirname(path: str) -> str:
        """Return all but the last part."""
        return path.rpartition("/")[0]


def sorted_entries(root: str, path: str) -> Iterator[ListContentResult]:
    """Give what is directly below a directory."""
    try:
        entries: Sequence[os.DirEntry[str]] = sorted(os.scandir(os.path.join(root, path)), key=lambda it: it.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        yield ListContentResult(f"{path.rstrip('/')}/{entry.name}".lstrip("/"), entry.is_file())

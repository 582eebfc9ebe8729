"""The S3 client."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from itertools import count
from typing import TYPE_CHECKING, Any

from metaflow.plugins.datatools.s3.answers import checked, object_of, stored
from metaflow.plugins.datatools.s3.errors import (
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InsufficientDiskSpace,
    MetaflowS3InvalidObject,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
    MetaflowS3URLException,
)
from metaflow.plugins.datatools.s3.objects import S3GetObject, S3Object, S3PutObject
from metaflow.plugins.datatools.s3.roots import find_root, join_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from metaflow.plugins.datatools.s3.objects import PutValue

__all__ = [
    "S3",
    "MetaflowS3AccessDenied",
    "MetaflowS3Exception",
    "MetaflowS3InsufficientDiskSpace",
    "MetaflowS3InvalidObject",
    "MetaflowS3InvalidRange",
    "MetaflowS3NotFound",
    "MetaflowS3URLException",
]


class S3:
    """A client for objects in S3, or in a store with the same protocol.

    `with S3(run=self) as s3` stores data of the run below the root METAFLOW_DATATOOLS_S3ROOT. The arguments `bucket`
    and `prefix` replace the bucket and the prefix of this root. `S3(s3root="s3://bucket/prefix")` uses keys below a
    prefix, and `S3()` uses full addresses as keys. Fetched objects are stored as files in a directory below `tmproot`
    until the client is closed. A separate process sends the requests to the store, so that the code of steps can fork
    processes.

    Args:
        tmproot: the directory for fetched objects; default: METAFLOW_TEMPDIR, or the working directory.
        bucket: replaces the bucket of the root; only with `run`.
        prefix: replaces the prefix of the root; only with `run`.
        run: `self` in a step, or a Run of the client.
        s3root: the prefix of all keys, `s3://BUCKET/PREFIX`.
        encryption: the server-side encryption of stored objects, `AES256` or `aws:kms`; default:
            METAFLOW_S3_SERVER_SIDE_ENCRYPTION.

    Raises:
        MetaflowS3URLException: the arguments cannot be combined, or no setting gives the root for `run`.

    All methods raise MetaflowS3AccessDenied if the store rejects the credentials, MetaflowS3Exception if the store does
    not respond or obstore is not installed, and MetaflowS3URLException if a key does not fit the client's prefix.
    """

    TYPE = "s3"

    def __init__(
        self,
        tmproot: str | None = None,
        bucket: str | None = None,
        prefix: str | None = None,
        run: object = None,
        s3root: str | None = None,
        encryption: str | None = None,
    ) -> None:
        self._root = find_root(bucket, prefix, run, s3root)
        self._encryption = encryption or os.environ.get("METAFLOW_S3_SERVER_SIDE_ENCRYPTION") or None
        directory = tmproot if tmproot is not None else os.environ.get("METAFLOW_TEMPDIR", ".")
        self._directory = tempfile.mkdtemp(dir=directory, prefix="metaflow.s3.")
        self._numbers = count()
        self._owner = os.getpid()

    def __enter__(self) -> S3:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the local copies of fetched objects."""
        if os.getpid() == self._owner:  # a forked child must not delete the files, which its parent still uses
            shutil.rmtree(self._directory, ignore_errors=True)

    # -- fetching

    def get(
        self, key: str | S3GetObject | None = None, return_missing: bool = False, return_info: bool = True
    ) -> S3Object:
        """Fetch one object, or a range of it.

        Args:
            key: the key below the client's prefix, or a full address if the client has no prefix; S3GetObject for a
                range. None means the object at the prefix itself.
            return_missing: whether a missing object is returned with `exists` false.
            return_info: whether the result has the content type, the metadata, the range and the time of the last
                change.

        Raises:
            MetaflowS3NotFound: the object or the bucket does not exist.
            MetaflowS3InvalidRange: the range is negative, empty, or outside the object.
            MetaflowS3InsufficientDiskSpace: the local disk is full.
        """
        return self._get([key], return_missing, return_info)[0]

    def get_many(
        self, keys: Iterable[str | S3GetObject], return_missing: bool = False, return_info: bool = True
    ) -> list[S3Object]:
        """Fetch objects concurrently; the results are in the order of the keys.

        Args:
            keys: keys as for `get`.
            return_missing: whether missing objects are returned with `exists` false.
            return_info: whether the results have metadata.

        Raises:
            MetaflowS3URLException: `keys` is a single text.
            MetaflowS3NotFound, MetaflowS3InvalidRange, MetaflowS3InsufficientDiskSpace: as for `get`, for the first key
                with an error.
        """
        return self._get(_key_list(keys, "get_many"), return_missing, return_info)

    def get_recursive(self, keys: Iterable[str], return_info: bool = False) -> list[S3Object]:
        """Fetch all objects whose key begins with one of the prefixes.

        To fetch only the objects in a directory, end the prefix with a slash.

        Args:
            keys: the prefixes.
            return_info: whether the results have metadata, and keys relative to the client's prefix, as in Metaflow;
                otherwise keys are relative to the requested prefix.

        Raises:
            MetaflowS3URLException: `keys` is a single text.
            MetaflowS3NotFound: the bucket does not exist.
            MetaflowS3InsufficientDiskSpace: the local disk is full.
        """
        objects = self._list_recursive(self._prefixes(keys, "get_recursive"), raw=True)
        items = [{"url": each.url, "path": self._path()} for each in objects]
        # As in Metaflow, keys are relative to the client's prefix if `return_info` is true.
        prefixes = [self._root if return_info else each.prefix for each in objects]
        return self._fetch(items, prefixes, return_missing=False, return_info=return_info)

    def get_all(self, return_info: bool = False) -> list[S3Object]:
        """Fetch all objects below the client's prefix.

        Raises:
            MetaflowS3URLException: the client has no prefix.
            MetaflowS3NotFound: the bucket does not exist.
            MetaflowS3InsufficientDiskSpace: the local disk is full.
        """
        if self._root is None:
            raise MetaflowS3URLException("Can't get_all() when S3 is initialized without a prefix")
        objects = self.list_recursive()
        items = [{"url": each.url, "path": self._path()} for each in objects]
        return self._fetch(items, [self._root] * len(items), return_missing=False, return_info=return_info)

    def info(self, key: str | None = None, return_missing: bool = False) -> S3Object:
        """Return the size and metadata of an object without fetching its content.

        Args:
            key: the key as for `get`.
            return_missing: whether a missing object is returned with `exists` false.

        Raises:
            MetaflowS3NotFound: the object or the bucket does not exist.
        """
        return self._info([key], return_missing)[0]

    def info_many(self, keys: Iterable[str], return_missing: bool = False) -> list[S3Object]:
        """Return the sizes and metadata of objects without fetching their content, in the order of the keys.

        Args:
            keys: keys as for `get`.
            return_missing: whether missing objects are returned with `exists` false.

        Raises:
            MetaflowS3URLException: `keys` is a single text.
            MetaflowS3NotFound: an object or bucket does not exist.
        """
        return self._info(_key_list(keys, "info_many"), return_missing)

    def _get(self, keys: Sequence[Any], return_missing: bool, return_info: bool) -> list[S3Object]:
        items = []
        for request in keys:
            key, offset, length = request if isinstance(request, S3GetObject) else (request, None, None)
            if (offset or 0) < 0 or (length is not None and length <= 0):
                raise MetaflowS3InvalidRange(
                    f"{key}: a range begins at 0 or later and has 1 byte or more, not offset {offset}, length {length}"
                )
            items.append({"url": self._url(key), "path": self._path(), "offset": offset, "length": length})
        return self._fetch(items, [self._root] * len(items), return_missing=return_missing, return_info=return_info)

    def _fetch(
        self, items: list[dict[str, Any]], prefixes: Sequence[str | None], *, return_missing: bool, return_info: bool
    ) -> list[S3Object]:
        answers = checked("get", items, return_missing)
        return [
            object_of(item["url"], prefix, answer, return_info)
            for item, prefix, answer in zip(items, prefixes, answers, strict=True)
        ]

    def _info(self, keys: Sequence[str | None], return_missing: bool) -> list[S3Object]:
        items = [{"url": self._url(key)} for key in keys]
        answers = checked("info", items, return_missing)
        return [object_of(item["url"], self._root, answer, True) for item, answer in zip(items, answers, strict=True)]

    # -- listing

    def list_paths(self, keys: Iterable[str] | None = None) -> list[S3Object]:
        """Return the objects and sub-directories directly below each key; a sub-directory has `exists` False.

        Args:
            keys: the directories, or None for the client's prefix.

        Raises:
            MetaflowS3URLException: `keys` is a single text.
            MetaflowS3NotFound: the bucket does not exist.
        """
        urls = [f"{url.rstrip('/')}/" for url in self._prefixes(keys, "list_paths")]
        objects: list[S3Object] = []
        for url, answer in zip(urls, checked("list", [{"url": url} for url in urls]), strict=True):
            bucket = url[: url.index("/", len("s3://"))]
            objects += [S3Object(url, f"{bucket}/{path}", None, size) for path, size in answer["objects"]]
            objects += [S3Object(url, f"{bucket}/{path}", None) for path in answer["prefixes"]]
        return objects

    def list_recursive(self, keys: Iterable[str] | None = None) -> list[S3Object]:
        """Return all objects below each key, at any depth.

        Args:
            keys: the directories, or None for the client's prefix.

        Raises:
            MetaflowS3URLException: `keys` is a single text.
            MetaflowS3NotFound: the bucket does not exist.
        """
        return self._list_recursive(self._prefixes(keys, "list_recursive"))

    def _list_recursive(self, urls: list[str], *, raw: bool = False) -> list[S3Object]:
        items = [{"url": url, "raw": raw} for url in urls]
        objects: list[S3Object] = []
        for url, answer in zip(urls, checked("list_recursive", items), strict=True):
            bucket = "/".join(url.split("/")[:3])
            objects += [S3Object(url, f"{bucket}/{path}", None, size) for path, size in answer["objects"]]
        return objects

    def _prefixes(self, keys: Iterable[str] | None, method: str) -> list[str]:
        return [self._url(key) for key in (_key_list(keys, method) if keys is not None else [None])]

    # -- storing

    def put(
        self,
        key: str | S3PutObject,
        obj: PutValue,
        overwrite: bool = True,
        content_type: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> str:
        """Store one object and return its address.

        Args:
            key: the key below the client's prefix, or a full address if the client has no prefix; S3PutObject for more
                options.
            obj: text (stored as UTF-8), bytes, or a binary file, which is read to its end.
            overwrite: whether an existing object is replaced; otherwise the object stays unchanged, and its address is
                returned.
            content_type: the MIME type.
            metadata: names and strings to store with the object.

        Raises:
            MetaflowS3InvalidObject: the value is neither text nor bytes nor a binary file.
            MetaflowS3NotFound: the bucket does not exist.
        """
        if isinstance(key, S3PutObject):
            request = key._replace(
                value=obj, content_type=content_type or key.content_type, metadata=metadata or key.metadata
            )
        else:
            request = S3PutObject(key, obj, None, content_type, None, metadata)
        item = self._item(request, overwrite)
        checked("put", [{**item, "data": _as_bytes(request.key, request.value)}])
        url: str = item["url"]
        return url

    def put_many(
        self, key_objs: Iterable[tuple[str, PutValue] | S3PutObject], overwrite: bool = True
    ) -> list[tuple[str, str]]:
        """Store values concurrently.

        Args:
            key_objs: pairs of key and value, or S3PutObject.
            overwrite: whether existing objects are replaced; otherwise they stay unchanged.

        Returns:
            (key, address) of each value that was stored; objects that stayed unchanged are left out.

        Raises:
            MetaflowS3InvalidObject: a value is neither text nor bytes nor a binary file; then nothing is stored.
            MetaflowS3NotFound: the bucket does not exist.
        """
        pairs = [each if isinstance(each, S3PutObject) else S3PutObject(*each) for each in key_objs]
        items = [self._item(each, overwrite) | {"data": _as_bytes(each.key, each.value)} for each in pairs]
        return stored(pairs, items)

    def put_files(
        self, key_paths: Iterable[tuple[str, str] | S3PutObject], overwrite: bool = True
    ) -> list[tuple[str, str]]:
        """Store local files concurrently.

        Args:
            key_paths: pairs of key and path, or S3PutObject with `path`.
            overwrite: whether existing objects are replaced; otherwise they stay unchanged.

        Returns:
            (key, address) of each file that was stored; objects that stayed unchanged are left out.

        Raises:
            MetaflowS3NotFound: a local file does not exist (then nothing is stored), or the bucket does not.
        """
        pairs = [
            each if isinstance(each, S3PutObject) else S3PutObject(each[0], path=os.fspath(each[1]))
            for each in key_paths
        ]
        items = []
        for each in pairs:
            if each.path is None or not os.path.isfile(each.path):
                raise MetaflowS3NotFound(f"Local file not found: {each.path}")
            items.append(self._item(each, overwrite) | {"path": os.path.abspath(each.path)})
        return stored(pairs, items)

    def _item(self, request: S3PutObject, overwrite: bool) -> dict[str, Any]:
        return {
            "url": self._url(request.key),
            "overwrite": overwrite,
            "content_type": request.content_type,
            "metadata": request.metadata,
            "encryption": request.encryption or self._encryption,
        }

    # -- names

    def _url(self, key: str | None) -> str:
        return join_key(self._root, key)

    def _path(self) -> str:
        # The name contains the pid, because forked children use the same directory and start with the same counter
        # value.
        return os.path.abspath(os.path.join(self._directory, f"{os.getpid()}-{next(self._numbers)}"))


def _key_list(keys: Iterable[object], method: str) -> list[Any]:
    if isinstance(keys, str):
        raise MetaflowS3URLException(f"{method} takes a list of keys; for one key, write [{keys!r}]")
    return list(keys)


def _as_bytes(key: str, value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, io.RawIOBase | io.BufferedIOBase):
        return value.read() or b""
    raise MetaflowS3InvalidObject(f"Object corresponding to the key '{key}' is not a string or a bytes object.")

"""The classes for arguments and results of the S3 client."""

from __future__ import annotations

import io
from typing import TypeAlias

from flowc_ir.late.namedtuple import NamedTuple

PutValue: TypeAlias = "io.RawIOBase | io.BufferedIOBase | str | bytes"


class S3GetObject(NamedTuple):
    """A range of an object to fetch: `length` bytes from `offset`; a length of None means up to the object's end."""

    key: str
    offset: int | None = None
    length: int | None = None


class S3PutObject(NamedTuple):
    """An object to store: `value` for `put` and `put_many`, `path` of a local file for `put_files`."""

    key: str
    value: PutValue | None = None
    path: str | None = None
    content_type: str | None = None
    encryption: str | None = None
    metadata: dict[str, str] | None = None


class RangeInfo(NamedTuple):
    """The range of an object that was fetched, in bytes.

    Attributes:
        total_size: the size of the whole object.
        request_offset: the offset of the first fetched byte.
        request_length: the number of fetched bytes; -1 if it is unknown.
    """

    total_size: int
    request_offset: int = 0
    request_length: int = -1


class S3Object:
    """An object or a sub-directory in the store. A fetched object has a local copy.

    The methods of the client return S3Objects.
    """

    def __init__(
        self,
        prefix: str | None,
        url: str,
        path: str | None,
        size: int | None = None,
        content_type: str | None = None,
        metadata: dict[str, str] | None = None,
        range_info: RangeInfo | None = None,
        last_modified: float | None = None,
        encryption: str | None = None,
    ) -> None:
        self._prefix = prefix
        self._url = url
        self._path = path
        self._size = size
        self._content_type = content_type
        self._metadata = metadata
        self._range_info = range_info
        self._last_modified = last_modified
        self._encryption = encryption
        self._key = url[len(prefix) :].strip("/") if prefix and prefix != url else url

    @property
    def exists(self) -> bool:
        """Whether an object exists at this address. The value is False for a prefix that only begins the keys of other
        objects."""
        return self._size is not None

    @property
    def downloaded(self) -> bool:
        """Whether the object was fetched. For a fetched object, `path`, `blob` and `text` give the content."""
        return self._path is not None

    @property
    def url(self) -> str:
        """The full address."""
        return self._url

    @property
    def prefix(self) -> str | None:
        """The prefix to which `key` is relative, or None if the client uses full addresses."""
        return self._prefix

    @property
    def key(self) -> str:
        """The object's key: relative to `prefix`, or the full address."""
        return self._key

    @property
    def path(self) -> str | None:
        """The path of the local copy, which is deleted when the client is closed.

        The path is None if the object was not fetched.
        """
        return self._path

    @property
    def blob(self) -> bytes | None:
        """The content of the object, or None if the object was not fetched.

        Reading the content after the client is closed raises FileNotFoundError.
        """
        if self._path is None:
            return None
        with open(self._path, "rb") as file:
            return file.read()

    @property
    def text(self) -> str | None:
        """The content as UTF-8 text, or None if the object was not fetched.

        Raises:
            UnicodeDecodeError: the content is not UTF-8.
            FileNotFoundError: the client has been closed.
        """
        blob = self.blob
        return None if blob is None else blob.decode("utf-8")

    @property
    def size(self) -> int | None:
        """The size in bytes of the object, or of the fetched range. The value is None if the object does not exist."""
        return self._size

    @property
    def has_info(self) -> bool:
        """Whether the object's metadata was requested. If not, the properties about the metadata are None."""
        return self._content_type is not None or self._metadata is not None or self._range_info is not None

    @property
    def metadata(self) -> dict[str, str] | None:
        """The metadata that was stored with the object, or None if the object has no metadata or the metadata was not
        requested."""
        return self._metadata

    @property
    def content_type(self) -> str | None:
        """The MIME type."""
        return self._content_type

    @property
    def encryption(self) -> str | None:
        """The encryption that the client requested.

        Encryption that is only configured in the bucket is not reported.
        """
        return self._encryption

    @property
    def range_info(self) -> RangeInfo | None:
        """The range of the object that was fetched."""
        return self._range_info

    @property
    def last_modified(self) -> float | None:
        """The time of the last change, in seconds since the epoch."""
        return self._last_modified

    def __str__(self) -> str:
        if not self.exists:
            return f"<S3Object {self._url} (object does not exist)>"
        where = "local" if self.downloaded else "in S3"
        return f"<S3Object {self._url} ({self._size} bytes, {where})>"

    __repr__ = __str__

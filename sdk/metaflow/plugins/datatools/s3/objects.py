"""What the S3 client takes and gives."""

from __future__ import annotations

import io
from typing import NamedTuple, TypeAlias

PutValue: TypeAlias = "io.RawIOBase | io.BufferedIOBase | str | bytes"


class S3GetObject(NamedTuple):
    """A part of an object: `length` bytes from `offset` on, None for all that follow."""

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
    """What was fetched of an object: all sizes in bytes."""

    total_size: int
    request_offset: int = 0
    request_length: int = -1


class S3Object:
    """A path or an object in the store, perhaps with a local copy; made by the client's methods."""

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
        """Whether there is an object, not only a prefix of others."""
        return self._size is not None

    @property
    def downloaded(self) -> bool:
        """Whether `path`, `blob` and `text` have its contents."""
        return self._path is not None

    @property
    def url(self) -> str:
        """The full address."""
        return self._url

    @property
    def prefix(self) -> str | None:
        """The prefix that was asked for and matches this object."""
        return self._prefix

    @property
    def key(self) -> str:
        """The key that was asked for: relative to the prefix, or the full address."""
        return self._key

    @property
    def path(self) -> str | None:
        """The local copy, which goes when the client is closed; None if it was not fetched."""
        return self._path

    @property
    def blob(self) -> bytes | None:
        """The contents; None if they were not fetched."""
        if self._path is None:
            return None
        with open(self._path, "rb") as file:
            return file.read()

    @property
    def text(self) -> str | None:
        """The contents as UTF-8 text; None if they were not fetched."""
        blob = self.blob
        return None if blob is None else blob.decode("utf-8")

    @property
    def size(self) -> int | None:
        """Bytes of the object, or of the part of it that was fetched; None for what does not exist."""
        return self._size

    @property
    def has_info(self) -> bool:
        """Whether the properties below were asked for."""
        return self._content_type is not None or self._metadata is not None or self._range_info is not None

    @property
    def metadata(self) -> dict[str, str] | None:
        """The user's own metadata, if there is any."""
        return self._metadata

    @property
    def content_type(self) -> str | None:
        """The MIME type."""
        return self._content_type

    @property
    def encryption(self) -> str | None:
        """The encryption that the client asked for; what a bucket applies by itself is not known."""
        return self._encryption

    @property
    def range_info(self) -> RangeInfo | None:
        """Which part of the object was fetched."""
        return self._range_info

    @property
    def last_modified(self) -> float | None:
        """When the object was stored: seconds since the epoch."""
        return self._last_modified

    def __str__(self) -> str:
        if not self.exists:
            return f"<S3Object {self._url} (object does not exist)>"
        where = "local" if self.downloaded else "in S3"
        return f"<S3Object {self._url} ({self._size} bytes, {where})>"

    __repr__ = __str__

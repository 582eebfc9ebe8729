"""The exceptions of the S3 client."""

from __future__ import annotations

from metaflow.exception import MetaflowException


class MetaflowS3Exception(MetaflowException):
    """The store cannot be used, for example because it does not respond."""

    headline = "S3 access failed"


class MetaflowS3AccessDenied(MetaflowException):
    """The store rejects the credentials."""

    headline = "S3 access denied"


class MetaflowS3NotFound(MetaflowException):
    """The object, bucket or local file does not exist."""

    headline = "S3 object not found"


class MetaflowS3URLException(MetaflowException):
    """The address of an object does not match the client's prefix, or the client's arguments cannot be combined."""

    headline = "Invalid address"


class MetaflowS3InvalidObject(MetaflowException):
    """The value to store is neither text nor bytes."""

    headline = "Not a string-like object"


class MetaflowS3InvalidRange(MetaflowException):
    """The requested range is invalid, or outside the object."""

    headline = "S3 invalid range"


class MetaflowS3InsufficientDiskSpace(MetaflowException):
    """The fetched objects do not fit on the local disk."""

    headline = "Insufficient disk space"


# The kinds of errors in the worker's answers -> the exceptions that the client raises.
BY_KIND: dict[str, type[MetaflowException]] = {
    "missing": MetaflowS3NotFound,
    "denied": MetaflowS3AccessDenied,
    "range": MetaflowS3InvalidRange,
    "disk": MetaflowS3InsufficientDiskSpace,
    "url": MetaflowS3URLException,
    "failed": MetaflowS3Exception,
    "unreachable": MetaflowS3Exception,
}

for _error in (*BY_KIND.values(), MetaflowS3InvalidObject):
    # the module name of these classes in Metaflow's records and pickles
    _error.__module__ = "metaflow.plugins.datatools.s3.s3"

"""What the S3 client raises."""

from __future__ import annotations

from metaflow.exception import MetaflowException


class MetaflowS3Exception(MetaflowException):
    """The store could not be used."""

    headline = "S3 access failed"


class MetaflowS3AccessDenied(MetaflowException):
    """The store refuses these credentials."""

    headline = "S3 access denied"


class MetaflowS3NotFound(MetaflowException):
    """There is no such object, bucket or local file."""

    headline = "S3 object not found"


class MetaflowS3URLException(MetaflowException):
    """An address does not fit how the client was made."""

    headline = "Invalid address"


class MetaflowS3InvalidObject(MetaflowException):
    """A value to store is neither text nor bytes."""

    headline = "Not a string-like object"


class MetaflowS3InvalidRange(MetaflowException):
    """A range that the object does not have."""

    headline = "S3 invalid range"


class MetaflowS3InsufficientDiskSpace(MetaflowException):
    """What was fetched does not fit on the local disk."""

    headline = "Insufficient disk space"


# What the process that talks to the store says -> what the caller's process raises.
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
    _error.__module__ = "metaflow.plugins.datatools.s3.s3"  # as they are called in Metaflow's records and pickles

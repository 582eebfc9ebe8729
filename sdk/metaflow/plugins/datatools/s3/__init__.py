"""`S3`: a client that reads and writes objects of a bucket, many at a time.

The client needs obstore (`pip install 'flowc[s3]'`).
"""

from metaflow.plugins.datatools.s3.errors import (
    MetaflowS3AccessDenied,
    MetaflowS3Exception,
    MetaflowS3InsufficientDiskSpace,
    MetaflowS3InvalidObject,
    MetaflowS3InvalidRange,
    MetaflowS3NotFound,
    MetaflowS3URLException,
)
from metaflow.plugins.datatools.s3.objects import RangeInfo, S3GetObject, S3Object, S3PutObject
from metaflow.plugins.datatools.s3.s3 import S3

__all__ = [
    "S3",
    "MetaflowS3AccessDenied",
    "MetaflowS3Exception",
    "MetaflowS3InsufficientDiskSpace",
    "MetaflowS3InvalidObject",
    "MetaflowS3InvalidRange",
    "MetaflowS3NotFound",
    "MetaflowS3URLException",
    "RangeInfo",
    "S3GetObject",
    "S3Object",
    "S3PutObject",
]

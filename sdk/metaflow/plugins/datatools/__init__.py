"""Transfer of data between steps and object stores."""

from metaflow.plugins.datatools.s3 import S3, MetaflowS3Exception

__all__ = ["S3", "MetaflowS3Exception"]

"""Functions and classes with which steps transfer data to and from object stores."""

from metaflow.plugins.datatools.s3 import S3, MetaflowS3Exception

__all__ = ["S3", "MetaflowS3Exception"]

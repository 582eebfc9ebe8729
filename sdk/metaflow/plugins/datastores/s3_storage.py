"""Names that extensions import from Metaflow's S3 storage; extensions can store files only in directories."""

from metaflow.datastore.datastore_storage import CloseAfterUse
from metaflow.metaflow_config import TEMPDIR as ARTIFACT_LOCALROOT
from metaflow.plugins.datatools.s3 import S3

__all__ = ["ARTIFACT_LOCALROOT", "S3", "CloseAfterUse"]

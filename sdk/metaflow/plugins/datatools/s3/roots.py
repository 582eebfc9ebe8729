"""The full addresses of a client's keys. A key is relative to the client's prefix, or is itself a full address."""

from __future__ import annotations

from flowc_runtime.base.config import settings
from metaflow.flowspec import FlowSpec
from metaflow.metaflow_current import current
from metaflow.plugins.datatools.s3.errors import MetaflowS3URLException


def find_root(bucket: str | None, prefix: str | None, run: object, s3root: str | None) -> str | None:
    """Return the prefix of a client, `s3://…` without a trailing slash, or None if keys are full addresses.

    Raises:
        MetaflowS3URLException: the arguments cannot be combined, no setting gives the root for `run`, or `run` is
            neither the flow object of a running step nor a Run.
    """
    if run is not None:
        return f"{_data_root(bucket, prefix)}/{_run_path(run)}"
    if s3root is not None:
        if not s3root.startswith("s3://") or not s3root.removeprefix("s3://").strip("/"):
            raise MetaflowS3URLException(f"s3root needs to be an S3 URL prefixed with s3://, not {s3root!r}")
        return s3root.rstrip("/")
    if bucket is not None or prefix is not None:
        raise MetaflowS3URLException("bucket and prefix are valid only together with run; without run, give s3root")
    return None


def _data_root(bucket: str | None, prefix: str | None) -> str:
    root = settings.get("DATATOOLS_S3ROOT")
    if not root and (sysroot := settings.get("DATASTORE_SYSROOT_S3")):
        root = f"{sysroot.rstrip('/')}/data"
    if not root and bucket is not None:
        root = f"s3://{bucket}"
    if not root or not root.startswith("s3://"):
        raise MetaflowS3URLException(
            "S3(run=…) keeps data under the prefix that METAFLOW_DATATOOLS_S3ROOT names, such as s3://bucket/data: "
            f"set it{f', not to {root!r}' if root else ''}, or give bucket"
        )
    own_bucket, _, own_prefix = root.removeprefix("s3://").partition("/")
    parts = [bucket or own_bucket, (own_prefix if prefix is None else prefix).strip("/")]
    return "s3://" + "/".join(filter(None, parts))


def _run_path(run: object) -> str:
    """Return `FLOW/RUN` for the flow object of a running step, or for a Run."""
    if isinstance(run, FlowSpec):
        if not current.is_running_flow:
            raise MetaflowS3URLException("S3(run=self) is valid only inside a step of a running flow")
        return f"{current.flow_name}/{current.run_id}"
    pathspec = getattr(run, "pathspec", None)
    if not isinstance(pathspec, str) or pathspec.count("/") != 1:
        raise MetaflowS3URLException(f"run takes self inside a step, or a Run, not {run!r}")
    return pathspec


def join_key(root: str | None, key: str | None) -> str:
    """Return the full address of a key.

    Args:
        root: the client's prefix, or None if keys are full addresses.
        key: the key, or None for the prefix itself.

    Raises:
        MetaflowS3URLException: the key is a full address although there is a prefix, or is not a full address although
            there is no prefix.
    """
    if root is None:
        if key is None or not key.startswith("s3://") or "/" not in key.removeprefix("s3://").rstrip("/"):
            raise MetaflowS3URLException(
                "Initialize S3 with an 's3root' or 'run' if you don't want to specify full s3:// urls."
            )
        return key
    if key is None:
        return root
    if key.startswith("s3://"):
        raise MetaflowS3URLException(
            f"Don't use absolute S3 URLs when the S3 client is initialized with a prefix. URL: {key}"
        )
    return f"{root}/{key.lstrip('/')}"

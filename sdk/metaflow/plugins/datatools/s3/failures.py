"""Conversion of an error in the worker to an answer: the kind of the error and one line of text."""

from __future__ import annotations

import errno
from typing import Any

from flowc_runtime.base.errors import FlowcError
from flowc_runtime.store.backends.remote.errors import is_denied, is_transient, reason


def explain(error: Exception, url: str) -> dict[str, Any]:
    """Convert an error to the worker's answer.

    Args:
        error: an error of obstore, or an error of flowc whose cause is an error of obstore.
        url: the address of the object.

    Returns:
        `{"error": kind, "message": text}`: the kind is a key of `errors.BY_KIND`, and the text is one line.
    """
    cause = error.__cause__
    text_of_cause = reason(str(cause or error))
    if isinstance(cause, Exception) and is_transient(cause):
        return {"error": "unreachable", "message": f"{url}: {error}"}
    if isinstance(error, FlowcError) and isinstance(cause, Exception):
        line, error = str(error), cause
    else:
        line = text_of_cause
    text = str(error)
    if is_denied(error):
        return {"error": "denied", "message": f"{url}: access denied ({text_of_cause}); check AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL or METAFLOW_S3_ENDPOINT_URL"}  # fmt: skip
    if isinstance(error, FileNotFoundError) or "NoSuchBucket" in text:
        return {"error": "missing", "message": f"{url}: no such bucket" if "NoSuchBucket" in text else url}
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return {"error": "disk", "message": f"no space left on the local disk for {url}"}
    if "416 Range" in text or "Range started at" in text:
        return {"error": "range", "message": f"{url} has no such range: {text_of_cause}"}
    if isinstance(error, ValueError):
        return {"error": "url", "message": f"{url}: {text_of_cause}"}
    return {"error": "failed", "message": f"{url}: {line}"}

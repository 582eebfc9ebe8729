"""Conversion of the worker's answers for the S3 client: an error becomes an exception, any other answer an S3Object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from metaflow.plugins.datatools.s3.channel import ask
from metaflow.plugins.datatools.s3.errors import BY_KIND
from metaflow.plugins.datatools.s3.objects import RangeInfo, S3Object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metaflow.plugins.datatools.s3.objects import S3PutObject


def checked(
    operation: str, items: Sequence[Mapping[str, object]], return_missing: bool = False
) -> list[dict[str, Any]]:
    """Send requests to the worker and return the answers. With `return_missing`, a missing object is not an error.

    Raises:
        MetaflowS3Exception: the error of the first request that failed.
    """
    answers = ask(operation, items) if items else []
    for answer in answers:
        kind = answer.get("error")
        if kind is not None and not (return_missing and kind == "missing"):
            raise BY_KIND[kind](answer["message"])
    return answers


def object_of(url: str, prefix: str | None, answer: dict[str, Any], return_info: bool) -> S3Object:
    """Return the S3Object that an answer describes. Without `return_info`, the S3Object has only the local copy and the
    size."""
    if "error" in answer:
        return S3Object(prefix, url, None)
    if not return_info:
        return S3Object(prefix, url, answer.get("path"), answer["size"])
    return S3Object(
        prefix,
        url,
        answer.get("path"),
        answer["size"],
        answer["content_type"],
        answer["metadata"],
        RangeInfo(*answer["range"]) if "range" in answer else None,
        answer["last_modified"],
    )


def stored(pairs: Sequence[S3PutObject], items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Store objects. Return (key, URL) of each object that was stored; existing objects that are not overwritten are
    left out."""
    answers = checked("put", items)
    triples = zip(pairs, items, answers, strict=True)
    return [(pair.key, item["url"]) for pair, item, answer in triples if answer["stored"]]

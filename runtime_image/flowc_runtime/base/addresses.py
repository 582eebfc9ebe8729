"""Addresses of stores: they stand in records, manifests and messages, so no credentials may stand in them."""

from __future__ import annotations

HINT = "give credentials by the environment (AWS_ACCESS_KEY_ID, …), and to pods by a Secret (--store-secret)"


def fault(url: str) -> str | None:
    """What is wrong with the address of a bucket, without repeating what is secret in it; None for a good one.

    A directory's name may hold anything.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "file":
        return None
    if _userinfo_end(rest):
        return "it has a key or a password before the bucket, and it is written into records and manifests"
    if "?" in rest or "#" in rest:
        return "it has a query or a fragment, where credentials stand, and it is written into records and manifests"
    return None


def meant(url: str) -> str | None:
    """The address that is meant where a slash is missing, as in `s3:/bucket`; None for a directory."""
    scheme, colon, rest = url.partition(":")
    return f"{scheme}://{rest.lstrip('/')}" if colon and scheme in ("s3", "gs", "az") else None


def shown(url: str) -> str:
    """The address without what may be secret: `s3://…@bucket/prefix?…`."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "file":
        return url
    at = _userinfo_end(rest)
    whole = rest[at:]
    ends = [index for mark in "?#" if (index := whole.find(mark)) >= 0]
    return f"{scheme}://{'…@' if at else ''}{f'{whole[: min(ends) + 1]}…' if ends else whole}"


def _userinfo_end(rest: str) -> int:
    """Where the host or bucket begins, behind a key and a password; 0 where there are none. A password may hold a /."""
    place = rest.partition("/")[0]
    return (rest if ":" in place else place).rfind("@") + 1

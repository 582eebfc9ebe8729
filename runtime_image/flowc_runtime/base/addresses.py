"""Check addresses of stores and trackers.

Records, manifests and messages contain these addresses, so the addresses must contain no credentials.
"""

from __future__ import annotations

HINT = "pass credentials in environment variables (AWS_ACCESS_KEY_ID, …), and to pods in a Secret (--store-secret)"

NO_TRACKER = "none"
"""The value of the setting `tracker` that switches trackers off."""


def fault(url: str) -> str | None:
    """Return a description of the fault in a bucket's address, without quoting secrets; None for a valid address.

    The path of a directory is always valid, since it may contain any character.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "file":
        return None
    if _userinfo_end(rest):
        return "it has a key or a password before the bucket, and addresses are written into records and manifests"
    if "?" in rest or "#" in rest:
        return (
            "it has a query or a fragment, which may contain credentials, "
            "and addresses are written into records and manifests"
        )
    return None


def fault_of_tracker(setting: str) -> str | None:
    """Return a description of the fault in the address of a setting `NAME:ADDRESS`, without quoting secrets; None for a
    valid address.

    The setting is printed and written into manifests.
    """
    name, _, address = setting.partition(":")
    _, separator, rest = address.partition("://")
    if separator and (":" in rest[: _userinfo_end(rest)] or "?" in rest):
        return f"the address of the tracker '{name}' contains a password or a query, and it is written into manifests"
    return None


def meant(url: str) -> str | None:
    """Return the intended address if a slash is missing, as in `s3:/bucket`; None for a directory."""
    scheme, colon, rest = url.partition(":")
    return f"{scheme}://{rest.lstrip('/')}" if colon and scheme in ("s3", "gs", "az") else None


def shown(url: str) -> str:
    """Return the address with possible secrets removed: `s3://…@bucket/prefix?…`."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme == "file":
        return url
    at = _userinfo_end(rest)
    whole = rest[at:]
    ends = [index for mark in "?#" if (index := whole.find(mark)) >= 0]
    return f"{scheme}://{'…@' if at else ''}{f'{whole[: min(ends) + 1]}…' if ends else whole}"


def _userinfo_end(rest: str) -> int:
    """Return the index at which the host or bucket begins, after the key and password; 0 without them.

    A password may contain a slash.
    """
    place = rest.partition("/")[0]
    return (rest if ":" in place else place).rfind("@") + 1

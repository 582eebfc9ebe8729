"""Interpret errors of obstore: decide whether to repeat the request, and make a one-line message for people.

obstore has one class for most errors. Errors of this class differ only in their texts: the first line is for people,
and the debug output of every layer follows.
"""

from __future__ import annotations

import os
import re

from flowc_ir.late.pattern import late_pattern
from flowc_runtime.base import addresses
from flowc_runtime.base.contract import POD
from flowc_runtime.base.errors import FlowcError, NotFound, StoreError

_DENIED = (
    "InvalidAccessKeyId",
    "XAdminUserNotFound",
    "SignatureDoesNotMatch",
    "AccessDenied",
    "403 Forbidden",
    "401 Unauthorized",
)
_DENIED_BY_CLIENT = ("permission", "not authenticated")
_CODE = late_pattern(r"<Code>(\w+)</Code>(?:.*?<Message>(.*?)</Message>)?", re.DOTALL)
_STATUS = late_pattern(r"status code: (\d{3})")
_BUSY = frozenset({"InternalError", "SlowDown", "ServiceUnavailable", "RequestTimeout", "OperationAborted"})
_PLACE = late_pattern(r"Error performing \w+ (https?://[^/\s]+)")
# Metadata services of cloud providers, from which obstore requests credentials if the environment has none.
_CREDENTIALS = ("//169.254.169.254", "//169.254.170.", "//metadata.google.internal")
_ADVICE = "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL, or your provider's variables"
# Texts in obstore's error messages, each with the message that flowc shows instead.
_KINDS = (
    ("kind: Timeout", "no answer"),
    ("ConnectionRefused", "connection refused"),
    ("dns error", "no such host"),
    ("NetworkUnreachable", "network unreachable"),
    ("HostUnreachable", "host unreachable"),
    ("kind: Connect", "no connection"),
    ("kind: Interrupted", "the answer was cut off"),
    ("error sending request", "the connection was dropped"),
)


class Lost(Exception):
    """The object was not stored: the request must be sent again."""


def is_transient(error: Exception) -> bool:
    """Return whether the request may succeed later: the error is a dropped connection, a timeout or a 5xx answer."""
    if isinstance(error, Lost):
        return True
    if not type(error).__module__.startswith("obstore") or type(error).__name__ != "GenericError":
        return False
    text = str(error)
    # a machine outside of a cluster has no metadata service, so a retry would not help
    if any(place in text for place in _CREDENTIALS) and POD not in os.environ:
        return False
    if status := _STATUS.search(text):
        return int(status[1]) >= 500 or int(status[1]) in (408, 429)
    code = _CODE.search(text)
    return "HttpError {" in text or "HTTP error" in text or (code is not None and code[1] in _BUSY)


def is_silence(error: Exception) -> bool:
    """Return whether the store accepted the request but did not answer."""
    return "kind: Timeout" in str(error)


def is_conflict(error: Exception) -> bool:
    """Return whether an object was not created because it exists, or because another writer is creating it (409)."""
    return type(error).__name__ in ("AlreadyExistsError", "PreconditionError")


def is_denied(error: Exception) -> bool:
    """Return whether the store refuses the credentials, by the class of obstore's error or the text of the answer."""
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return True
    words = (*_DENIED, *_DENIED_BY_CLIENT) if type(error).__module__.startswith("obstore") else _DENIED
    return any(word in str(error) for word in words)


def explain(error: Exception, url: str, key: str) -> FlowcError:
    """Convert an error to one whose one-line message says what failed and what to check.

    Args:
        error: obstore's error, or an OSError of a local file.
        url: the address of the store.
        key: the key of the object.

    Returns:
        `NotFound` for a missing object, else a `StoreError`.
    """
    text = str(error)
    if any(place in text for place in _CREDENTIALS):
        return StoreError(f"there are no credentials for {url}: {_ADVICE}")
    if is_denied(error):
        return StoreError(f"{url} refuses these credentials ({reason(text)}); {_ADVICE}")
    if "NoSuchBucket" in text:
        return StoreError(f"the bucket of {url} does not exist: create it or name another")
    # For a missing object, obstore raises FileNotFoundError, not its own NotFoundError. versitygw may also report a
    # missing object when the object is to be deleted.
    if isinstance(error, FileNotFoundError) or "NoSuchKey" in text:
        return NotFound(f"no {key} in {url}")
    if isinstance(error, OSError) and error.strerror:  # a local error: downloads are written to a local file
        return StoreError(f"cannot write {key} of {url} to a local file: {error.strerror}")
    return StoreError(f"cannot reach {place(text, url)}: {reason(text)}")


def place(text: str, url: str) -> str:
    """Return the store's address, and the address of the machine that received the request, if known.

    Args:
        text: obstore's error message.
        url: the address of the store.
    """
    from flowc_runtime.store.backends.remote.connection import endpoint

    found = _PLACE.search(text)
    machine = found[1] if found else endpoint() if url.startswith("s3://") else None
    return f"{url} at {addresses.shown(machine)}" if machine else url


def reason(text: str) -> str:
    """Extract the readable part of an obstore error message."""
    if code := _CODE.search(text):
        return ": ".join(part for part in code.groups() if part)
    if not _STATUS.search(text):
        for part, words in _KINDS:
            if part in text:
                return words
    return text.partition("Debug source")[0].strip().splitlines()[0][:300] if text.strip() else "no reason given"

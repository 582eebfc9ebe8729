"""Tags of runs (docs/adr/0007-tags.md): valid tags, and the names of their objects."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import TagError
from flowc_runtime.base.version import FULL_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MAX_LENGTH = 500  # The maximum number of characters of a tag.
_MAX_NAME = 200  # The largest number of bytes of a name: file systems allow 255.


def check_tags(tags: Iterable[object]) -> list[str]:
    """Check tags, and return each of them once, in the given order.

    Raises:
        TagError: a tag is invalid.
    """
    return list(dict.fromkeys(map(check_tag, tags)))


def check_tag(tag: object) -> str:
    """Return the tag if it is valid: a string of 1 to 500 characters.

    Raises:
        TagError: the tag is invalid.
    """
    if not isinstance(tag, str):
        raise TagError(f"a tag is text, not of type {type(tag).__name__}")
    if not tag:
        raise TagError("a tag cannot be empty")
    if len(tag) > MAX_LENGTH:
        raise TagError(f"a tag has at most {MAX_LENGTH} characters; this one has {len(tag)}: {tag[:40]!r}…")
    try:
        tag.encode()
    except UnicodeEncodeError:
        raise TagError(f"the tag {tag!r} is not valid Unicode text") from None
    return tag


def system_tags(user: str, runtime: str, created: float) -> list[str]:
    """Return the system tags of a run, sorted: the user, the date, and the versions.

    Args:
        user: the user who starts the run.
        runtime: Metaflow's name for the system that runs the flow, such as `dev`.
        created: the run's start in seconds since the epoch.
    """
    return sorted([
        f"date:{time.strftime('%Y-%m-%d', time.gmtime(created))}",
        f"metaflow_version:{FULL_VERSION}",
        f"python_version:{sys.version.split()[0]}",
        f"runtime:{runtime}",
        f"user:{user}",
    ])  # fmt: skip


def name_of(tag: str) -> tuple[str, bytes]:
    """Return the last part of the key under which a tag is stored, and the content of the object with this key. The
    content is empty, unless the tag is too long for a key: then it is the tag."""
    name = "%2E" * len(tag) if tag in (".", "..") else quote(tag, safe="")
    if len(name) <= _MAX_NAME:
        return name, b""
    encoded = tag.encode()
    return f"={sha256([encoded])}", encoded  # differs from quoted tags: none begins with `=`


def tag_of(name: str, read: Callable[[], bytes]) -> str:
    """Return the tag for the name of its object.

    Args:
        name: the object's name.
        read: returns the object's content; called only for tags that do not fit into a name.

    Raises:
        UnicodeDecodeError: the content is not text.
    """
    return read().decode() if name.startswith("=") else unquote(name)

"""Digests of small data without `hashlib`: the import of `hashlib` loads OpenSSL, and this takes 2 ms.

The digests of small data are computed by modules that are built into Python. For the digests of large data, `hashlib`
is imported, because OpenSSL is five times as fast as these modules.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer
else:
    hashlib = LateModule("hashlib")

LITTLE: Final = 1 << 19  # A number of bytes: for larger data, OpenSSL is faster, even including the time of its import.
# A number of bytes: for data of at most this size, such as a record, OpenSSL is not used even if it is imported. In a
# forked process, the first use of OpenSSL would read 200 pages of its code.
TINY: Final = 1 << 13
_MODULE: Final = "_sha256" if sys.version_info < (3, 12) else "_sha2"  # the built-in module with `sha256`


@cache
def _built_in() -> Callable[[Buffer], hashlib._Hash]:
    try:
        found: Callable[[Buffer], hashlib._Hash] = import_module(_MODULE).sha256
    except ImportError:  # some builds of Python lack this module
        return hashlib.sha256
    return found


def sha256(parts: Iterable[Buffer]) -> str:
    """Return the sha256 (hex) of the joined parts."""
    limit = TINY if "hashlib" in sys.modules else LITTLE
    large: hashlib._Hash | None = None
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        if large is None:
            size += memoryview(part).nbytes
            if size <= limit:
                waiting.append(bytes(part))  # copied, because `parts` may reuse the same buffer for its next part
                continue
            large = hashlib.sha256(b"".join(waiting))
        large.update(part)
    if large is None:
        large = _built_in()(b"".join(waiting))
    return large.hexdigest()


def sha256_of_tiny(data: bytes) -> str:
    """Return the sha256 (hex) of at most `TINY` bytes."""
    return _built_in()(data).hexdigest()


def blake2b(data: bytes, *, key: bytes, size: int) -> bytes:
    """Return the keyed BLAKE2b digest of small data; `size` is the number of bytes of the digest."""
    found: bytes = import_module("_blake2").blake2b(data, key=key, digest_size=size).digest()
    return found

"""Digests of small data without `hashlib`: the import of `hashlib` loads OpenSSL, and this takes 2 ms.

For large data, OpenSSL is five times as fast as the modules that Python has built in. So `hashlib` is imported for
large data.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

from flowc_ir.late import LateModule

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer
else:
    hashlib = LateModule("hashlib")

LITTLE: Final = 1 << 19  # for more bytes than this, OpenSSL is faster although it has to be imported


def _built_in() -> Callable[[], hashlib._Hash]:
    for module in ("_sha256", "_sha2"):  # the name until Python 3.11, and the name since Python 3.12
        try:
            found: Callable[[], hashlib._Hash] = import_module(module).sha256
        except ImportError:
            continue
        return found
    return hashlib.sha256


def sha256(parts: Iterable[Buffer]) -> str:
    """Return the sha256 (hex) of the joined parts."""
    if "hashlib" in sys.modules:
        digest = hashlib.sha256()
        for part in parts:
            digest.update(part)
        return digest.hexdigest()
    large: hashlib._Hash | None = None
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        if large is None:
            size += memoryview(part).nbytes
            if size <= LITTLE:
                waiting.append(bytes(part))  # a copy: an iterator may use its buffer again
                continue
            large = hashlib.sha256(b"".join(waiting))
        large.update(part)
    if large is None:
        large = _built_in()()
        for each in waiting:
            large.update(each)
    return large.hexdigest()


def blake2b(data: bytes, *, key: bytes, size: int) -> bytes:
    """Return the keyed BLAKE2b digest of small data; `size` is the number of bytes of the digest."""
    found: bytes = import_module("_blake2").blake2b(data, key=key, digest_size=size).digest()
    return found

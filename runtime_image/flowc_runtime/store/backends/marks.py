"""Compute the digest of a file only once per machine, for any number of processes that map the file.

A process that hashes a file and gets the expected digest writes a mark into a table in the user's cache directory. A
mark is a hash, keyed by the machine's boot id, of the file's device, inode, size, times of modification and change, and
digest. A write to the file changes its times, and a reboot changes the boot id, so an old mark no longer matches.

The table is an array of slots of a fixed size: a mark's slot is computed from its hash, and a later mark replaces an
earlier one in the same slot. If a mark is missing or damaged, or the table is unusable, the file is hashed again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

from flowc_ir.late import LateModule
from flowc_ir.late.digest import blake2b
from flowc_ir.late.namedtuple import NamedTuple
from flowc_runtime.base.user_cache import cache_home

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterator
else:  # imported at first use, because the import costs start-up time
    hashlib = LateModule("hashlib")

NAME = "checked"  # The table's file in flowc's part of the user's cache directory.
SLOTS, SLOT = 1 << 15, 32  # The number of slots, and the bytes of a slot: the table's size is 1 MiB.
SMALL = 1 << 18  # Bytes: hashing a smaller file is faster than looking up its mark.
ALWAYS = "always"
VARIABLE = "FLOWC_VERIFY"
_PIECE = 1 << 18  # The bytes of a piece that fits into the processor's cache.
_TICK = 0.02  # Seconds of a tick of the kernel's clock: changes of a file within a tick have the same time.
_SLOWEST = 50 << 20  # Bytes per second: other processes do not wait for a process that hashes more slowly.


class _Place(NamedTuple):
    offset: int
    mark: bytes


def digest_of(descriptor: int, expected: str) -> str:
    """Return the sha256 (hex) of an open file. If a mark confirms the expected digest, the file is not hashed.

    Args:
        descriptor: the file, open for reading.
        expected: the digest that the file should have.

    Raises:
        ConfigurationError: the setting `verify` is invalid.
        OSError: the file cannot be read.
    """
    status = os.fstat(descriptor)
    if status.st_size < SMALL or verify_always() or (place := _place(status, expected)) is None:
        return _hash(descriptor)
    try:
        table = _open_table()
    except (OSError, RuntimeError):  # the user has no home or no cache directory
        return _hash(descriptor)
    try:
        if _has(table, place):
            return expected
        with _turn(table, place.offset, status.st_size):
            if _has(table, place):
                return expected
            # A later change alters the file's times, unless it falls into the same clock tick as the last change.
            settled = time.time() - max(status.st_mtime, status.st_ctime) > _TICK
            found = _hash(descriptor)
            if found == expected and settled:
                with suppress(OSError):
                    os.pwrite(table, place.mark, place.offset)
            return found
    finally:
        os.close(table)


def note(descriptor: int, digest: str) -> None:
    """Write the mark of a file (see the module) after this process has written the file's content or checked its
    digest.

    Args:
        descriptor: the file.
        digest: its sha256 in hex.

    Raises:
        OSError: the file's status cannot be read.
    """
    status = os.fstat(descriptor)
    if status.st_size < SMALL or (place := _place(status, digest)) is None:
        return
    try:
        table = _open_table()
    except (OSError, RuntimeError):  # without the mark, the file is only hashed again
        return
    try:
        with suppress(OSError):
            os.pwrite(table, place.mark, place.offset)
    finally:
        os.close(table)


def verify_always() -> bool:
    """Return whether the setting `verify` is `always`, so that marks are ignored.

    Raises:
        ConfigurationError: the setting is invalid, or the configuration file cannot be read.
    """
    if value := os.environ.get(VARIABLE):
        if value == "once":
            return False
        if value == ALWAYS:
            return True
    from flowc_runtime.base.config import configuration

    return configuration.text("verify") == ALWAYS


def _hash(descriptor: int) -> str:
    """Return the sha256 of a file. The file is read, not mapped: mapped pages would count as this process's memory."""
    digest, piece = hashlib.sha256(), memoryview(bytearray(_PIECE))
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        file.seek(0)
        while read := file.readinto(piece):
            digest.update(piece[:read])
    return digest.hexdigest()


def _place(status: os.stat_result, digest: str) -> _Place | None:
    """Return the mark of a file with this digest, and the mark's offset in the table, or None if the machine has no
    boot id."""
    if (boot := _boot()) is None:
        return None
    facts = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    text = " ".join([*map(str, facts), digest]).encode()
    (number,) = struct.unpack("<Q", blake2b(text, key=boot, size=8))
    return _Place(number % SLOTS * SLOT, blake2b(text, key=boot, size=SLOT))


@cache
def _boot() -> bytes | None:
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read(64).strip() or None
    except OSError:
        return None


def _open_table() -> int:
    home = cache_home()
    os.makedirs(home, exist_ok=True)
    return os.open(f"{home}/{NAME}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)


def _has(table: int, place: _Place) -> bool:
    try:
        return os.pread(table, SLOT, place.offset) == place.mark
    except OSError:
        return False


@contextmanager
def _turn(table: int, offset: int, size: int) -> Iterator[None]:
    """Let one process hash a file while others wait for the file's mark; the others wait only for a limited time, since
    the hashing process may be slow."""
    deadline = time.monotonic() + 1 + size / _SLOWEST
    while not _lock(table, offset) and time.monotonic() < deadline:
        time.sleep(0.005)
    yield  # the caller closes the table, which releases the lock


def _lock(table: int, offset: int) -> bool:
    try:
        fcntl.lockf(table, fcntl.LOCK_EX | fcntl.LOCK_NB, SLOT, offset)
    except BlockingIOError:
        return False
    # POSIX allows EACCES for a locked file; a table that cannot be locked is used without a lock
    except OSError as error:
        return error.errno != errno.EACCES
    return True

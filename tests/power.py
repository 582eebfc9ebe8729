"""Simulated power loss: an ext4 file system on a loop device is shut down.

`EXT4_IOC_SHUTDOWN` is called without a flush: data that ext4 has not written to its device is lost, and later calls
fail. The next mount replays the journal, as after a real power loss. It needs root.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from project import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
_NO_LOG_FLUSH = 2
_MIB = 1 << 20


class Machine:
    """A file system at `root` whose power can be cut."""

    def __init__(self, directory: Path, mebibytes: int) -> None:
        self.root, self._image = directory / "disk", directory / "disk.img"
        self.root.mkdir()
        with self._image.open("wb") as file:
            file.truncate(mebibytes * _MIB)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._image], check=True)

    def up(self) -> None:
        """Mount the file system; repeat this while a process still uses the mount that was shut down."""
        wait_until(self._mount, f"{self.root} stays shut down")

    def _mount(self) -> bool:
        subprocess.run(["mount", "-o", "loop", self._image, self.root], check=True)
        try:
            (self.root / "up").touch()
        except OSError:
            self.down()
            return False
        return True

    def cut(self) -> None:
        """Simulate that the power is cut: nothing is written to the device afterwards."""
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def down(self) -> None:
        """Unmount the file system; wait for the end of processes that have files open in it."""
        wait_until(lambda: not os.path.ismount(self.root) or self._unmount(), f"{self.root} stays busy")

    def _unmount(self) -> bool:
        return subprocess.run(["umount", self.root], check=False, stderr=subprocess.DEVNULL).returncode == 0


@contextlib.contextmanager
def machine(directory: Path, mebibytes: int = 256) -> Iterator[Machine]:
    """Yield a mounted file system whose power can be cut; skip the test if that is impossible."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("to cut the power of a file system needs root and Linux")
    if any(shutil.which(name) is None for name in ("mkfs.ext4", "mount", "umount")):
        pytest.skip("to cut the power of a file system needs mkfs.ext4, mount and umount")
    made = Machine(directory, mebibytes)
    try:
        made.up()
    except subprocess.CalledProcessError:
        pytest.skip("there are no loop devices, or they cannot be mounted here")
    try:
        yield made
    finally:
        made.down()

"""Kinds of damage to a file of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "flipped": lambda data: data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 0x40]) + data[len(data) // 2 + 1 :],
    "zeroed": lambda data: data[: len(data) // 4] + bytes(len(data) // 2) + data[len(data) // 4 + len(data) // 2 :],
    "appended": lambda data: data + b"x",
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
}


def damage(file: Path, kind: str) -> None:
    """Damage a file's content in place, as a faulty disk does."""
    data = file.read_bytes()
    file.write_bytes(DAMAGES[kind](data))
    assert file.read_bytes() != data

"""Check which Python versions a step's `python=` allows: `3.11`, `3.11.*`, `3.12.4`, or a range such as
`>=3.10,<3.13`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from flowc_ir.late.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST: Final = (3, 10)  # The oldest version that flowc's runtime supports.
_NEWEST: Final = (3, 15)  # The newest version whose executable, such as `python3.15`, is looked up on PATH.
_PART = late_pattern(r"(===?|~=|!=|<=|>=|<|>|)(\d+(?:\.\d+)*)(\.\*)?")


def parts(allowed: str) -> list[tuple[str, tuple[int, ...], bool]]:
    """Return the conditions of a version or range, each as a tuple: the operator (empty for a plain version), the
    numbers, and whether `.*` follows the numbers.

    Conditions in any other form are ignored. Source: the version specifiers of PEP 440.
    """
    found = (_PART.fullmatch(part) for part in _close(allowed).split(","))
    return [(m[1], tuple(map(int, m[2].split("."))), m[3] is not None) for m in found if m is not None]


def fits(version: str, allowed: str) -> bool:
    """Return whether a version such as `3.11.7` fits the allowed version or range.

    Args:
        version: the version of an interpreter.
        allowed: the version or range of the step.
    """
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", version)[:3])
    return all(_fits(numbers, *part) for part in parts(allowed))


def _fits(numbers: tuple[int, ...], operator: str, than: tuple[int, ...], wild: bool) -> bool:
    # A version without an operator is a prefix: 3.11 allows every 3.11.x.
    begins = numbers[: len(than)] == than
    padded = than + (0,) * (3 - len(than))
    match operator:
        case "":
            return begins
        case "==" | "===":
            return begins if wild else numbers == padded
        case "!=":
            return not begins if wild else numbers != padded
        case "~=":
            return numbers >= padded and numbers[: len(than) - 1] == than[:-1]
        case ">=":
            return numbers >= padded
        case "<=":
            return numbers <= padded
        case ">":
            return numbers > padded
        case _:
            return numbers < padded


def can_run(version: str) -> bool:
    """Return whether flowc's runtime supports this version of Python."""
    return tuple(int(digits) for digits in re.findall(r"\d+", version)[:2]) >= LEAST


def is_too_old(allowed: str) -> bool:
    """Return whether flowc's runtime supports none of the allowed versions."""
    return next(shorts(allowed), None) is None


def shorts(allowed: str) -> Iterator[str]:
    """Yield the minor versions, such as `3.12`, that are allowed, the newest first."""
    named = {numbers[:2] for _, numbers, _ in parts(allowed) if len(numbers) > 1}
    known = {(3, minor) for minor in range(LEAST[1], _NEWEST[1] + 1)} | {found for found in named if found >= LEAST}
    for major, minor in sorted(known, reverse=True):
        if any(fits(f"{major}.{minor}.{patch}", allowed) for patch in _patches(allowed)):
            yield f"{major}.{minor}"


def _patches(allowed: str) -> set[int]:
    """Return the patch numbers with which `shorts` tests each minor version: 0, 1, 99, and the patch numbers in the
    range with their neighbours."""
    named = {numbers[2] for _, numbers, _ in parts(allowed) if len(numbers) > 2}
    return {0, 1, 99} | {near for patch in named for near in (patch - 1, patch, patch + 1) if near >= 0}


def for_conda(allowed: str) -> str:
    """Return the requirement on conda's package `python`, such as `python=3.11` or `python>=3.10,<3.13`."""
    return f"python={_plain(allowed)}" if allowed[:1].isdigit() else f"python{_close(allowed)}"


def for_uv(allowed: str) -> str:
    """Return the version or range to request from uv; a range is limited to versions that flowc's runtime supports."""
    if allowed[:1].isdigit():
        return _plain(allowed)
    return f"{_close(allowed)},>={LEAST[0]}.{LEAST[1]}"


def _plain(allowed: str) -> str:
    return allowed.removesuffix(".*")


def _close(allowed: str) -> str:
    return re.sub(r"\s", "", allowed)

"""Pickles of a pipeline's functions that cannot be imported.

Tasks that are not forks of this process import the flow again, and read the pickles from a directory.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flowc_ir import PICKLES
from flowc_ir.late import LateFunction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flowc.package import Package
    from flowc_runtime.process.scratch import ScratchDirectory
else:  # imported at first use: only functions that cannot be imported need it
    ScratchDirectory = LateFunction("flowc_runtime.process.scratch:ScratchDirectory")


def pickles_of(package: Package) -> list[tuple[str, bytes]]:
    """Return the name and the content of each pickled function in a code package."""
    return [(name, content) for name, content in package.files if name.startswith(f"{PICKLES}/")]


def write_pickles(pickles: Iterable[tuple[str, bytes]], directory: str) -> None:
    """Write pickled functions into a directory, under the same names as in the code package."""
    for name, content in pickles:
        path = Path(directory, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)


@contextmanager
def pickles_written(package: Package) -> Iterator[str | None]:
    """Yield a temporary directory with the pickled functions of a code package, or None if there are none.

    The directory is deleted at the end of the `with` block.
    """
    pickles = pickles_of(package)
    if not pickles:
        yield None
        return
    with ScratchDirectory("functions") as directory:
        write_pickles(pickles, directory)
        yield directory

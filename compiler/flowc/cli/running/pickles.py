"""Functions that no module has, for tasks that import their code anew: they read their pickles from a directory."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flowc_ir import PICKLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flowc.package import Package


@contextmanager
def pickles_written(package: Package) -> Iterator[str | None]:
    """Yield the directory with the pickled functions of a package, which exists inside the block; None without any."""
    pickles = [file for file in package.files if file[0].startswith(f"{PICKLES}/")]
    if not pickles:
        yield None
        return
    directory = tempfile.mkdtemp(prefix="flowc-functions-")
    try:
        for name, content in pickles:
            path = Path(directory, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)

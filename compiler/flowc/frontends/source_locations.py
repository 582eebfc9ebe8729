"""Find the file of a flow, the root directory of its code, and the syntax tree of its class."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, final

from flowc_ir import Span
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.process.loader import package_place

if TYPE_CHECKING:
    import ast

    from flowc.frontends.source import Source, Sources


@final
@dataclass(frozen=True, slots=True)
class SourceLocation:
    """The location of a flow's file.

    Attributes:
        root: the root directory of the flow's code.
        file: the path of the file below the root.
        packaged: whether the file is in a Python package; then all files below the root are packaged.
    """

    root: Path
    file: str
    packaged: bool

    @classmethod
    def of(cls, path: Path, root: Path | None) -> SourceLocation:
        """Return the location of a file.

        Args:
            path: the file.
            root: the directory that contains the outermost package of the file; None for a file in no package, whose
                own directory is then the root.

        Raises:
            ValueError: the file is not below `root`.
        """
        if root is None:
            path = path.resolve()
            return cls(path.parent, path.name, packaged=False)
        return cls(root.resolve(), path.relative_to(root).as_posix(), packaged=True)

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self.root / self.file


def place_of_class(cls: type) -> SourceLocation:
    """Return the location of a class's file.

    For a class in `__main__` under `python -m pkg.module`, the root is the directory that contains `pkg`.

    Raises:
        TypeError: the class was not defined in a file.
    """
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if file is None:
        raise TypeError(f"{cls.__name__} was not defined in a file: a flow runs from the file that defines it")
    place = package_place(cls.__module__, os.path.abspath(file)) if module is sys.modules.get("__main__") else None
    if place is None:
        return SourceLocation.of(Path(file), None)
    return SourceLocation.of(Path(*place), Path(place[0]))


def written_at(cls: type, source: Source, sources: Sources) -> tuple[Span, ast.ClassDef | None, Source]:
    """Return the span, the syntax tree and the source file of a class.

    If the module's file does not define the class, the tree is None and the span is line 1 of the file.

    Args:
        cls: the class.
        source: the flow's file, used if the module has no file.
        sources: the files of the flow.
    """
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    home = (sources.of(file) if file else None) or source
    tree = home.class_of(cls)
    return (home.header(tree) if tree else Span(home.file, 1, 1)), tree, home

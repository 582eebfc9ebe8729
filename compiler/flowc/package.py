"""The code package: the files of a flow's code that are sent to the machines on which its tasks run.

A run on this machine needs no code package, because its tasks use the flow's directory itself. Therefore a directory
that is too large is an error only if the flow is sent to other machines.

Extensions of the Metaflow API are packaged too, as `metaflow_extensions/…`, so that pods have the same extensions.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, final

from flowc.extensions import extension_files
from flowc_ir import Span, codes
from flowc_ir.late.dataclass import dataclass, field, replace
from flowc_runtime.base.errors import HintedError
from flowc_runtime.pod.integrity import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from flowc_ir.diagnostic import Faults

MAX_BYTES = 10 * 1000 * 1000
MAX_FILES = 2_000

_INSTALLED = frozenset({"site-packages", "dist-packages"})
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
# The error numbers of `stat` for a link whose target does not exist.
_NOWHERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


@final
@dataclass(frozen=True, slots=True)
class Package:
    """The files of a flow's code. `files` has sorted pairs (relative path, content); `digest` is the SHA-256 digest of
    all of them.

    If there are too many files, or too many bytes, `files` contains only the flow's own file, `excess` is the error to
    raise if the flow is packaged, and the function `every` reads all files.
    """

    root: Path
    files: tuple[tuple[str, bytes], ...]
    digest: str
    excess: PackageTooLargeError | None = field(default=None, compare=False)
    every: Callable[[], Package] | None = field(default=None, compare=False, repr=False)


class PackageTooLargeError(HintedError):
    """A flow's directory exceeds the limits of a code package; the message names the largest parts of the directory."""


class UnreadableFileError(Exception):
    """A file of the flow's directory cannot be read: `file` is its relative path, `why` the system's error message."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"cannot read {file}: {why}")
        self.file = file
        self.why = why


def collect(flow_file: Path, root: Path | None = None, suffixes: Collection[str] = ()) -> Package:
    """Return the flow's file, all files with the suffix `.py` or one of `suffixes` below its directory, and the
    extensions.

    Hidden files, caches, virtual environments (a directory with `pyvenv.cfg`), `node_modules`, `site-packages` and
    `*.egg-info` are left out. A package that exceeds the limits (`MAX_FILES`, `MAX_BYTES`) is not an error here, but
    has the error as its `excess`.

    Args:
        flow_file: the flow's file.
        root: the directory that contains the flow's package, if the flow is in one: the files below this directory are
            collected. In `site-packages`, only the files of the flow's own package are collected.
        suffixes: suffixes of more files, such as `.sql`.

    Raises:
        UnreadableFileError: one of the files, or the flow's directory, cannot be read.
        OSError: the flow's file does not exist.
    """
    if root is None:
        flow_file = flow_file.resolve()
        root = flow_file.parent
    file = flow_file.relative_to(root)
    found = {file.as_posix(): flow_file.stat().st_size}
    scan = _Scan((".py", *suffixes))
    if root.name not in _INSTALLED:
        found.update(scan.below(str(root), ""))
    elif len(file.parts) > 1:
        found.update(scan.below(str(root / file.parts[0]), f"{file.parts[0]}/"))
    extensions = extension_files()
    found.update((name, len(content)) for name, content in extensions.items())

    def every() -> Package:
        mine = ((name, _read(root, name)) for name in found if name not in extensions)
        return pack(root, [*mine, *extensions.items()])

    if len(found) <= MAX_FILES and sum(found.values()) <= MAX_BYTES:
        return every()
    name = file.as_posix()
    return replace(pack(root, [(name, _read(root, name))]), excess=_too_large(root, found), every=every)


def collect_or_report(
    root: Path, file: str, suffixes: Collection[str], faults: Faults, *, packaged: bool, what: str
) -> Package:
    """Return the code package that `collect` makes. If a file cannot be read, report a fault, and return a package
    without files.

    Args:
        root: the root of the code.
        file: the flow's file below the root.
        suffixes: suffixes of more files.
        faults: receives the fault.
        packaged: whether the flow's file is in a Python package; if so, all files below `root` are collected.
        what: what the file defines, for the message: a flow, a pipeline.
    """
    try:
        return collect(root / file, root if packaged else None, suffixes)
    except UnreadableFileError as error:
        message = f"cannot read {error.file}, which would be packaged with the {what}: {error.why}"
        hint = f"make it readable, or move it out of the {what}'s directory"
        faults.add(codes.UNREADABLE_FILE, Span(file, 1, 1), message, hint=hint)
        return pack(root, [])


def _read(root: Path, name: str) -> bytes:
    try:
        return (root / name).read_bytes()
    except OSError as error:
        raise UnreadableFileError(name, error.strerror or str(error)) from error


def pack(root: Path, files: Iterable[tuple[str, bytes]]) -> Package:
    """Return a code package that contains these files, sorted by path, and their digest."""
    ordered = tuple(sorted(files))
    return Package(root, ordered, digest_of(ordered))


@final
@dataclass(frozen=True, slots=True)
class _Scan:
    """A search for files whose names end in one of the `suffixes`."""

    suffixes: tuple[str, ...]

    def below(self, top: str, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield (relative path, size) of each file below a directory. Raises UnreadableFileError."""
        # The directories to search. The third item is the set of links that were followed to reach the directory: none
        # of them is followed again, so links in a circle do no harm.
        waiting: list[tuple[str, str, frozenset[tuple[int, int]]]] = [(top, prefix, frozenset())]
        while waiting:
            directory, prefix, above = waiting.pop()
            listed = _listed(directory, prefix)
            if prefix and any(entry.name == "pyvenv.cfg" for entry in listed):
                continue
            for entry in listed:
                name = f"{prefix}{entry.name}"
                if entry.name.startswith("."):
                    continue
                if (status := _status(entry, name if name.endswith(self.suffixes) else None)) is None:
                    continue
                if stat.S_ISREG(status.st_mode):
                    if name.endswith(self.suffixes):
                        yield name, status.st_size
                elif stat.S_ISDIR(status.st_mode) and not _is_skipped(entry.name):
                    inside = above
                    if entry.is_symlink():
                        identity = (status.st_dev, status.st_ino)
                        if identity in above or f"{directory}/".startswith(f"{os.path.realpath(entry.path)}/"):
                            continue
                        inside = above | {identity}
                    if os.access(entry.path, os.R_OK | os.X_OK):
                        waiting.append((entry.path, f"{name}/", inside))


def _is_skipped(name: str) -> bool:
    return name in _SKIPPED or name.endswith(".egg-info")


def _listed(directory: str, prefix: str) -> list[os.DirEntry[str]]:
    """Return a directory's entries. For a subdirectory that must not be read, return an empty list; raise
    UnreadableFileError if the flow's own directory must not be read."""
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError as error:
        if prefix and isinstance(error, PermissionError):
            return []
        name = prefix.rstrip("/") or f"the directory {directory}"
        raise UnreadableFileError(name, error.strerror or str(error)) from error


def _status(entry: os.DirEntry[str], wanted: str | None) -> os.stat_result | None:
    """Return the status of an entry, or of its target if the entry is a link; None for a dangling link. `wanted` is the
    name of a file that has to be packaged, for the error about an unreadable file; None for any other entry."""
    try:
        return entry.stat()
    except OSError as error:
        if wanted is None or error.errno in _NOWHERE:
            return None
        raise UnreadableFileError(wanted, error.strerror or str(error)) from error


def _too_large(root: Path, found: dict[str, int]) -> PackageTooLargeError:
    sizes: dict[str, list[int]] = {}
    for name, size in found.items():
        top, slash, _ = name.partition("/")
        sizes.setdefault(top + slash if slash else "./", []).append(size)
    share = {top: max(sum(files) / MAX_BYTES, len(files) / MAX_FILES) for top, files in sizes.items()}
    largest = sorted(sizes, key=lambda top: (-share[top], top))[:3]
    named = ", ".join(f"{top} ({len(sizes[top]):,} files, {sum(sizes[top]) / 1e6:.1f} MB)" for top in largest)
    return PackageTooLargeError(
        f"the code package would have {len(found):,} files and {sum(found.values()) / 1e6:.1f} MB; "
        f"it may have {MAX_FILES:,} files and {MAX_BYTES // 1_000_000} MB",
        f"move the flow to its own directory; the largest parts are {named}",
    )

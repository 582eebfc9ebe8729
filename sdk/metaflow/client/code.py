"""The code package of a run, and the packages of a step's environment."""

from __future__ import annotations

import io
import tarfile
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, final

from flowc_runtime.store.backends.objects import blob_key

if TYPE_CHECKING:
    from typing import TypedDict

    from metaflow.client.reader import RunReader

    class EnvironmentInfo(TypedDict):
        """The packages of a step's environment: versions by name; `python` is None if the step requires no version."""

        python: str | None
        pypi: dict[str, str]
        conda: dict[str, str]


__all__ = ["MetaflowCode", "code_of", "environment_of"]


@final
class MetaflowCode:
    """The code package of a run on a cluster: the user's files that the run's pods execute.

    >>> code = Run("Far/far-1").code
    >>> code.script_name, code.info["class"], code.flowspec.count("@step")
    ('flow.py', 'Far', 2)
    >>> sorted(code.tarball.getnames()), "/blobs/" in code.path
    (['flow.py', 'helpers.py'], True)
    >>> import os
    >>> with code.extract() as directory:
    ...     sorted(os.listdir(directory))
    ['flow.py', 'helpers.py']
    """

    def __init__(self, reader: RunReader, digest: str) -> None:
        self._reader = reader
        self._digest = digest
        self._data: bytes | None = None

    @property
    def path(self) -> str:
        """The address of the code package in the store."""
        return f"{self._reader.store.objects.url}/{blob_key(self._digest)}"

    @property
    def script_name(self) -> str:
        """The name of the flow's file in the package."""
        return self._reader.flow.code.file

    @property
    def info(self) -> dict[str, str]:
        """A dict with facts about the package: `script`, `class`, `digest`, `python_version` and `metaflow_version`."""
        return {
            "script": self.script_name,
            "class": self._reader.flow.code.name,
            "digest": self._reader.flow.code.digest,
            "python_version": self._reader.tagged("python_version:") or "",
            "metaflow_version": self._reader.metaflow_version,
        }

    @property
    def flowspec(self) -> str:
        """The content of the flow's file as text."""
        with self.tarball as archive:
            file = archive.extractfile(self.script_name)
            assert file is not None
            return file.read().decode("utf-8")

    @property
    def tarball(self) -> tarfile.TarFile:
        """The package as a `tarfile.TarFile`, which the caller closes.

        Raises:
            NotFound: the package has been deleted from the store.
            Damaged: the bytes of the package do not match its digest.
        """
        if self._data is None:
            self._data = self._reader.store.objects.read_blob(self._digest)
        return tarfile.open(fileobj=io.BytesIO(self._data))

    def extract(self) -> TemporaryDirectory[str]:
        """Extract the files to a temporary directory.

        The end of a `with` block, or the method `cleanup`, removes the directory.

        Archive members with a path outside the directory raise an error (`filter="data"` of `tarfile`).

        Raises:
            NotFound: the package has been deleted from the store.
            Damaged: the bytes of the package do not match its digest.
        """
        directory = TemporaryDirectory(prefix="flowc-code-")
        with self.tarball as archive:
            archive.extractall(directory.name, filter="data")
        return directory

    def __repr__(self) -> str:
        return f"<MetaflowCode: {self.script_name}, {self._reader.flow.code.digest[:19]}>"


def code_of(reader: RunReader) -> MetaflowCode | None:
    """Return the code package of a run, or None if the store has no code package of the run."""
    package = reader.record.get("package")
    return MetaflowCode(reader, package["digest"]) if package else None


def environment_of(reader: RunReader, step: str) -> EnvironmentInfo | None:
    """Return the packages of a step's environment, or None if the step has no @pypi or @conda that is enabled.

    Returns:
        A dict with `python` (the version or None), `pypi` and `conda` (name -> version).
    """
    node = reader.graph.nodes.get(step)
    packages = node.packages if node is not None else None
    if packages is None or packages.disabled:
        return None
    return {"python": packages.python, "pypi": dict(packages.pypi), "conda": dict(packages.conda)}

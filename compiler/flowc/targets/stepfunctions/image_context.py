"""Writes the build context for the image of a flow: a directory with a Dockerfile, the code and the IR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowc import __version__
from flowc.targets.deployment import TargetError
from flowc.targets.travelling_ir import ir_text
from flowc_runtime.base import contract
from flowc_runtime.pod.integrity import digest_of

if TYPE_CHECKING:
    from flowc.package import Package
    from flowc_ir.model import Flow

DOCKERFILE = f"""\
# The image of a flow's tasks: `flowc compile --target stepfunctions --context` has written this directory.
ARG BASE=flowc-runtime:{__version__}
FROM ${{BASE}}
COPY {contract.CODE_DIRECTORY} {contract.CODE_ROOT}/{contract.CODE_DIRECTORY}
COPY {contract.IR_FILE} {contract.CODE_ROOT}/{contract.IR_FILE}
"""


def image_files(flow: Flow, package: Package) -> list[tuple[str, bytes]]:
    """Return (path, content) for each file that the image must have below /flowc: the code and the IR."""
    code = [(f"{contract.CODE_DIRECTORY}/{path}", content) for path, content in package.files]
    return [*code, (contract.IR_FILE, ir_text(flow).encode())]


def image_digest(flow: Flow, package: Package) -> str:
    """Return the digest of the files that the image must have. A task compares it with the digest of the files that its
    image has."""
    return digest_of(image_files(flow, package))


def write_context(directory: str, flow: Flow, package: Package) -> None:
    """Write the files of the build context into a directory, which must be empty or missing.

    Raises:
        TargetError: the directory has files, or cannot be written.
    """
    root = Path(directory)
    try:
        if root.exists() and any(root.iterdir()):
            raise TargetError(f"--context: {directory} is not empty", "name a new directory, or delete its files")
        for path, content in [("Dockerfile", DOCKERFILE.encode()), *image_files(flow, package)]:
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    except OSError as error:
        raise TargetError(f"--context: {directory} cannot be written: {error.strerror}", "name another one") from error

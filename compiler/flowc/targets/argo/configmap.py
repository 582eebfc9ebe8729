"""The ConfigMap that holds the code and the IR as plain text, so that a diff of the manifest shows the code."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, final

from flowc.targets import fail_if
from flowc.targets.argo.checking.limits import MAX_CONFIG_MAP_BYTES
from flowc.targets.travelling_ir import ir_text
from flowc_ir import codes, json_text
from flowc_ir.diagnostic import Faults
from flowc_ir.late.dataclass import dataclass
from flowc_runtime.base import contract
from flowc_runtime.pod.integrity import digest_of

if TYPE_CHECKING:
    from typing import Protocol

    from flowc.targets.argo.object_types import Metadata, Object
    from flowc_ir.model import Flow

    class CodePackage(Protocol):
        """A code package."""

        @property
        def files(self) -> tuple[tuple[str, bytes], ...]:
            """The files: relative paths with forward slashes, sorted, each with its content."""
            ...

        @property
        def digest(self) -> str:
            """The digest of the files, `sha256:` and hexadecimal digits."""
            ...


@final
@dataclass(frozen=True, slots=True)
class CodeMap:
    """The manifest of a ConfigMap, pairs of its keys and the files' paths below /flowc, and the digest of the files."""

    manifest: Object
    files: tuple[tuple[str, str], ...]
    digest: str

    @property
    def name(self) -> str:
        """The ConfigMap's name, which contains a digest of the content."""
        return self.manifest["metadata"]["name"]


def code_map(flow: Flow, package: CodePackage, base_name: str, metadata: Metadata) -> CodeMap:
    """Return the ConfigMap of a flow. The ConfigMap has the keys `c0`, `c1`, … for the files of the code, and a key for
    the IR.

    Args:
        flow: the flow.
        package: its code package.
        base_name: the flow's name on the cluster; the ConfigMap is called `BASE-code-DIGEST`.
        metadata: the metadata of the object, without a name.

    Raises:
        BackendError: the result exceeds the size limit of a ConfigMap, or a file has a name that a volume cannot hold.
    """
    ir = ir_text(flow)
    faults = Faults()
    _check_names(flow, package, faults)
    _check_size(flow, package, len(ir.encode()), faults)
    fail_if(faults)
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    paths: list[tuple[str, str]] = []
    for index, (path, content) in enumerate(package.files):
        key = f"c{index}"
        paths.append((key, f"{contract.CODE_DIRECTORY}/{path}"))
        try:
            data[key] = content.decode("utf-8")
        except UnicodeDecodeError:
            binary[key] = base64.b64encode(content).decode("ascii")
    data[contract.IR_KEY] = ir
    paths.append((contract.IR_KEY, contract.IR_FILE))
    content_digest = hashlib.sha256(json_text.dumps([data, binary, paths]).encode()).hexdigest()
    manifest: Object = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**metadata, "name": f"{base_name}-code-{content_digest[:10]}"},
        "immutable": True,
        "data": data,
    }
    if binary:
        manifest["binaryData"] = binary
    contents = [(f"{contract.CODE_DIRECTORY}/{path}", content) for path, content in package.files]
    return CodeMap(manifest, tuple(paths), digest_of([*contents, (contract.IR_FILE, data[contract.IR_KEY].encode())]))


def _check_names(flow: Flow, package: CodePackage, faults: Faults) -> None:
    for path, _ in package.files:
        parts = path.split("/")
        if "{{" in path or not path.isprintable() or any(part.startswith("..") for part in parts):
            faults.add(
                codes.ARGO_CODE_FILE_NAME,
                flow.where,
                f"the code package has a file named {path!r}, which a ConfigMap volume cannot hold",
                hint="rename it: no '{{', no control characters, no part that starts with '..'",
            )


def _check_size(flow: Flow, package: CodePackage, ir_size: int, faults: Faults) -> None:
    sizes = {path: len(content) for path, content in package.files}
    # Kubernetes counts the decoded bytes of binary files.
    total = sum(sizes.values()) + ir_size
    if total > MAX_CONFIG_MAP_BYTES:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:3]
        named = ", ".join(f"{path} ({sizes[path] / 1024:,.0f} KiB)" for path in largest)
        faults.add(
            codes.ARGO_CODE_TOO_LARGE,
            flow.where,
            f"the code package has {total / 1024:,.0f} KiB, but a ConfigMap holds at most 1,024; the largest: {named}",
            hint="leave data files out of the flow's directory, or build them into the image (--image)",
        )

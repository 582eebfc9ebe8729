"""Check, before any code of the flow is imported, that a pod's code and IR equal the compiled code and IR."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flowc_ir.late import LateFunction
from flowc_ir.late.digest import sha256
from flowc_runtime.base import contract
from flowc_runtime.base.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowc_runtime.pod.code import paths_in
else:  # imported at first use, because the import costs start-up time
    paths_in = LateFunction("flowc_runtime.pod.code:paths_in")


def digest_of(files: Iterable[tuple[str, bytes]]) -> str:
    """Return the digest, `sha256:…`, of files (path, content); the order does not matter."""
    parts: list[bytes] = []
    for name, content in sorted(files):
        encoded = os.fsencode(name)
        # each name and content is preceded by its length, so that different sets of files never give the same bytes to
        # hash
        parts += [b"%d:%b%d:" % (len(encoded), encoded, len(content)), content]
    return f"sha256:{sha256(parts)}"


def check_code() -> None:
    """Compare the pod's code and IR with the digest in its manifest, if the manifest contains a digest.

    Raises:
        ProtocolError: the code or IR differs from the compiled one, or cannot be read.
    """
    expected = os.environ.get(contract.CODE_DIGEST)
    if not expected:  # manifests that an older flowc compiled have no digest
        return
    code, ir = os.environ.get(contract.CODE, ""), os.environ.get(contract.IR, "")
    try:
        files = [(contract.IR_FILE, _read(ir))]
        files += [(f"{contract.CODE_DIRECTORY}/{path}", _read(f"{code}/{path}")) for path in paths_in(code)]
    except OSError as error:
        raise ProtocolError(f"cannot read the code: {error}") from error
    if (found := digest_of(files)) != expected:
        raise ProtocolError(
            f"the code in {code} is not the code that was compiled: its digest is {found[:19]}…, not {expected[:19]}…; "
            "its ConfigMap was changed: deploy the flow again"
        )


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()

"""Store and read the parts of a flow's code that readers of a run need: the Python files, the constants of the class.

`classes` uses the files for classes that cannot be imported later. The constants are values that the class body sets.
"""

from __future__ import annotations

import io
from importlib.util import decode_source
from typing import TYPE_CHECKING, cast

from flowc_ir import json_text
from flowc_ir.late import LateModule
from flowc_ir.late.digest import sha256
from flowc_runtime.base.errors import ArtifactError
from flowc_runtime.store.backends.objects import blob_key
from flowc_runtime.store.values import codecs

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterable

    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import ArtifactRef, PackageRecord, RunRecord
else:
    tarfile = LateModule("tarfile")  # imported at first use: only runs with a stored code package need it


def read_sources(objects: Objects, record: RunRecord) -> dict[str, str] | None:
    """Return the texts of a run's Python files by path, or None if the run stored none.

    Raises:
        NotFound: the blob with the files is missing.
        Damaged: the blob with the files does not match its digest.
    """
    if sources := record.get("sources"):
        blob = objects.read_blob(sources["digest"], sources["size"])
        return dict(cast("list[tuple[str, str]]", json_text.loads(blob)))
    if package := record.get("package"):
        with tarfile.open(fileobj=io.BytesIO(objects.read_blob(package["digest"], package["size"]))) as archive:
            members = {one.name: archive.extractfile(one) for one in archive if one.name.endswith(".py")}
            return {path: text_of(file.read()) for path, file in members.items() if file is not None}
    return None


def store_sources(objects: Objects, files: Iterable[tuple[str, bytes]]) -> PackageRecord:
    """Store Python files for `read_sources`, once for all runs with the same files; return the record of the blob.

    Args:
        objects: the store.
        files: pairs of a relative path and the file's content.

    Raises:
        StoreError: the store cannot be written.
    """
    text = json_text.dumps([[path, text_of(content)] for path, content in files], ensure_ascii=False)
    data = text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes a JSON escape
    digest = sha256([data])
    if not objects.refresh(blob_key(digest), len(data)):  # most runs have the same files as the preceding run
        objects.create_blob([data])
    return {"digest": digest, "size": len(data)}


def text_of(content: bytes) -> str:
    """Return the text of a Python file, in the encoding that its first lines declare."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return decode_source(content)
        except (SyntaxError, UnicodeDecodeError):
            return content.decode("utf-8", "replace")


def store_constants(objects: Objects, constants: Iterable[tuple[str, object]]) -> dict[str, ArtifactRef]:
    """Store constants; return their references by name. Constants that cannot be pickled are skipped."""
    refs: dict[str, ArtifactRef] = {}
    for name, value in constants:
        try:
            refs[name] = codecs.store_value(objects, value)
        except ArtifactError:  # no error: steps take constants from the code, not from the store
            continue
    return refs

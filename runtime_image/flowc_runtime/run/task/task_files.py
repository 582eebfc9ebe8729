"""The files of a task: before the task's code runs, files are read from the task's catalog; afterwards, files are added
to the catalog.

The catalog of a task lists the files that the task and its ancestors have put; if several of these tasks have put a
file of the same name, the file of the nearest task is listed. The catalog is stored as one object, which the task's
record names, so that a task does not read the records of all ancestors. A join merges the catalogs of its inputs.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TypedDict, cast, final

from flowc_ir import Branch, json_text, targets
from flowc_ir.graphs.step_values import between
from flowc_ir.late import LateModule
from flowc_ir.suggestion import closest, did_you_mean
from flowc_runtime.base.ambient import ambient
from flowc_runtime.base.contract import POD
from flowc_runtime.base.errors import Damaged, NotFound
from flowc_runtime.base.file_parts import FileParts
from flowc_runtime.base.file_patterns import files_below, matching_names, parts_of
from flowc_runtime.base.mounts import volume_fault
from flowc_runtime.run import catalogs
from flowc_runtime.run.catalogs import KeepingError
from flowc_runtime.run.parents import Parents
from flowc_runtime.store.backends.external import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flowc_ir import StepFiles
    from flowc_runtime.run.assignment import Assignment
    from flowc_runtime.run.nodes.programs import masking
    from flowc_runtime.store.backends.objects import Objects
    from flowc_runtime.store.records.record_types import AttemptRecord, PackageRecord, TaskFileRecord

    class _CatalogFile(TypedDict):
        digest: str
        size: int
        step: str
        path: str

    class CatalogFile(_CatalogFile, total=False):
        """A file in a catalog, with the task that has put the file there. `place` is the file's path if it was not
        copied.

        If the catalog of a package, named `catalog`, stores the file, `place` is the file's address there.
        """

        place: str
        catalog: str

    FilesByName = dict[str, list[CatalogFile]]
else:  # imported at first use: only steps with files and secrets need it
    masking = LateModule("flowc_runtime.run.nodes.programs.masking")


class CatalogError(Exception):
    """A file of a task cannot be read, written or found. The message names the step."""


@final
class TaskFiles:
    """Reads and stores the files of one task."""

    def __init__(self, job: Assignment) -> None:
        self._job = job
        self._objects = job.run.objects
        self._catalog: PackageRecord | None = None
        self._used: list[TaskFileRecord] = []

    def enter(self) -> None:
        """Find the list of the files that the task can get: it is named by the record of the task's parent, or merged
        from the parents' records in a join. Raises StoreError, and ProtocolError."""
        job = self._job
        parents = Parents(job.before, job.graph, job.step, job.path)
        if job.node.joins is not None:
            self._catalog = self._of_join(job.node.joins, parents)
        elif found := parents.one():
            self._catalog = found[2].get("catalog")

    def add_to(self, record: AttemptRecord) -> None:
        """Add to the task's record the files that the task has got and put, and the list of the files that its children
        can get (the catalog)."""
        if self._used:
            record["files"] = self._used
        if self._catalog is not None:
            record["catalog"] = self._catalog

    # -- methods that are called before the step's code

    def get(self) -> None:
        """Write the files that match the step's `get` patterns into its data folder.

        Raises:
            CatalogError: no file matches a pattern, or a file cannot be written.
            Damaged: the stored bytes do not match their digest.
            StoreError: the store cannot be read.
        """
        files = self._job.node.files
        if files is None or not files.get:
            return
        if self._job.catalog == catalogs.NONE:
            self._check_there(files)
            return
        known = _read(self._objects, self._catalog)
        for name in self._names_to_get(files.get, known):
            self._write(os.path.join(_folder(files), name), name, known[name])

    def _names_to_get(self, patterns: Sequence[str], known: Mapping[str, object]) -> list[str]:
        wanted: dict[str, None] = {}
        for pattern in patterns:
            names = matching_names(known, pattern)
            if not names:
                raise CatalogError(
                    f"step '{self._job.step}' gets {pattern!r}, but no step before it has put such a file: "
                    f"{_near(pattern, known, 'they have put')}"
                )
            wanted |= dict.fromkeys(names)
        return list(wanted)

    def _check_there(self, files: StepFiles) -> None:
        """Check that the data folder has files for the `get` patterns. With `catalog = "none"`, the steps share the
        data folder."""
        folder = _folder(files)
        for pattern in files.get:
            if not files_below(folder, pattern):
                raise CatalogError(
                    f"step '{self._job.step}' gets {pattern!r}, but {os.path.abspath(folder)} has no such file, and "
                    'the setting catalog = "none" stores no files: share a folder between the steps, or set "store"'
                )

    def _write(self, target: str, name: str, found: Sequence[CatalogFile]) -> None:
        if len(found) > 1:
            tasks = ", ".join(f"{each['step']}/{each['path']}" for each in found[:3])
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            raise CatalogError(
                f"step '{self._job.step}' gets '{name}', which several tasks have put with different contents: "
                f"{tasks}{more}; put it under a different name in each task, such as one that contains the item"
            )
        (file,) = found
        try:
            if "place" in file and "catalog" not in file:
                self._link(target, name, file, file["place"])
            elif not _has_bytes(target, file):
                self._copy(target, file)
        except KeepingError as error:
            raise CatalogError(f"step '{self._job.step}' cannot get '{name}': {error}") from error.__cause__
        except OSError as error:
            raise CatalogError(f"step '{self._job.step}' cannot write '{name}' to {target}: {error.strerror}") from None
        except Damaged as error:
            raise type(error)(f"file '{name}' of step '{file['step']}': {error}") from None
        except NotFound as error:
            why = f"was deleted from the store ({error}): resume from the step that puts it"
            raise NotFound(f"file '{name}' of step '{file['step']}' {why}") from error
        self._used.append(_record(name, file, "get"))

    def _copy(self, target: str, file: CatalogFile) -> None:
        """Write a stored file to its path, atomically: other tasks may write the same file at the same time."""
        temporary = _beside(target)
        try:
            if "catalog" in file:
                catalogs.fetch(file["catalog"], file["place"], temporary, file["digest"])
            else:
                content = self._objects.map_blob(file["digest"], file["size"]) if file["size"] else b""
                with open(temporary, "wb") as to:
                    to.write(content)
            os.replace(temporary, target)
        finally:
            with suppress(FileNotFoundError):  # it was renamed
                os.unlink(temporary)

    def _link(self, target: str, name: str, file: CatalogFile, place: str) -> None:
        """Create a symbolic link to a file that was not copied, after checking that its bytes are unchanged."""
        who = f"step '{file['step']}' has put '{name}' into the catalog without copying it to the store"
        if not os.path.isfile(place):
            where = "this pod" if POD in os.environ else "this machine"
            raise CatalogError(
                f"{who}, and {where} has no file {place}: write store_copy=True in the Catalog of that step, "
                "or put the file on a volume that all steps mount"
            )
        if (digest := digest_of(place)) != file["digest"]:
            raise CatalogError(
                f"{who}, and {place} has changed since: its sha256 was {file['digest']} and is {digest}; "
                "restore it, run that step again, or write store_copy=True"
            )
        if os.path.realpath(target) != place:
            temporary = _beside(target)
            os.symlink(place, temporary)
            os.replace(temporary, target)

    # -- methods that are called after the step's code

    def put(self) -> None:
        """Store the files that match the step's `put` patterns, and add them to the catalog.

        Raises:
            CatalogError: no file matches a pattern, or a file cannot be stored or contains the value of a secret.
            StoreError: the store cannot be written.
        """
        files = self._job.node.files
        if files is None or not files.put:
            return
        folder = _folder(files)
        names = self._names_to_put(folder, files.put)
        if self._job.catalog == catalogs.NONE:
            return
        known = _read(self._objects, self._catalog)
        for name in names:
            path = os.path.join(folder, name)
            try:
                self._refuse_secrets(path, name, files)
                file = self._kept(path) if files.copy else self._noted(path, name)
            except KeepingError as error:
                raise CatalogError(f"step '{self._job.step}' cannot put '{name}': {error}") from error.__cause__
            except OSError as error:
                raise CatalogError(f"step '{self._job.step}' cannot put '{name}': {error.strerror}") from None
            known[name] = [file]
            self._used.append(_record(name, file, "put"))
        self._catalog = _store(self._objects, known)

    def _refuse_secrets(self, path: str, name: str, files: StepFiles) -> None:
        """Check that neither the name nor the stored bytes contain the value of a secret of the step."""
        if not (secrets := ambient().secrets):
            return
        who = f"step '{self._job.step}' cannot put"
        if (secret := masking.secret_in_text(name, secrets)) is not None:
            raise CatalogError(
                f"{who} a file whose name contains the value of the secret {secret}, which is never stored: "
                "choose another name"
            )
        if files.copy and (secret := masking.secret_in_file(path, secrets)) is not None:
            raise CatalogError(
                f"{who} '{name}': it contains the value of the secret {secret}, which is never stored: write the file "
                "without it, and declare the secret in each step that needs it"
            )

    def _names_to_put(self, folder: str, patterns: Sequence[str]) -> list[str]:
        wanted: dict[str, None] = {}
        for pattern in patterns:
            names = files_below(folder, pattern)
            if not names:
                beside = "/".join([*parts_of(pattern)[:-1], "*"])
                raise CatalogError(
                    f"step '{self._job.step}' puts {pattern!r}, but {os.path.abspath(folder)} has no such file: "
                    f"{_near(pattern, files_below(folder, beside), 'it has')}"
                )
            wanted |= dict.fromkeys(names)
        return list(wanted)

    def _kept(self, path: str) -> CatalogFile:
        job = self._job
        if job.catalog != catalogs.STORE:
            size, digest = os.stat(path).st_size, digest_of(path)
            file: CatalogFile = {"digest": digest, "size": size, "step": job.step, "path": job.path}
            return {**file, "catalog": job.catalog, "place": catalogs.keep(job.catalog, path, digest)}
        with open(path, "rb") as opened:
            content = FileParts(opened.fileno(), path)
            digest = self._objects.create_blob(content)
        return {"digest": digest, "size": content.nbytes, "step": job.step, "path": job.path}

    def _noted(self, path: str, name: str) -> CatalogFile:
        job, place = self._job, os.path.realpath(path)
        if POD in os.environ and (fault := volume_fault(place)):
            raise CatalogError(
                f"step '{job.step}' puts '{name}' into the catalog without copying it to the store, but {place} "
                f"{fault}, so other tasks could not find it: write store_copy=True, or put it on a volume that all "
                "steps mount"
            )
        size = os.stat(place).st_size
        return {"digest": digest_of(place), "size": size, "step": job.step, "path": job.path, "place": place}

    # -- joins

    def _of_join(self, split: str, parents: Parents) -> PackageRecord | None:
        """Return the catalog of a join: the catalog of the split, and the files that tasks between split and join have
        put."""
        job = self._job
        opened = job.before.task(split, job.path)
        base = opened.get("catalog")
        inside = between(job.graph.nodes, targets(job.graph.nodes[split].next), job.step)
        if not any(node.files is not None and node.files.put for node in inside):
            return base
        ends = job.graph.ends(job.node)
        if isinstance(job.graph.nodes[split].next, Branch):
            records = (parents.ended(arm, None)[2] for arm in ends)
        else:
            records = (parents.ended(ends[0], number)[2] for number in range(opened["fanout"]["count"]))
        catalogs = {found["digest"]: found for record in records if (found := record.get("catalog"))}
        if base is not None:
            catalogs.pop(base["digest"], None)
        if not catalogs:
            return base
        if base is None and len(catalogs) == 1:
            return next(iter(catalogs.values()))
        return _store(self._objects, self._merged(base, catalogs.values()))

    def _merged(self, base: PackageRecord | None, catalogs: Iterable[PackageRecord]) -> FilesByName:
        before = _read(self._objects, base)
        after: FilesByName = {}
        for catalog in catalogs:
            for name, files in _read(self._objects, catalog).items():
                if files != before.get(name):
                    known = after.setdefault(name, [])
                    digests = {each["digest"] for each in known}
                    known += [each for each in files if each["digest"] not in digests]
        return {**before, **after}


def _record(name: str, file: CatalogFile, stage: Literal["get", "put"]) -> TaskFileRecord:
    record: TaskFileRecord = {"name": name, "digest": file["digest"], "size": file["size"], "stage": stage}
    if "place" in file:
        record["place"] = file["place"]
    if "catalog" in file:
        record["catalog"] = file["catalog"]
    return record


def _folder(files: StepFiles) -> str:
    os.makedirs(files.folder, exist_ok=True)
    return files.folder


def _beside(target: str) -> str:
    """Return an unused path in the directory of a file. The directory is created if necessary."""
    directory, name = os.path.split(target)
    os.makedirs(directory or ".", exist_ok=True)
    temporary = os.path.join(directory, f".{name}.flowc-{os.getpid()}")
    # an earlier process with the same process id was killed, and has left this file
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    return temporary


def _has_bytes(path: str, file: CatalogFile) -> bool:
    """Return whether the file at a path contains the same bytes as a catalog's file."""
    if os.path.islink(path) or not os.path.isfile(path) or os.stat(path).st_size != file["size"]:
        return False
    return digest_of(path) == file["digest"]


def _read(objects: Objects, catalog: PackageRecord | None) -> FilesByName:
    if catalog is None:
        return {}
    content = objects.read_blob(catalog["digest"], catalog["size"])
    return cast("FilesByName", json_text.loads(content))  # `_store` wrote it


def _store(objects: Objects, files: FilesByName) -> PackageRecord:
    content = json_text.dumps(files, sort_keys=True).encode()
    return {"digest": objects.create_blob([content]), "size": len(content)}


def _near(pattern: str, known: Iterable[str], lead: str) -> str:
    """Return the hint for a pattern without a match: the most similar name, or the existing names."""
    names = sorted(known)
    if (meant := closest(pattern, names)) is not None:
        return did_you_mean(meant)
    shown = ", ".join(names[:5]) or "no files"
    return f"{lead} {shown}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"

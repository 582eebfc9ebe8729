"""Loads a flow from a JSON file with its IR (`flowc compile ir.json`), and its code from a directory or an archive.

The code must have the digest that the IR records. The IR is used unchanged: the decorators in the code are not read
again. As in a pod, the flow's class is imported from the code.
"""

from __future__ import annotations

import atexit
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowc.diagnostics import describe, in_order, raised_at
from flowc.frontends.ir.archives import ArchiveError, UnsafeArchiveError, read_archive, unpack
from flowc.frontends.ir.json_places import span_of, steps_of
from flowc.frontends.loaded import Loaded
from flowc.frontends.pipeline.lower_pipeline import declarations
from flowc.frontends.travel import without_ignored
from flowc.ignored import NoGitError, UnknownError
from flowc.package import UnreadableFileError, collect, pack
from flowc_ir import codes, json_text, schema
from flowc_ir.diagnostic import Faults
from flowc_ir.model import Method, Span
from flowc_ir.verify import verify
from flowc_ir.versions import IR, NewerError, SchemaError
from flowc_runtime.base.config import configuration
from flowc_runtime.process.loader import load_module
from flowc_runtime.process.scratch import ScratchDirectory
from flowc_runtime.run.nodes.nodes_program import NodesProgram
from flowc_runtime.run.program import OPENS
from flowc_runtime.store.values.files import PACKED_DIRECTORY
from flowc_runtime.store.values.parameters import config_values, own_decorators
from metaflow._program import FlowProgram

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from flowc.frontends.loaded import LoadedProgram
    from flowc.package import Package
    from flowc_ir import Flow

_WRITE: Final = "flowc ir FLOW > ir.json writes the IR of a flow"
_SHOWN: Final = 19  # errors show only this number of characters of a digest: "sha256:" and 12 digits
# For faults that the verifier finds: error code → the faulty field of the IR. For other error codes, the faulty field
# is `next`.
_FIELDS: Final = {
    codes.DUPLICATE_STEP: "id",
    codes.NO_START: "start",
    codes.WRONG_JOIN: "joins",
    codes.BAD_ACTION: "run",
}


def load_ir(path: Path, code: Path | None = None, suffixes: Collection[str] = ()) -> Loaded:
    """Load a flow from the file of its IR and from its code.

    Args:
        path: the file of the IR.
        code: the directory or archive with the code, or None for the directory of the IR's file.
        suffixes: endings of file names; besides Python files, files with these endings belong to the code in a
            directory.

    Returns:
        The loaded flow; or, if it cannot be loaded, only `diagnostics` with all faults.

    Raises:
        OSError: the file of the IR cannot be read.
    """
    faults = Faults()
    text = path.read_bytes().decode("utf-8-sig", "replace")
    flow = _read(path.name, text, faults)
    if flow is not None:
        _verify(path.name, text, flow, faults)
    package = None
    if flow is not None and not faults:
        package = _package(flow, path, text, code, suffixes, faults)
    program = None
    if flow is not None and package is not None:
        program = _program(flow, package, faults)
    if package is None or faults:
        return Loaded(package=package or pack(path.resolve().parent, []), diagnostics=in_order(faults))
    return Loaded(package=package, program=program, flow=flow)


def flags_of_ir(path: Path) -> dict[str, bool]:
    """Return the names of an IR's parameters. For each name, the value is whether the option on the command line is a
    flag.

    Args:
        path: the file of the IR; the result is empty if the file cannot be read as an IR.
    """
    try:
        flow = schema.loads(path.read_bytes())
    except (OSError, SchemaError):
        return {}
    return {parameter.name: parameter.flag for parameter in flow.parameters}


# -- the IR ------------------------------------------------------------------------------------------------------------


def _read(file: str, text: str, faults: Faults) -> Flow | None:
    """Parse the text of an IR and return the flow. If the text is invalid, add the fault to `faults` and return
    None."""
    try:
        data: object = json_text.parsed(text)
    except json.JSONDecodeError as error:
        at = Span(file, error.lineno, error.colno)
        faults.add(codes.IR_NOT_JSON, at, f"{file} is not JSON: {error.msg}", hint=_WRITE)
        return None
    except ValueError as error:
        faults.add(codes.IR_NOT_JSON, Span(file, 1, 1), f"{file} cannot be read as JSON: {error}", hint=_WRITE)
        return None
    if not (isinstance(data, dict) and IR.key in data and "nodes" in data):
        message = f"{file} is JSON, but not the IR of a flow: it has no '{IR.key}' and 'nodes'"
        faults.add(codes.NO_IR, Span(file, 1, 1), message, hint=f"{_WRITE}; or name the flow's Python file")
        return None
    try:
        return schema.loads(text)
    except NewerError as error:
        message, _, hint = str(error).partition(": ")
        faults.add(codes.IR_TOO_NEW, span_of(file, text, [IR.key]), f"{file} was {message}", hint=hint)
    except SchemaError as error:
        place, _, what = str(error).partition(": ")
        message = f"{place}: {what}" if what else str(error)
        hint = "correct the field, or write the IR again: flowc ir FLOW > ir.json"
        faults.add(codes.BAD_IR, span_of(file, text, steps_of(place)), message, hint=hint)
    return None


def _verify(file: str, text: str, flow: Flow, faults: Faults) -> None:
    """Run the verifier on the flow, and report each fault at the line of the wrong field in the IR's file."""
    places = {id(node.where): number for number, node in enumerate(flow.nodes)}
    for fault in verify(flow):
        number = places.get(id(fault.span))
        place, colon, _ = fault.message.partition(": ")
        # If the message does not name the faulty field, the error code determines the field.
        if not (colon and place.startswith("flow.")):
            field = _FIELDS.get(fault.code, "next")
            place = f"flow.{field}" if number is None else f"flow.nodes[{number}].{field}"
        steps = steps_of(place)
        step = "" if number is None else f" of step '{flow.nodes[number].id}'"
        where = f"{place.removeprefix('flow.')}{step}"
        at, also = span_of(file, text, steps), [(fault.span, "its source is here"), *fault.also]
        faults.add(fault.code, at, fault.message, hint=fault.hint, note=f"in {where}", also=also)


# -- its code ----------------------------------------------------------------------------------------------------------


def _package(
    flow: Flow, path: Path, text: str, code: Path | None, suffixes: Collection[str], faults: Faults
) -> Package | None:
    """Return the code package whose digest the IR records. If no package has this digest, add the fault to `faults` and
    return None."""
    at = span_of(path.name, text, ["code"])
    place = f"beside {path.name}" if code is None else f"in {code.name or code}"
    code = code or path.parent
    try:
        packages = [*_packages(code, flow.code.file, suffixes)]
    except FileNotFoundError:
        faults.add(
            codes.MISSING_CODE, at, f"the flow's file {flow.code.file} is not {place}",
            hint="--code DIR|ARCHIVE names the directory or the archive that has it",
        )  # fmt: skip
        return None
    except UnsafeArchiveError as error:
        faults.add(
            codes.UNSAFE_ARCHIVE, at, f"the archive {code.name} is refused: its member {error}",
            hint="make the archive of the flow's directory: tar czf code.tgz -C DIR .",
        )  # fmt: skip
        return None
    except (ArchiveError, UnreadableFileError, OSError) as error:
        faults.add(
            codes.BAD_ARCHIVE, at, f"the code {code.name} is neither a directory nor an archive: {error}",
            hint="--code takes a directory, a .zip, and a .tar, compressed or not",
        )  # fmt: skip
        return None
    for package in packages:
        if package.digest == flow.code.digest:
            return package
    faults.add(
        codes.CODE_DIFFERS, span_of(path.name, text, ["code", "digest"]),
        f"the code {place} has the digest {packages[0].digest[:_SHOWN]}…, but the IR was written for code with "
        f"{flow.code.digest[:_SHOWN]}…",
        hint="--code DIR|ARCHIVE names the code of the IR; flowc ir FLOW > ir.json writes the IR of this code",
        note="the digest also covers the files that --package-suffixes selects: give the suffixes that were given "
        "when the IR was written",
    )  # fmt: skip
    return None


def _packages(code: Path, file: str, suffixes: Collection[str]) -> Iterator[Package]:
    """Yield the code packages for which the IR may have been written. The caller chooses the package whose digest is in
    the IR.

    For an archive, the first package has all files of the archive. For the directory or the unpacked archive, two
    packages are yielded: one with the files that git ignores, and one without these files.

    Raises:
        FileNotFoundError: the flow's file is missing.
        ArchiveError: the code is neither a directory nor an archive.
        UnreadableFileError, OSError: a file cannot be read.
    """
    if not os.path.isdir(code):
        files = [each for each in read_archive(code) if not each[0].startswith(f"{PACKED_DIRECTORY}/")]
        if file not in dict(files):
            raise FileNotFoundError(file)
        code = _unpacked(files)
        yield pack(code, files)
    root = code.resolve()
    if not os.path.isfile(root / file):
        raise FileNotFoundError(file)
    package = collect(root / file, root, suffixes)
    yield package
    patterns = [part.strip() for part in (configuration.text("package-ignored") or "").split(",") if part.strip()]
    try:
        yield without_ignored(package, file, patterns)[0]
    except (NoGitError, UnknownError):  # without git, it is unknown which files are ignored
        return


def _unpacked(files: list[tuple[str, bytes]]) -> Path:
    """Unpack the files to a new directory. This process removes the new directory when it exits; forks of this process
    do not remove it."""
    scratch = ScratchDirectory("code")
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            scratch.close()

    atexit.register(remove)
    unpack(files, Path(scratch.name))
    return Path(scratch.name)


def _program(flow: Flow, package: Package, faults: Faults) -> LoadedProgram | None:
    """Import and prepare the flow's class or functions, as a pod does. If this fails, add the fault to `faults` and
    return None."""
    try:
        if not any(isinstance(node.run, Method) for node in flow.nodes):
            of_nodes = NodesProgram(flow, str(package.root), cls=declarations(flow, __name__))
            of_nodes.begin(flow, str(package.root))
            return of_nodes
        module = load_module(package.root, flow.code.file, guarded=True)
        opens: Callable[[], object] | None = getattr(getattr(module, flow.code.name, None), OPENS, None)
        program = opens() if opens is not None else None
        if not isinstance(program, FlowProgram):
            message = f"{flow.code.file} defines no flow '{flow.code.name}'"
            faults.add(codes.MISSING_CODE, Span(flow.code.file, 1, 1), message, hint=_WRITE)
            return None
        program.prepare(config_values(flow.configs), own_decorators(flow))
        program.begin(flow, str(package.root))
    except (Exception, SystemExit) as error:  # user code may raise any exception
        message = f"importing {flow.code.file} failed: {describe(error)}"
        hint = "tasks import it in the same way: install the packages that it needs"
        faults.add(codes.IMPORT_FAILED, Span(flow.code.file, 1, 1), message, hint=hint, note=raised_at(error))
        return None
    return program

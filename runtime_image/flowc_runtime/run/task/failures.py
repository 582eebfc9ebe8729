"""Describes the errors of failed attempts: for records, for messages and for `@catch`."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from flowc_ir.late import LateFunction, LateModule
from flowc_runtime.base.errors import ArtifactError, FlowcError, StepTimeout
from flowc_runtime.store.values.descriptions import type_name

if TYPE_CHECKING:
    import ast
    import linecache
    import traceback
    from collections.abc import Callable
    from types import CodeType
    from typing import TypeAlias

    from flowc_runtime.process.own_names import own_names
    from flowc_runtime.store.records.record_types import ErrorRecord, Exit, Frame
    from flowc_runtime.store.records.run_store import RunStore

    _Restore: TypeAlias = "Callable[[type[Caught], dict[str, object]], Caught]"
else:  # imported at first use, because the import costs start-up time
    own_names = LateFunction("flowc_runtime.process.own_names:own_names")
    linecache = LateModule("linecache")
    traceback = LateModule("traceback")
    ast = LateModule("ast")

_OURS = __file__.removesuffix("run/task/failures.py")  # The directory of flowc_runtime.
_LIBRARY = f"{os.path.dirname(os.__file__)}{os.sep}"  # The directory of Python's standard library.
PROCESS_DIED = "flowc.ProcessDied"
_UNMAPPED = (
    "a mapped file could not be read: it was truncated, or its disk failed; check the disk, and the store with "
    "`flowc fsck`"
)
_LIMIT = 16_000  # the maximum number of characters of a message or traceback in a record


FAILED_OUTSIDE = "metaflow.plugins.catch_decorator.FailureHandledByCatch"


class Caught(Exception):
    """The failure of a step, which `@catch(var=…)` stores as text, so that it can be loaded without the exception's
    class.

    Attributes:
        type: the dotted name of the exception's type, such as `builtins.ValueError`. If the step ended without an
            exception (by a signal or an exit), `type` is `metaflow.plugins.catch_decorator.FailureHandledByCatch`.
        exception: the exception's text, the result of `str`.
        stacktrace: the whole traceback; `str` and `repr` of this object return the traceback too.
    """

    def __init__(self, error: ErrorRecord) -> None:
        kind = error.get("type", "")
        outside = kind in (PROCESS_DIED, "SystemExit")
        self.type = FAILED_OUTSIDE if outside else kind if "." in kind else f"builtins.{kind}"
        self.exception = error.get("message", "")
        self.stacktrace = error.get("traceback") or f"{self.type}: {self.exception}\n"
        super().__init__()

    def __reduce__(self) -> tuple[_Restore, tuple[type[Caught], dict[str, object]]]:
        return _restore, (type(self), self.__dict__)

    def __repr__(self) -> str:
        return self.stacktrace

    def __str__(self) -> str:
        return self.stacktrace


def _restore(cls: type[Caught], state: dict[str, object]) -> Caught:
    """Restore a stored failure from its attributes."""
    caught = cls.__new__(cls)
    caught.__dict__.update(state)
    return caught


def describe(error: BaseException, root: str, code: CodeType | None = None) -> ErrorRecord:
    """Return the error record of an exception that user code raised, without the frames of flowc.

    Messages and tracebacks are cut to 16,000 characters.

    Args:
        error: the exception.
        root: the directory of the user code; file names in the record are relative to it.
        code: the code object of the step. If an artifact cannot be stored, this code is searched for the line that
        assigned the artifact.
    """
    if isinstance(error, ArtifactError) and len(error.args) == 2:
        return _describe_artifact(*error.args, root, code)
    trace = traceback.TracebackException.from_exception(error)
    own = _clean(trace, root, timed_out=isinstance(error, StepTimeout))
    text = "".join(trace.format())
    if isinstance(error, SystemExit):  # the traceback of a SystemExit shows only the exit code
        text += f"{_message(error)}\n"
    return {
        "type": type_name(type(error)),
        "message": _message(error)[:_LIMIT],
        "repr": _safely(repr, error)[:_LIMIT],
        "traceback": text[-_LIMIT:],
        "frames": [_frame(entry) for entry in own or trace.stack],
    }


def _clean(trace: traceback.TracebackException, root: str, *, timed_out: bool) -> list[traceback.FrameSummary]:
    """Remove flowc's frames from a traceback, and make file names relative to `root`; return the frames of user code.

    Because the file names are relative, the record and the failure that @catch stores are the same on every machine.
    The frames through which flowc calls user code are removed as well, for example frames of asyncio. After a timeout,
    the frames in which flowc itself waited, for example for a command, are removed too.
    """
    sdk = getattr(sys.modules.get("metaflow"), "__file__", None) or _OURS
    ours = (_OURS, f"{sdk.rpartition('/')[0]}/")
    own: list[traceback.FrameSummary] = []
    here: traceback.TracebackException | None = trace
    while here is not None:
        entries = []
        for entry in here.stack:
            if entry.filename.startswith(ours):
                continue
            if _is_below(entry.filename, root):
                file = entry.filename[len(root) + 1 :]
                entry = traceback.FrameSummary(file, entry.lineno, entry.name, lookup_line=False, line=entry.line)
                own += [entry] if here is trace else []
            entries.append(entry)
        first = next((number for number, entry in enumerate(entries) if not _is_library(entry.filename)), None)
        if first is None and timed_out and here is trace:
            first = len(entries)
        here.stack = traceback.StackSummary.from_list(entries[first:])
        here = here.__cause__ or here.__context__
    return own


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARY) and "/site-packages/" not in file


def _is_below(file: str, root: str) -> bool:
    return bool(root) and file.startswith(f"{root}/") and "/site-packages/" not in file


def _frame(entry: traceback.FrameSummary) -> Frame:
    return {"file": entry.filename, "line": entry.lineno or 0, "function": entry.name, "text": entry.line or ""}


def _message(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"the step called sys.exit({error.code!r}) before it had finished"
    return _safely(str, error)


def _safely(convert: Callable[[BaseException], str], error: BaseException) -> str:
    """Convert an exception to text with `str` or `repr`, which may raise an exception themselves."""
    try:
        return str(convert(error))
    except Exception as second:
        return f"<{type(error).__name__} whose text fails with {type(second).__name__}>"


def _describe_artifact(name: str, message: str, root: str, code: CodeType | None) -> ErrorRecord:
    """Return the error record for an artifact that cannot be stored, with the line of the step that assigned it."""
    frame = _assignment(name, root, code) if code is not None else None
    text = f"cannot store artifact '{name}': {message}"
    where = (
        f'  File "{frame["file"]}", line {frame["line"]}, in {frame["function"]}\n    {frame["text"]}\n'
        if frame
        else ""
    )
    return {
        "type": type_name(ArtifactError),
        "message": text,
        "repr": f"ArtifactError({text!r})",
        "traceback": f"{where}{text}\n",
        "frames": [frame] if frame else [],
    }


def _assignment(name: str, root: str, code: CodeType) -> Frame | None:
    """Return the last line of the step's code that assigns `self.NAME`, or None if no line assigns it.

    The step's function is found by its first line (which may be a decorator), because several functions may share a
    name.
    """
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except SyntaxError:
        return None
    lines = [
        target.lineno
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and function.name == code.co_name
        and min([function.lineno, *(each.lineno for each in function.decorator_list)]) == code.co_firstlineno
        for own in [own_names(function)]
        for target in ast.walk(function)
        if isinstance(target, ast.Attribute)
        and isinstance(target.ctx, ast.Store)
        and target.attr == name
        and target.value in own
    ]
    if not lines:
        return None
    line = max(lines)
    text = linecache.getline(code.co_filename, line).strip()
    file = code.co_filename[len(root) + 1 :] if _is_below(code.co_filename, root) else code.co_filename
    return {"file": file, "line": line, "function": code.co_name, "text": text}


def describe_refusal(error: FlowcError) -> ErrorRecord:
    """Return the error record of an attempt that flowc could not execute or record: flowc's error, without frames."""
    return {"type": type_name(type(error)), "message": str(error), "repr": repr(error), "frames": []}


# -- processes without a record --------------------------------------------------------------------------------------


def describe_death(
    exit_: Exit, why: str | None = None, *, ending: bool = False, ended_by_run: bool = False
) -> ErrorRecord:
    """Return the error record for a task whose process ended without writing a record, by a signal or an exit.

    Args:
        exit_: how the process ended.
        why: the reason, if the parent process knows it.
        ending: whether the step's code had ended, and only exit handlers or threads were still running.
        ended_by_run: whether the process was ended because the run ends.
    """
    last = "while exit handlers ran or threads were waited for, after the step's code" if ending else ""
    if why is not None:
        message = f"{why} {last}".rstrip()
    elif name := exit_.get("signal"):
        hint = {
            "SIGSEGV": " (segmentation fault)",
            "SIGBUS": f" ({_UNMAPPED})",
            "SIGKILL": " (the system may have run out of memory)",
        }.get(name, "")
        message = f"the process was killed by {name}{hint} {last}".rstrip()
    else:
        message = f"the process exited with code {exit_.get('code')} {last or 'before the step had finished'}"
    error: ErrorRecord = {
        "type": PROCESS_DIED,
        "message": message,
        "repr": f"ProcessDied({message!r})",
        "frames": [],
    }
    if ended_by_run:
        error["ended_by_run"] = True
    if why is None:  # the reason is unknown: the process may have used too much memory
        error["note"] = f"its peak memory was {mebibytes(exit_.get('peak_rss', 0))}"
    return error


def short_type(error: ErrorRecord) -> str:
    """Return the error's type as a prefix of its message, such as `ValueError: `; empty if the message is clear without
    the type."""
    kind = error["type"]
    ours = kind == PROCESS_DIED or kind.startswith(("flowc_runtime.", "metaflow.plugins.timeout_decorator."))
    return "" if ours else f"{kind}: "


def typed(error: ErrorRecord) -> str:
    """Return the type and the message of an error, for lists of runs."""
    return f"{short_type(error)}{error['message']}".removesuffix(": ")


def text_of(error: ErrorRecord) -> str:
    """Return the message and the note of an error, for display."""
    return "; ".join(part for part in (error["message"], error.get("note")) if part)


def signal_name(number: int) -> str:
    """Return the name of a signal: `SIGKILL` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def mebibytes(size: int) -> str:
    """Convert a size in bytes to text such as `123 MiB`."""
    return f"{size / (1 << 20):,.0f} MiB"


def lost_attempts(run: RunStore, step: str, path: str, attempt: int) -> ErrorRecord:
    """Return the error of a task's earlier attempts: the last recorded error, or an error about a process that vanished
    without a record.

    Args:
        run: the run.
        step: the task's step.
        path: the task's index path.
        attempt: the number of this attempt.

    Raises:
        StoreError: the store cannot be read.
    """
    for number in range(attempt - 1, 0, -1):
        record = run.attempt(step, path, number)
        if record is not None and "error" in record:
            return record["error"]
        if record is None:
            break
    message = "the process vanished without a record: it was killed, or its machine was lost"
    return {"type": PROCESS_DIED, "message": message, "repr": f"ProcessDied({message!r})", "frames": []}

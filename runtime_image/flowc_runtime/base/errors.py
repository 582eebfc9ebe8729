"""Errors of the runtime. `contract` defines the exit codes that report these errors to an orchestrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from flowc_ir.late.namedtuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class FlowcError(Exception):
    """Base class of the errors that flowc prints in one line, without a traceback.

    `passing` is true if another attempt may succeed.
    """

    passing: ClassVar[bool] = False


class HintedError(Exception):
    """Base class of errors with two parts: `message` describes the fault, and `hint` describes the remedy."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class NotFound(FlowcError):
    """The store has no such object, run, task or artifact."""


class StoreError(FlowcError):
    """The store could not be read or written, or contains a damaged object."""

    passing = True


class AddressError(StoreError):
    """This installation cannot open a store at the given address."""

    passing = False


class LibraryError(AddressError):
    """The client library for the store's kind of address is not installed, or cannot be loaded."""


class RecordError(StoreError):
    """An object of the store cannot be read. Listings omit the object, since other objects may be readable.

    `key` is the object's key. `subject` names the owner of the object, such as `run Flow/1`; it is empty if unknown.
    """

    def __init__(self, message: str, key: str = "", subject: str = "") -> None:
        super().__init__(message)
        self.key, self.subject = key, subject


class FormatError(RecordError):
    """An object of the store was written by a newer flowc."""

    passing = False


class DamagedRecord(RecordError):
    """The content of an object of the store is not valid for this kind of object, such as a record without a required
    field; `why` describes the fault."""

    passing = False

    def __init__(self, message: str, key: str = "", subject: str = "", why: str = "") -> None:
        super().__init__(message, key, subject)
        self.why = why


class LostRecord(RecordError):
    """An object of the store is missing although it existed: it was moved to `damaged/`, or another object refers to
    it."""

    passing = False


class MovedAside(LostRecord):
    """An object of the store was moved to `damaged/` by `flowc fsck --repair`; it can be restored."""


class ArtifactError(FlowcError):
    """An artifact cannot be stored or restored. The message contains the artifact's name, its type and the line that
    assigned it."""


class Damaged(ArtifactError):
    """Bytes in the store do not match their digest. The message names the object, the expected size and digest, and the
    remedy."""


class DamagedOnTheWay(Damaged):
    """The received bytes are damaged, but the bytes in the store may be correct: another attempt may succeed."""

    passing = True


class ProtocolError(FlowcError):
    """The arguments of a task are invalid for its flow: an unknown step, a path without a parent, a bad parameter."""


class SettingsError(FlowcError):
    """A METAFLOW_* variable or Metaflow's configuration file has an unsupported value, or the file cannot be read."""


class ConfigurationFault(NamedTuple):
    """One fault of a configuration: `message` describes the fault and its location, `hint` the remedy."""

    message: str
    hint: str


class ConfigurationError(FlowcError):
    """A configuration file or a `FLOWC_*` variable cannot be read, or has `faults`."""

    def __init__(self, faults: Sequence[ConfigurationFault]) -> None:
        super().__init__("; ".join(f"{fault.message} ({fault.hint})" for fault in faults))
        self.faults = tuple(faults)


class TagError(FlowcError):
    """An invalid tag, or a tag that cannot be changed."""


class StepTimeout(Exception):
    """The step exceeded its @timeout. The exception is raised inside the step, so that the step's own code and @catch
    see it."""

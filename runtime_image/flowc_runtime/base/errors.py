"""Errors of the runtime. `contract` has the exit codes by which an orchestrator tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class FlowcError(Exception):
    """Base of the errors that are told to a user in one line, without a traceback of ours.

    `passing` says whether the same may go well at another attempt.
    """

    passing: ClassVar[bool] = False


class NotFound(FlowcError):
    """There is no such object, run, task or artifact in the store."""


class StoreError(FlowcError):
    """The store could not be read or written, or holds something damaged."""

    passing = True


class AddressError(StoreError):
    """An address at which this installation can open no store."""

    passing = False


class RecordError(StoreError):
    """One object of the store cannot be read; what else there is may be whole, so lists go on without it.

    `key` is the object's key. `subject` names what the object belongs to, such as `run Flow/1`, or is empty if unknown.
    """

    def __init__(self, message: str, key: str = "", subject: str = "") -> None:
        super().__init__(message)
        self.key, self.subject = key, subject


class FormatError(RecordError):
    """An object of the store was written by a newer flowc."""

    passing = False


class DamagedRecord(RecordError):
    """An object of the store has another content than its kind has: `why` says what is wrong with it."""

    passing = False

    def __init__(self, message: str, key: str = "", subject: str = "", why: str = "") -> None:
        super().__init__(message, key, subject)
        self.why = why


class LostRecord(RecordError):
    """An object of the store is gone that has been there: it was moved aside, or what needs it is there."""

    passing = False


class MovedAside(LostRecord):
    """An object of the store was moved aside by `flowc fsck --repair`, and may be restored."""


class ArtifactError(FlowcError):
    """An artifact cannot be stored or restored; the message names it, its type and the line that assigned it."""


class Damaged(ArtifactError):
    """The store has other bytes than a digest names; the message says where, what was expected, and what to do."""


class DamagedOnTheWay(Damaged):
    """The bytes came wrong, and those in the store may be whole: another attempt may read them."""

    passing = True


class ProtocolError(FlowcError):
    """A task was given what does not fit its flow: an unknown step, a path without a parent, a bad parameter."""


class SettingsError(FlowcError):
    """A METAFLOW_* variable or a configuration file asks for what there is not, or cannot be read."""


class ConfigurationFault(NamedTuple):
    """One fault of a configuration: what is wrong and where, and what to do."""

    message: str
    hint: str


class ConfigurationError(FlowcError):
    """A configuration file, or a `FLOWC_*` variable, cannot be read or has `faults`."""

    def __init__(self, faults: Sequence[ConfigurationFault]) -> None:
        super().__init__("; ".join(f"{fault.message} ({fault.hint})" for fault in faults))
        self.faults = tuple(faults)


class TagError(FlowcError):
    """Not a tag, or one that cannot be changed."""


class StepTimeout(Exception):
    """The step ran longer than its @timeout allows; raised inside the step, so that its own code and @catch see it."""

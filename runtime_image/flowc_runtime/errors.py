"""Errors of the runtime. `contract` has the exit codes by which an orchestrator tells them apart."""

from __future__ import annotations


class FlowcError(Exception):
    """Base of the errors that are told to a user in one line, without a traceback of ours."""


class NotFound(FlowcError):
    """There is no such object, run, task or artifact in the store."""


class StoreError(FlowcError):
    """The store could not be read or written, or holds something damaged."""


class FormatError(FlowcError):
    """The store holds something that a newer flowc wrote."""


class ArtifactError(FlowcError):
    """An artifact cannot be stored or restored; the message names it, its type and the line that assigned it."""


class ProtocolError(FlowcError):
    """A task was given what does not fit its flow: an unknown step, a path without a parent, a bad parameter."""


class SettingsError(FlowcError):
    """A METAFLOW_* variable or a configuration file asks for what there is not, or cannot be read."""


class TagError(FlowcError):
    """Not a tag, or one that cannot be changed."""


class StepTimeout(Exception):
    """The step ran longer than its @timeout allows; raised inside the step, so that its own code and @catch see it."""

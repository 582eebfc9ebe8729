"""Metaflow's exceptions, as far as flows see them."""

from __future__ import annotations

__all__ = ["ConfigError", "MetaflowException", "MissingInMergeArtifactsException", "UnhandledInMergeArtifactsException"]


class MetaflowException(Exception):
    """Base of what the API raises. `headline` is a title for a person."""

    headline = "Flow failed"

    def __init__(self, msg: str = "", lineno: int | None = None) -> None:
        self.message = msg
        self.line_no = lineno
        super().__init__(msg)


class UnhandledInMergeArtifactsException(MetaflowException):
    """Artifacts have different values in the inputs of a join and nothing says which one to take."""

    headline = "Unhandled artifacts in merge"

    def __init__(self, msg: str, unhandled: list[str]) -> None:
        super().__init__(msg)
        self.artifact_names = unhandled


class MissingInMergeArtifactsException(MetaflowException):
    """`include` names artifacts that no input has."""

    headline = "Missing artifacts in merge"

    def __init__(self, msg: str, unhandled: list[str]) -> None:
        super().__init__(msg)
        self.artifact_names = unhandled


class ConfigError(MetaflowException):
    """Expressions that cannot be evaluated: (message, file, line) of each."""

    headline = "Config expression"

    def __init__(self, faults: list[tuple[str, str, int]]) -> None:
        super().__init__("; ".join(message for message, _, _ in faults))
        self.faults = faults

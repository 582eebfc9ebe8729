"""Modules that are imported when something of them is first used: they cost start-up time, or are an extra."""

from __future__ import annotations

from importlib import import_module


class LateModule:
    """A module by its name; its attributes are those of the module, which the first of them imports.

    >>> json = LateModule("json")
    >>> json.loads("1")
    1
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> object:
        return getattr(import_module(self._name), name)

    def __repr__(self) -> str:
        return f"LateModule({self._name!r})"

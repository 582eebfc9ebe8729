"""Records the names that a task reads: a resumed run and @cache reuse the task's results if these values are
unchanged."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, final

from flowc_runtime.base.ambient import ambient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@final
class Reads(dict[str, object]):
    """The values of a task's parameters, by name. `seen` contains the names that the code has read."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.seen: set[str] = set()
        self.others: Callable[[], None] | None = None  # a function that marks all artifacts and inputs as read

    def __getitem__(self, name: str) -> object:
        value = super().__getitem__(name)
        self.seen.add(name)
        return value

    def __reduce__(self) -> tuple[object, ...]:
        self.see_all()
        return dict, (dict(self),)

    def see_all(self) -> None:
        """Mark all values as read, because later reads cannot be observed."""
        self.seen.update(self)
        if self.others is not None:
            self.others()

    def watch_forks(self) -> None:
        """When this process forks, mark all values as read: the reads of a forked process cannot be observed.

        Hazard: a function registered with `os.register_at_fork` cannot be removed. So one function is registered once,
        and calls `Ambient.before_fork`, which can be replaced.
        """
        _register()
        ambient().before_fork = self.see_all


@cache
def _register() -> None:
    """Register `_forking` to be called before every fork. The registration happens only once, since Python cannot undo
    it."""
    os.register_at_fork(before=_forking)


def _forking() -> None:
    if (before_fork := ambient().before_fork) is not None:
        before_fork()

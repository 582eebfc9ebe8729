"""The names that a task read; only these count for a resumed run with changed parameters and for @cache."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, final

from flowc_runtime.base.ambient import ambient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@final
class Reads(dict[str, object]):
    """The values of a task's parameters; `seen` collects the names that the code reads."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__(values)
        self.seen: set[str] = set()
        self.others: Callable[[], None] | None = None  # marks all artifacts and inputs as read

    def __getitem__(self, name: str) -> object:
        value = super().__getitem__(name)
        self.seen.add(name)
        return value

    def __reduce__(self) -> tuple[object, ...]:
        self.see_all()
        return dict, (dict(self),)

    def see_all(self) -> None:
        """Mark every value as read, because the code can read values unseen."""
        self.seen.update(self)
        if self.others is not None:
            self.others()

    def watch_forks(self) -> None:
        """Make every fork mark all values as read, since this process cannot see the reads of a forked process.

        Hazard: the hook is registered once with `os.register_at_fork` and stays for the life of the process; it acts
        through `Ambient.before_fork`.
        """
        _register()
        ambient().before_fork = self.see_all


@cache
def _register() -> None:
    """Call `_forking` before every fork. It runs once: Python cannot remove such a function."""
    os.register_at_fork(before=_forking)


def _forking() -> None:
    if (before_fork := ambient().before_fork) is not None:
        before_fork()

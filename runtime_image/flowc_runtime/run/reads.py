"""What a task has looked at: a resumed run with other parameters, and a step with @cache, depend on no more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@final
class Reads(dict[str, Any]):
    """The values of a task's parameters, which note the names that were asked for in `seen`."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self.seen: set[str] = set()
        self.others: Callable[[], None] | None = None  # notes that all else is read as well

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        self.seen.add(name)
        return value

    def __reduce__(self) -> tuple[Any, ...]:
        self.see_all()
        return dict, (dict(self),)

    def see_all(self) -> None:
        """What is read out of sight may be any of them."""
        self.seen.update(self)
        if self.others is not None:
            self.others()

    def watch_forks(self) -> None:
        """A process that the step forks reads where this one does not see it: from then on all count as read."""
        global watched, _registered
        if not _registered:
            os.register_at_fork(before=_forking)
            _registered = True
        watched = self


watched: Reads | None = None
"""Those of the task that this process runs."""
_registered = False  # whether `_forking` is called before a fork


def _forking() -> None:
    if watched is not None:
        watched.see_all()

"""Count a run's tasks by outcome, for JSON events and for text."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir.counting import count
from flowc_ir.late.dataclass import dataclass, field_names

if TYPE_CHECKING:
    from collections.abc import Iterator


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The numbers of a run's tasks by outcome. A task with several attempts is counted once.

    `failed`: tasks that failed without a further attempt; `ended`: tasks that the run stopped, because the run was
    interrupted or another member of their gang failed. `total` is a lower bound, or the number of all tasks if `exact`
    is true.
    """

    done: int
    failed: int = 0
    ended: int = 0
    total: int = 0
    exact: bool = True

    @property
    def not_run(self) -> int:
        """The number of tasks that were not started; a lower bound if `total` is not exact."""
        return max(0, self.total - self.done - self.failed - self.ended)

    def fields(self) -> dict[str, int | None]:
        """Return the numbers as the fields of a JSON event.

        Returns:
            `tasks` (the completed ones), `failed`, `ended` and `total`, which is None if the total is not exact.
        """
        numbers: dict[str, int] = {name: getattr(self, name) for name in field_names(self)}
        exact = numbers.pop("exact")
        return {"tasks": numbers.pop("done"), **numbers, "total": self.total if exact else None}

    def words(self, state: str, seconds: float) -> str:
        """Return the numbers as text that follows a run's state, such as `1 task in 2.0 s; 3 done` for a failed run.

        Args:
            state: `succeeded`, `failed` or `interrupted`.
            seconds: the duration of the run.
        """
        took = f"in {seconds:.1f} s"
        if state == "succeeded":
            return f"{count(self.done, 'task')} {took}"
        mine = self.failed if state == "failed" else self.ended
        if not mine:  # no task has this outcome: for example, only the run's data is not on the disk
            return ", ".join([f"{count(self.done, 'task')} done {took}", *list(self._others(state))[1:]])
        return f"{count(mine, 'task')} {took}; {', '.join(self._others(state))}"

    def _others(self, state: str) -> Iterator[str]:
        yield f"{self.done} done"
        if self.failed and state != "failed":
            yield f"{self.failed} failed"
        if self.ended and state == "failed":
            yield f"{self.ended} ended"
        if self.not_run:
            yield f"{'' if self.exact else 'at least '}{self.not_run} not run"

"""How many tasks of a run went which way, in numbers and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, final

from flowc_ir.counting import count

if TYPE_CHECKING:
    from collections.abc import Iterator


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The tasks of a run. A task counts once, whatever its attempts.

    `failed`: of their own, without a further attempt; `ended`: by the run, because it was interrupted or the rest of
    their gang failed. `total` is the least that there can be, and all if it is `exact`.
    """

    done: int
    failed: int = 0
    ended: int = 0
    total: int = 0
    exact: bool = True

    @property
    def not_run(self) -> int:
        """The least number of tasks that have not been begun."""
        return max(0, self.total - self.done - self.failed - self.ended)

    def fields(self) -> dict[str, Any]:
        """The numbers for a program; `tasks` are those that are done, `total` is None where it is not known."""
        numbers = asdict(self)
        exact = numbers.pop("exact")
        return {"tasks": numbers.pop("done"), **numbers, "total": self.total if exact else None}

    def words(self, state: str, seconds: float) -> str:
        """What is told behind a run's state: how many tasks are in it, and how many are not."""
        took = f"in {seconds:.1f} s"
        if state == "succeeded":
            return f"{count(self.done, 'task')} {took}"
        mine = self.failed if state == "failed" else self.ended
        if not mine:  # such as a run that the disk may not have
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

"""Several calls of one Argo template run tasks with different index paths (such as `0.3` for item 3 of a foreach), so
the template computes these paths from its inputs. A place has the information for this: the index path that the
template gets as input, and the loops that contain the tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from flowc_ir.graphs.scopes import LoopScope
from flowc_ir.late.dataclass import dataclass, replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowc_ir.graphs.scopes import Scope
    from flowc_ir.model import NodeId

PATH = "{{inputs.parameters.path}}"
ROOT_PATH = "0"


@final
@dataclass(frozen=True, slots=True)
class Round:
    """A loop around a place: `header` is the loop's first step, `template` is the loop's template. The template runs
    several iterations. The number of the first one is an input of the template, and the place belongs to the
    iteration that is `offset` iterations later.
    """

    header: NodeId
    template: str
    offset: int = 0


@final
@dataclass(frozen=True, slots=True)
class TemplatePlace:
    """The place of a task in a template. `base` is the index path without the iteration numbers of the loops `rounds`.
    The template gets these numbers as its inputs `n1`, `n2`, …, outermost first.

    If a loop has several exits, the loop's template also contains the steps after the loop; the index path of these
    steps contains no iteration number of this loop.
    """

    base: str = PATH
    rounds: tuple[Round, ...] = ()

    def path(self, scopes: Sequence[Scope]) -> str:
        """Return the index path of a task, such as `0.3`; `scopes` are the foreach, gangs and loops around the task's
        step. The path may contain expressions of Argo."""
        inside = [at for at, round_ in enumerate(self.rounds) if LoopScope(round_.header) in scopes]
        return self.base + "".join(f"~{self._number(at)}" for at in inside)

    def arguments(self) -> dict[str, str]:
        """Return the arguments with which a task at this place calls another template: the index path of the place, and
        the number of the current iteration of each loop."""
        return {"path": self.base} | {_counter(at): self._number(at) for at in range(len(self.rounds))}

    def called(self) -> TemplatePlace:
        """Return the place that the tasks have inside a template which is called from this place. The called template
        gets the index path and the numbers of the iterations as inputs, so all offsets are 0."""
        return TemplatePlace(PATH, tuple(replace(round_, offset=0) for round_ in self.rounds))

    def inputs(self) -> list[str]:
        """Return the names of the inputs of a template that is called from this place."""
        return ["path", *(_counter(at) for at in range(len(self.rounds)))]

    def into(self, header: NodeId, template: str) -> TemplatePlace:
        """Return the place that the tasks of a loop have inside the loop's template, which is called from this place.

        Args:
            header: the loop's header.
            template: the name of the loop's template.
        """
        return TemplatePlace(PATH, (*self.called().rounds, Round(header, template)))

    def again(self, header: NodeId) -> TemplatePlace:
        """Return the place at which the next iteration of a loop begins. The loop contains this place; loops inside it
        do not contain the new place.

        Args:
            header: the header of one of `rounds`.
        """
        at = next(at for at, round_ in enumerate(self.rounds) if round_.header == header)
        last = self.rounds[at]
        return TemplatePlace(self.base, (*self.rounds[:at], replace(last, offset=last.offset + 1)))

    def _number(self, at: int) -> str:
        offset, value = self.rounds[at].offset, f"inputs.parameters.{_counter(at)}"
        return f"{{{{=string(asInt({value}) + {offset})}}}}" if offset else f"{{{{{value}}}}}"


def _counter(at: int) -> str:
    return f"n{at + 1}"
